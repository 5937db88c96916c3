//! The report as one HTML file that needs nothing else: styles, charts, pictures and the little script are inside.
//!
//! English and Chinese stand side by side in it; a style shows one of them. Without script it is in English and complete.

mod charts;
mod curves;
mod frames;
mod study;
mod tables;
mod timeline;

pub use curves::{ChartAxis, Curve, PageSection, Point, curve_chart, curve_page, html_table};
pub use study::page as study;

use crate::Band;
use crate::escape::xml;
use crate::format::{dash, lower, percent, recall, seconds, upper};
use crate::records::RunRecord;
use crate::summary::{Recognition, Summary};

/// Both languages of a text that holds no foreign text. `tag` is `span` in HTML and `tspan` in SVG.
fn both_in(tag: &str, en: &str, zh: &str) -> String {
    format!("<{tag} lang=\"en\">{}</{tag}><{tag} lang=\"zh-CN\">{}</{tag}>", xml(en), xml(zh))
}

/// Both languages, in HTML.
pub(crate) fn both(en: &str, zh: &str) -> String {
    both_in("span", en, zh)
}

/// The report. Well-formed as XML too (but for the document type), so that a test can hold it against a parser.
pub fn report(run: &RunRecord) -> String {
    let summary = crate::summary(run);
    let recognition = Recognition::of(run);
    let mut body = vec![cards(&summary, &recognition)];
    body.extend(run.notes.iter().map(|note| format!("<p class=\"note\">{}</p>\n", xml(note))));
    body.push(tables::thresholds(run));
    body.push(charts::ceiling(run, &summary));
    body.push(section(
        ("Code recognition by resolution", "各分辨率区间的追溯码识别率"),
        (
            "Pairs of code and frame. Bars: recall under nominal conditions; the tick is its one-sided lower 95 % bound (Clopper–Pearson). \
             Nominal: print grade ≥ C, incidence ≤ 60°, glare ≤ 5 %, blur σ ≤ 1 module.",
            "以“码×帧”计数。柱形为标称条件下的追溯码识别率，短线为其单侧 95 % 置信下限（Clopper–Pearson）。标称条件：印刷等级不低于 C，入射角 ≤ 60°，反光 ≤ 5 %，模糊 σ ≤ 1 模块。",
        ),
        &(charts::recall(&summary) + &tables::bands(&summary)),
    ));
    body.push(frames::section(run));
    body.push(tables::packages(run));
    body.push(tables::misreads(run, &summary));
    body.push(tables::order_and_pool(run, &summary));
    body.push(charts::timing(run, &summary));
    body.push(tables::frames(run));
    body.push(tables::manifest(run));
    let title = format!("{}, seed {}", xml(&run.scenario), summary.seed);
    shell(&title, &xml(&run.scenario), &subtitle(run, &summary), &run.manifest.version, &body.concat())
}

/// The page around `body`; all but `version` is HTML.
pub(crate) fn shell(title: &str, heading: &str, subtitle: &str, version: &str, body: &str) -> String {
    format!(
        r#"<!DOCTYPE html>
<html lang="en" data-lang="en">
<head>
<meta charset="utf-8"/>
<meta name="viewport" content="width=device-width, initial-scale=1"/>
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'unsafe-inline'"/>
<title>{title}</title>
<style>
{style}</style>
</head>
<body>
<header><div><div><h1>{heading}</h1><p>{subtitle}</p></div>
<div class="switch"><button type="button" value="en" aria-pressed="true">English</button><button type="button" value="zh-CN" aria-pressed="false">简体中文</button></div></div></header>
<main>
{body}</main>
<footer>TraceTwin {version}</footer>
<dialog><div class="bar"><button type="button" value="out" aria-label="smaller">−</button><button type="button" value="in" aria-label="larger">+</button><button type="button" value="close" aria-label="close">×</button></div><div class="pane"></div></dialog>
<script>
{script}</script>
</body>
</html>
"#,
        style = include_str!("style.css"),
        script = include_str!("script.js"),
        version = xml(version),
    )
}

fn subtitle(run: &RunRecord, summary: &Summary) -> String {
    let cameras: std::collections::BTreeSet<_> = run.frames.iter().map(|frame| frame.camera.as_str()).collect();
    let (packages, frames, cameras, seed) = (summary.packages, summary.frames, cameras.len(), summary.seed);
    both(
        &format!("Seed {seed} · {packages} packages · {frames} frames from {cameras} cameras · {}", run.manifest.started_at),
        &format!("随机种子 {seed} · {packages} 盒药品 · {cameras} 台相机共 {frames} 帧 · {}", run.manifest.started_at),
    )
}

/// A section; `content` is HTML.
pub(crate) fn section(title: (&str, &str), lead: (&str, &str), content: &str) -> String {
    let lead = if lead.0.is_empty() { String::new() } else { format!("<p>{}</p>\n", both(lead.0, lead.1)) };
    format!("<section>\n<h2>{}</h2>\n{lead}{content}</section>\n", both(title.0, title.1))
}

fn card(tone: &str, title: (&str, &str), figure: &str, under: (&str, &str)) -> String {
    format!(
        "<div class=\"card {tone}\"><span class=\"soft\">{}</span><b>{figure}</b><span class=\"soft\">{}</span></div>\n",
        both(title.0, title.1),
        both(under.0, under.1)
    )
}

fn cards(summary: &Summary, recognition: &Recognition) -> String {
    let mut cards = String::new();
    let (read, ceiling, packages) = (summary.packages_read, summary.packages_ceiling, summary.packages);
    let beyond = packages.saturating_sub(ceiling);
    cards += &card(
        if read >= ceiling { "good" } else { "plain" },
        ("Packages read", "已识读药盒"),
        &format!("{read} <small>/ {ceiling}</small>"),
        (
            &format!("of {ceiling} visible in any frame; {packages} on the plate, {beyond} beyond the ceiling"),
            &format!("上限 {ceiling}（至少一帧中可见）；转盘上共 {packages} 盒，{beyond} 盒超出上限"),
        ),
    );
    let coarse = recognition.recall_nominal_from(Band::From2);
    cards += &card(
        "plain",
        ("Recall at ≥ 2 px per module", "追溯码识别率（≥ 2 像素/模块）"),
        &recall(&coarse),
        (
            &format!("nominal; {} of {} code views; 95 % bound {}", coarse.read, coarse.visible, lower(&coarse)),
            &format!("标称条件；{} / {} 码次；95 % 下限 {}", coarse.read, coarse.visible, lower(&coarse)),
        ),
    );
    let rate = &summary.misread_rate_readings;
    cards += &card(
        if summary.misreads == 0 { "good" } else { "bad" },
        ("Misreads", "误读"),
        &summary.misreads.to_string(),
        (
            &format!("{} of {} readings wrong; 95 % bound {}", rate.wrong, rate.of, upper(rate)),
            &format!("{} 次识读中 {} 次错误；95 % 上限 {}", rate.of, rate.wrong, upper(rate)),
        ),
    );
    if let Some(order) = &summary.order {
        cards += &card(
            if order.fulfilled == order.lines { "good" } else { "plain" },
            ("Order lines fulfilled", "处方行已配齐"),
            &format!("{} <small>/ {}</small>", order.fulfilled, order.lines),
            (
                &format!(
                    "{} missing, {} partial, {} refused; {} surplus",
                    order.missing, order.partial, order.refused, order.surplus_packages
                ),
                &format!(
                    "缺 {} 行，部分 {} 行，拒绝 {} 行；多出 {} 盒",
                    order.missing, order.partial, order.refused, order.surplus_packages
                ),
            ),
        );
    }
    let compute = seconds(summary.cycle_seconds_compute);
    let how = if summary.cycle_seconds_compute_measured { ("measured", "实测") } else { ("by the cost profile", "按耗时模型") };
    cards += &card(
        "plain",
        ("Cycle, mechanical", "机械节拍"),
        &seconds(summary.cycle_seconds_mechanical),
        (&format!("and {compute} of computing ({})", how.0), &format!("另有计算 {compute}（{}）", how.1)),
    );
    cards += &card(
        "plain",
        ("Decoding per frame", "每帧解码耗时"),
        &summary.decode_seconds_per_frame.map_or_else(dash, seconds),
        (
            &format!("rendering {} Mpix/s", summary.render_mpix_per_s.map_or_else(dash, |rate| format!("{rate:.1}"))),
            &format!("渲染 {} 百万像素/秒", summary.render_mpix_per_s.map_or_else(dash, |rate| format!("{rate:.1}"))),
        ),
    );
    format!("<div class=\"cards\">\n{cards}</div>\n")
}

/// A share as a width in an SVG of `full` units.
fn width(share: f64, full: f64) -> String {
    format!("{:.2}", share.clamp(0.0, 1.0) * full)
}

/// `95.3 %` for a bar's end.
fn share(part: f64, whole: f64) -> String {
    if whole > 0.0 { percent(part / whole) } else { dash() }
}
