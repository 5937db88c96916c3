//! The timeline of a study's page: lanes of activities, and a cursor that steps through them.

use std::fmt::Write;

use super::study::{color, text, ticks};
use super::{both, both_in};
use crate::escape::xml;
use crate::study::{Span, Text};

const LEFT: f64 = 170.0;
const WIDTH: f64 = 710.0;
const LINE: f64 = 30.0;

fn clock(seconds: f64) -> String {
    format!("{:02.0}:{:02.0}:{:02.0}", (seconds / 3600.0).floor(), (seconds / 60.0).floor() % 60.0, (seconds % 60.0).floor())
}

/// The drawing, its legend, and the steps: one for the beginning of every span, in the order of time. Without script the steps are a list.
pub(super) fn timeline(kinds: &[Text], lanes: &[(Text, Vec<Span>)]) -> String {
    let spans = || lanes.iter().flat_map(|(_, spans)| spans);
    let (from, to) = (spans().map(|s| s.from).fold(f64::INFINITY, f64::min), spans().map(|s| s.to).fold(f64::NEG_INFINITY, f64::max));
    if from >= to {
        return String::new();
    }
    let x = |time: f64| LEFT + (time - from) / (to - from) * WIDTH;
    let bottom = LINE * lanes.len() as f64 + 6.0;
    let mut out = format!(
        "<div class=\"stepped\">\n<div class=\"wide\"><svg class=\"chart\" viewBox=\"0 0 900 {:.0}\" role=\"img\">\n",
        bottom + 24.0
    );
    // Minutes that are whole: a step of the scale is a number of minutes.
    for tick in ticks(from / 60.0, to / 60.0).into_iter().map(|minutes| minutes * 60.0) {
        let at = x(tick);
        let _ = write!(out, r##"<line x1="{at:.1}" x2="{at:.1}" y1="0" y2="{bottom:.0}" stroke="#dde2e8"/>"##);
        let _ =
            writeln!(out, r#"<text class="soft" x="{at:.1}" y="{:.0}" text-anchor="middle">{}</text>"#, bottom + 16.0, &clock(tick)[..5]);
    }
    for (i, (name, spans)) in lanes.iter().enumerate() {
        let y = LINE * i as f64 + 4.0;
        let label = both_in("tspan", &name.en, &name.zh);
        let _ = write!(out, r##"<text x="{:.0}" y="{:.1}" text-anchor="end">{label}</text>"##, LEFT - 8.0, y + 16.0);
        for span in spans {
            let kind = kinds.get(span.kind).map_or("", |kind| kind.en.as_str());
            let _ = write!(
                out,
                r##"<rect x="{:.1}" y="{y:.1}" width="{:.1}" height="22" fill="{}" stroke="#fff" stroke-width=".6"><title>{}: {}, {:.1} s</title></rect>"##,
                x(span.from),
                x(span.to) - x(span.from),
                color(span.kind),
                xml(&span.item),
                xml(kind),
                span.to - span.from
            );
        }
        out.push('\n');
    }
    let _ = writeln!(out, r##"<line class="cursor" x1="{LEFT}" x2="{LEFT}" y1="0" y2="{bottom:.0}" stroke="#14243c" stroke-width="2"/>"##);
    let legend: String = kinds
        .iter()
        .enumerate()
        .map(|(i, kind)| format!("<span><i style=\"background:{0};border-color:{0}\"></i>{1}</span>", color(i), text(kind)))
        .collect();
    format!("{out}</svg></div>\n<div class=\"legend\">{legend}</div>\n{}</div>\n", steps(kinds, lanes, &x))
}

fn steps(kinds: &[Text], lanes: &[(Text, Vec<Span>)], x: &impl Fn(f64) -> f64) -> String {
    let mut all: Vec<(&Text, &Span)> = lanes.iter().flat_map(|(lane, spans)| spans.iter().map(move |span| (lane, span))).collect();
    all.sort_by(|a, b| a.1.from.total_cmp(&b.1.from));
    let mut items = String::new();
    for (lane, span) in all {
        let kind = kinds.get(span.kind).cloned().unwrap_or_default();
        let seconds = span.to - span.from;
        let line = both(
            &format!("{}: {}, {} ({seconds:.1} s)", lane.en, span.item, kind.en),
            &format!("{}：{}，{}（{seconds:.1} 秒）", lane.zh, span.item, kind.zh),
        );
        let _ = writeln!(items, "<li data-x=\"{:.1}\"><b>{}</b> {line}</li>", x(span.from), clock(span.from));
    }
    format!(
        "<div class=\"steps\"><p><button type=\"button\" value=\"back\">◀ {}</button> <button type=\"button\" value=\"next\">{} ▶</button> \
         <button type=\"button\" value=\"play\">{}</button></p>\n<ol>\n{items}</ol></div>\n",
        both("back", "上一步"),
        both("step", "下一步"),
        both("play / pause", "播放／暂停")
    )
}
