//! Frames with what was found and missed drawn over them.

use std::fmt::Write;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::{both, both_in};
use crate::escape::xml;
use crate::records::{CodeView, FrameRecord, PrintRole, RunRecord};

/// A code of which less is visible is not drawn at all.
const DRAWN_FROM: f64 = 0.05;

/// How a view is drawn.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Found,
    Missed,
    Hidden,
    Decoy,
    Misread,
}

impl Kind {
    fn class(self) -> &'static str {
        match self {
            Self::Found => "found",
            Self::Missed => "missed",
            Self::Hidden => "hidden",
            Self::Decoy => "decoy",
            Self::Misread => "misread",
        }
    }

    fn of(view: &CodeView) -> Option<Self> {
        match view.role {
            PrintRole::Trace if view.read => Some(Self::Found),
            PrintRole::Trace if view.visible => Some(Self::Missed),
            _ if view.visible_fraction < DRAWN_FROM => None,
            PrintRole::Trace => Some(Self::Hidden),
            PrintRole::Decoy => Some(Self::Decoy),
        }
    }
}

/// All frames that have a picture.
pub(super) fn section(run: &RunRecord) -> String {
    let figures: String =
        run.frames.iter().enumerate().filter(|(_, frame)| frame.picture.is_some()).map(|(i, frame)| figure(run, i, frame)).collect();
    if figures.is_empty() {
        return String::new();
    }
    let legend: String = [
        ("#16c653", "solid", ("found", "已识读")),
        ("#ff2f2f", "solid", ("visible but missed: px per module, visible share", "可见但漏读：每模块像素数、可见比例")),
        ("#ffc247", "dashed", ("not visible enough to count", "可见部分不足，不计入")),
        ("#9aa5b3", "solid", ("decoy (retail code)", "干扰码（商品条码）")),
        ("#ff3be8", "dashed", ("misread", "误读")),
    ]
    .iter()
    .map(|(color, style, (en, zh))| format!(r#"<span><i style="border-color:{color};border-style:{style}"></i>{}</span>"#, both(en, zh)))
    .collect();
    super::section(
        ("Frames", "图像帧"),
        (
            "Click a picture to enlarge it; there, found codes show their px per module too.",
            "点击图片可放大；放大后已识读的码也标出每模块像素数。",
        ),
        &format!("<div class=\"legend\">{legend}</div>\n<div class=\"frames\">\n{figures}</div>\n"),
    )
}

fn figure(run: &RunRecord, index: usize, frame: &FrameRecord) -> String {
    let views: Vec<_> =
        run.views.iter().filter(|view| view.frame == index).filter_map(|view| Kind::of(view).map(|kind| (kind, view))).collect();
    let count = |kind| views.iter().filter(|(of, _)| *of == kind).count();
    let (found, missed) = (count(Kind::Found), count(Kind::Missed));
    let (camera, stop, angle, pattern) = (&frame.camera, frame.stop, frame.turntable_deg, &frame.pattern);
    let (mut more_en, mut more_zh) = (String::new(), String::new());
    if !frame.misreads.is_empty() {
        more_en += &format!(", {} misread", frame.misreads.len());
        more_zh += &format!("，误读 {}", frame.misreads.len());
    }
    if !frame.complete {
        more_en += ", incomplete";
        more_zh += "，帧不完整";
    }
    let caption = both(
        &format!("Frame {index}: camera {camera}, stop {stop} ({angle:.0}°), light {pattern} · {found} found, {missed} missed{more_en}"),
        &format!("帧 {index}：相机 {camera}，停位 {stop}（{angle:.0}°），光源 {pattern} · 识读 {found}，漏读 {missed}{more_zh}"),
    );
    format!(
        "<figure><button type=\"button\" class=\"shot\">{}</button><figcaption>{caption}</figcaption></figure>\n",
        picture(frame, &views)
    )
}

/// Everything is in pixels of the full frame, whose top-left pixel has its centre at (0, 0).
fn picture(frame: &FrameRecord, views: &[(Kind, &CodeView)]) -> String {
    let (width, height) = (f64::from(frame.width), f64::from(frame.height));
    let size = width / 42.0;
    let mut out = format!(r#"<svg class="frame" viewBox="-0.5 -0.5 {width} {height}" style="--f:{size:.1}px" role="img">"#);
    if let Some(picture) = &frame.picture {
        let (mime, data) = (picture.format.mime(), STANDARD.encode(&picture.bytes));
        // Writing into a string cannot fail, here and below.
        let _ = write!(
            out,
            r#"<image x="-0.5" y="-0.5" width="{width}" height="{height}" preserveAspectRatio="none" href="data:{mime};base64,{data}"/>"#
        );
    }
    let mut labels = Labels { width, height, size, taken: Vec::new() };
    // What matters most is drawn last, and its labels are placed first.
    let mut drawn = Vec::new();
    for misread in &frame.misreads {
        let title = format!("misread ({}): {}", misread.kind.key(), misread.text);
        drawn.push(shape(Kind::Misread, &misread.corners, &title, Some((&misread.text, &misread.text)), &mut labels));
    }
    for kind in [Kind::Missed, Kind::Found, Kind::Hidden, Kind::Decoy] {
        for (_, view) in views.iter().filter(|(of, _)| *of == kind) {
            let share = (view.visible_fraction * 100.0).floor();
            let px = format!("{:.2} px", view.px_per_module);
            let label = match kind {
                Kind::Missed => Some((format!("{px}/module · {share:.0} %"), format!("{px}/模块 · 可见 {share:.0} %"))),
                Kind::Found => Some((px.clone(), px)),
                _ => None,
            };
            let label = label.as_ref().map(|(en, zh)| (en.as_str(), zh.as_str()));
            drawn.push(shape(kind, &view.corners, &title(view), label, &mut labels));
        }
    }
    drawn.reverse();
    out + &drawn.concat() + "</svg>"
}

fn title(view: &CodeView) -> String {
    format!(
        "{} {} · {} · {:.2} px per module, {:.0} % visible, {:.0}° incidence, {:.0} % glare, {:.2} modules blur{}{}",
        view.package_name,
        view.symbology,
        view.text,
        view.px_per_module,
        view.visible_fraction * 100.0,
        view.incidence_deg,
        view.glare_share * 100.0,
        view.blur_modules,
        if view.nominal { "" } else { " (not nominal)" },
        view.reason.as_ref().map_or_else(String::new, |reason| format!(" · {}", reason.replace('_', " "))),
    )
}

/// One outline with its tooltip and label.
fn shape(kind: Kind, corners: &[[f64; 2]; 4], title: &str, label: Option<(&str, &str)>, labels: &mut Labels) -> String {
    let points: Vec<_> = corners.iter().map(|[x, y]| format!("{x:.1},{y:.1}")).collect();
    let mut out = format!("<g class=\"{}\"><title>{}</title><polygon points=\"{}\"/>", kind.class(), xml(title), points.join(" "));
    if let Some((en, zh)) = label {
        // Labels of what was found are seen in the enlarged picture only, where there is room.
        let small = kind == Kind::Found;
        let [x, y] = if small { Labels::above(corners, labels.size) } else { labels.place(corners, en) };
        let class = if small { " class=\"small\"" } else { "" };
        let text = both_in("tspan", en, zh);
        let _ = write!(out, "<text{class} x=\"{x:.1}\" y=\"{y:.1}\">{text}</text>");
    }
    out + "</g>"
}

/// Finds room for labels, so that they neither cover each other nor leave the frame.
struct Labels {
    width: f64,
    height: f64,
    size: f64,
    taken: Vec<[f64; 4]>,
}

impl Labels {
    /// Baseline's middle just above the corners.
    fn above(corners: &[[f64; 2]; 4], size: f64) -> [f64; 2] {
        let top = corners.iter().map(|c| c[1]).fold(f64::INFINITY, f64::min);
        [corners.iter().map(|c| c[0]).sum::<f64>() / 4.0, top - size * 0.35]
    }

    fn place(&mut self, corners: &[[f64; 2]; 4], text: &str) -> [f64; 2] {
        let half = text.chars().count() as f64 * self.size * 0.34;
        let [x, above] = Self::above(corners, self.size);
        let bottom = corners.iter().map(|c| c[1]).fold(f64::NEG_INFINITY, f64::max);
        let centre = corners.iter().map(|c| c[1]).sum::<f64>() / 4.0;
        let x = x.min(self.width - half).max(half);
        let line = self.size * 1.15;
        let tries = [above, bottom + self.size, above - line, bottom + self.size + line, centre + self.size * 0.35];
        let inside = |y: f64| y.clamp(self.size, (self.height - self.size * 0.3).max(self.size));
        let area = |y: f64| [x - half, y - self.size, x + half, y + self.size * 0.2];
        let free = |y: f64| {
            let a = area(y);
            !self.taken.iter().any(|b| a[0] < b[2] && b[0] < a[2] && a[1] < b[3] && b[1] < a[3])
        };
        let y = tries.into_iter().map(inside).find(|y| free(*y)).unwrap_or(inside(above));
        self.taken.push(area(y));
        [x, y]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_avoid_each_other_and_stay_inside() {
        let mut labels = Labels { width: 1000.0, height: 500.0, size: 20.0, taken: Vec::new() };
        let corners = [[10.0, 100.0], [110.0, 100.0], [110.0, 130.0], [10.0, 130.0]];
        let first = labels.place(&corners, "1.23 px/module");
        let second = labels.place(&corners, "1.23 px/module");
        assert_eq!(first, [95.2, 93.0]);
        assert_eq!(second, [95.2, 150.0]);
        let outside = labels.place(&corners.map(|[x, y]| [x + 2000.0, y - 900.0]), "x");
        assert_eq!(outside, [1000.0 - 20.0 * 0.34, 20.0]);
    }
}
