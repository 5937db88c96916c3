//! Charts as inline SVG.

use std::fmt::Write;

use super::{both, both_in, section, share, width};
use crate::escape::xml;
use crate::format::{dash, lower, percent, recall as recall_text, seconds, stages};
use crate::records::RunRecord;
use crate::stats;
use crate::summary::Summary;

/// How many packages were read, could have been read, and lie beyond the ceiling.
pub(super) fn ceiling(run: &RunRecord, summary: &Summary) -> String {
    let whole = summary.packages as f64;
    if whole == 0.0 {
        return String::new();
    }
    let count =
        |is: &dyn Fn(bool, bool) -> bool| run.packages.iter().filter(|package| is(package.read, package.visible_in_any_frame)).count();
    let parts = [
        (count(&|read, _| read), "#2a9d57", ("read", "已识读")),
        (count(&|read, visible| !read && visible), "#d64545", ("visible but not read", "可见但未识读")),
        (count(&|read, visible| !read && !visible), "#aab3bf", ("never visible, beyond the ceiling", "始终不可见，超出上限")),
    ];
    let mut bar = String::new();
    let mut legend = String::new();
    let mut x = 0.0;
    for (n, color, (en, zh)) in parts {
        let span = n as f64 / whole * 900.0;
        // Writing into a string cannot fail, here and below.
        let _ = write!(bar, r#"<rect x="{x:.2}" y="0" width="{span:.2}" height="34" fill="{color}"/>"#);
        if span > 40.0 {
            let middle = x + span / 2.0;
            let _ = write!(bar, r##"<text x="{middle:.2}" y="23" text-anchor="middle" style="fill:#fff;font-weight:700">{n}</text>"##);
        }
        let _ = write!(legend, r#"<span><i style="background:{color};border-color:{color}"></i>{} · {n}</span>"#, both(en, zh));
        x += span;
    }
    let content = format!("<svg class=\"chart\" viewBox=\"0 0 900 34\" role=\"img\">{bar}</svg>\n<div class=\"legend\">{legend}</div>\n");
    section(
        ("Packages read beside the ceiling", "识读盒数与上限"),
        (
            "The ceiling counts packages whose code is visible in at least one frame: a code face down on an opaque plate cannot be read by anyone.",
            "上限为追溯码至少在一帧中可见的药盒数：码面朝下贴在不透明转盘上的药盒无法识读。",
        ),
        &content,
    )
}

/// Recall under nominal conditions by band, with bounds and counts.
pub(super) fn recall(summary: &Summary) -> String {
    const LEFT: f64 = 52.0;
    const TOP: f64 = 16.0;
    const HEIGHT: f64 = 190.0;
    const STEP: f64 = 120.0;
    let y = |share: f64| TOP + HEIGHT * (1.0 - share);
    let mut out = String::from("<div class=\"wide\"><svg class=\"chart\" viewBox=\"0 0 900 274\" role=\"img\">\n");
    for tick in [0.0, 0.25, 0.5, 0.75, 1.0] {
        let (at, end, label) = (y(tick), LEFT + 7.0 * STEP, LEFT - 8.0);
        let _ = write!(out, r##"<line x1="{LEFT}" x2="{end}" y1="{at:.1}" y2="{at:.1}" stroke="#dde2e8"/>"##);
        let _ = writeln!(out, r#"<text class="soft" x="{label}" y="{:.1}" text-anchor="end">{:.0} %</text>"#, at + 4.0, tick * 100.0);
    }
    for (i, (band, of)) in summary.recall_nominal.iter().enumerate() {
        let x = LEFT + STEP * (i as f64 + 0.5);
        if let (Some(value), Some(bound)) = (of.recall, of.lower_95) {
            let (top, low, left) = (y(value), y(bound), x - 32.0);
            let _ = write!(
                out,
                r##"<g><title>{} px per module: {} of {} read, {}, 95 % bound {}</title><rect x="{left:.1}" y="{top:.1}" width="64" height="{:.1}" rx="2" fill="#7aa7e0"/><line x1="{x:.1}" x2="{x:.1}" y1="{top:.1}" y2="{low:.1}" stroke="#14243c" stroke-width="1.5"/><line x1="{:.1}" x2="{:.1}" y1="{low:.1}" y2="{low:.1}" stroke="#14243c" stroke-width="2.5"/></g>"##,
                xml(band.label()),
                of.read,
                of.visible,
                recall_text(of),
                xml(&lower(of)),
                HEIGHT + TOP - top,
                x - 14.0,
                x + 14.0,
            );
            let _ = writeln!(
                out,
                r#"<text x="{x:.1}" y="{:.1}" text-anchor="middle" style="font-weight:650">{}</text>"#,
                top - 4.0,
                percent(value)
            );
        } else {
            let _ = writeln!(out, r#"<text class="soft" x="{x:.1}" y="{:.1}" text-anchor="middle">{}</text>"#, y(0.0) - 6.0, dash());
        }
        let _ = write!(out, r#"<text x="{x:.1}" y="{:.1}" text-anchor="middle">{}</text>"#, y(0.0) + 19.0, xml(band.label()));
        let _ = writeln!(out, r#"<text class="soft" x="{x:.1}" y="{:.1}" text-anchor="middle">n = {}</text>"#, y(0.0) + 36.0, of.visible);
    }
    let axis = both_in("tspan", "px per module (nominal views)", "每模块像素数（标称条件）");
    let _ = writeln!(out, r#"<text class="soft" x="{:.1}" y="{:.1}" text-anchor="middle">{axis}</text>"#, LEFT + 3.5 * STEP, y(0.0) + 58.0);
    out + "</svg></div>\n"
}

/// Mean time per frame of every stage, and the stages of the whole run.
pub(super) fn timing(run: &RunRecord, summary: &Summary) -> String {
    let stages = stages(run);
    if stages.is_empty() && run.times.stages.is_empty() {
        return String::new();
    }
    let all: f64 = stages.iter().map(|stage| stage.total()).sum();
    let of = |value: Option<f64>| value.map_or_else(dash, seconds);
    let bars: Vec<_> = stages.iter().map(|stage| (stage.stage.as_str(), stats::mean(&stage.seconds).unwrap_or(0.0))).collect();
    let mut content = String::new();
    if !bars.is_empty() {
        content += &format!("<h3>{}</h3>\n{}", both("Mean per frame", "每帧平均"), bar_chart(&bars));
        content += "<div class=\"wide\"><table><thead><tr>";
        content += &format!("<th>{}</th>", both("stage", "阶段"));
        for (en, zh) in [
            ("total", "合计"),
            ("share", "占比"),
            ("mean", "平均"),
            ("median", "中位数"),
            ("95 % within", "95 % 分位"),
            ("longest", "最长"),
        ] {
            content += &format!("<th class=\"n\">{}</th>", both(en, zh));
        }
        content += "</tr></thead><tbody>\n";
        for stage in &stages {
            let _ = writeln!(
                content,
                "<tr><td>{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td></tr>",
                xml(&stage.stage),
                seconds(stage.total()),
                share(stage.total(), all),
                of(stats::mean(&stage.seconds)),
                of(stats::median(&stage.seconds)),
                of(stats::quantile(&stage.seconds, 0.95)),
                of(stats::quantile(&stage.seconds, 1.0)),
            );
        }
        content += "</tbody></table></div>\n";
    }
    if !run.times.stages.is_empty() {
        let bars: Vec<_> = run.times.stages.iter().map(|stage| (stage.stage.as_str(), stage.seconds)).collect();
        content += &format!("<h3>{}</h3>\n{}", both("Whole run, beside the frames", "整次运行（帧处理以外）"), bar_chart(&bars));
    }
    let total = seconds(summary.run_seconds);
    section(
        ("Time by stage", "各阶段耗时"),
        (
            &format!("Measured wall time on this machine; no result depends on it. Whole run {total}."),
            &format!("本机实测墙钟时间，不影响任何结果。整次运行 {total}。"),
        ),
        &content,
    )
}

fn bar_chart(bars: &[(&str, f64)]) -> String {
    const LINE: f64 = 26.0;
    let longest = bars.iter().map(|(_, value)| *value).fold(f64::MIN_POSITIVE, f64::max);
    let mut out =
        format!("<div class=\"wide\"><svg class=\"chart\" viewBox=\"0 0 900 {:.0}\" role=\"img\">\n", LINE * bars.len() as f64 + 4.0);
    for (i, (name, value)) in bars.iter().enumerate() {
        let y = LINE * i as f64;
        let span = width(value / longest, 620.0);
        let end = 168.0 + value / longest * 620.0;
        let _ = writeln!(
            out,
            r##"<text x="152" y="{:.0}" text-anchor="end">{}</text><rect x="160" y="{:.0}" width="{span}" height="18" rx="2" fill="#7aa7e0"/><text x="{end:.1}" y="{:.0}">{}</text>"##,
            y + 17.0,
            xml(&shortened(name)),
            y + 3.0,
            y + 17.0,
            seconds(*value)
        );
    }
    out + "</svg></div>\n"
}

fn shortened(name: &str) -> String {
    if name.chars().count() <= 20 { name.to_owned() } else { name.chars().take(19).chain(['…']).collect() }
}
