//! The page of a study: the same shell as a run's report, with tables beside the paper's, charts and the checklist.

use std::fmt::Write;

use super::{both, both_in, section, shell};
use crate::escape::xml;
use crate::study::{Bar, Chart, Plot, Series, StudyRecord, StudyTable, Swing, Text, Verdict, figure, with_interval};

/// Colours of lines and activities, told apart in print and by the colour-blind (Okabe & Ito).
const COLORS: [&str; 7] = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#5b6675"];

pub(super) fn color(index: usize) -> &'static str {
    COLORS[index % COLORS.len()]
}

pub(super) fn text(of: &Text) -> String {
    both(&of.en, &of.zh)
}

/// The page. Well-formed as XML too (but for the document type).
pub fn page(study: &StudyRecord) -> String {
    let mut body = vec![cards(study)];
    body.extend(study.notes.iter().map(|note| format!("<p class=\"note\">{}</p>\n", text(note))));
    body.push(figures(study));
    body.extend(study.charts.iter().map(chart));
    body.extend(study.tables.iter().map(table));
    body.push(inputs(study));
    body.push(assumptions(study));
    body.push(checklist(study));
    body.push(super::tables::manifest_of(&study.manifest, None));
    let subtitle = format!("{} · {}", text(&study.replications), xml(&study.source));
    let heading = format!("{}, seed {}", xml(&study.study), study.manifest.seed);
    shell(&heading, &text(&study.title), &subtitle, &study.manifest.version, &body.concat())
}

fn cards(study: &StudyRecord) -> String {
    let count = |verdict: Verdict| study.figures.iter().filter(|of| of.verdict == verdict).count();
    let mut cards = String::new();
    for (verdict, tone) in [
        (Verdict::Replicated, "good"),
        (Verdict::NotReplicated, "bad"),
        (Verdict::Inconclusive, "plain"),
        (Verdict::NotComparable, "plain"),
        (Verdict::UsedForCalibration, "plain"),
    ] {
        let n = count(verdict);
        let tone = if n == 0 { "plain" } else { tone };
        let _ = writeln!(cards, "<div class=\"card {tone}\"><span class=\"soft\">{}</span><b>{n}</b></div>", text(&verdict.text()));
    }
    format!("<div class=\"cards tight\">\n{cards}</div>\n")
}

fn tag(verdict: Verdict) -> String {
    let tone = match verdict {
        Verdict::Replicated => " good",
        Verdict::NotReplicated => " bad",
        _ => "",
    };
    format!("<span class=\"tag{tone}\">{}</span>", text(&verdict.text()))
}

fn figures(study: &StudyRecord) -> String {
    let mut out = String::from("<div class=\"wide\"><table><thead><tr>");
    for (i, (en, zh)) in [
        ("figure", "指标"),
        ("unit", "单位"),
        ("reported", "论文"),
        ("simulated (95 % interval)", "仿真（95 % 区间）"),
        ("widest conclusive", "最大半宽"),
        ("verdict", "结论"),
        ("source", "来源"),
    ]
    .into_iter()
    .enumerate()
    {
        let class = if (2..=4).contains(&i) { " class=\"n\"" } else { "" };
        let _ = write!(out, "<th{class}>{}</th>", both(en, zh));
    }
    out += "</tr></thead><tbody>\n";
    for of in &study.figures {
        let remark = if of.remark.is_empty() { String::new() } else { format!("<br/><span class=\"soft\">{}</span>", xml(&of.remark)) };
        let _ = writeln!(
            out,
            "<tr><td>{}{remark}</td><td>{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td><td>{}</td><td>{}</td></tr>",
            text(&of.label),
            xml(&of.unit),
            figure(of.reported),
            with_interval(of.found, of.interval()),
            of.tolerance.map_or_else(|| "–".to_owned(), |t| format!("± {}", figure(t))),
            tag(of.verdict),
            xml(&of.source)
        );
    }
    out += "</tbody></table></div>\n";
    section(
        ("Beside the paper", "与论文对照"),
        (
            "A figure is replicated when it lies inside the simulation's 95 % prediction interval and half of that interval is no wider than stated. \
             What was used to calibrate shows nothing by coming out again.",
            "论文数值落在仿真的 95 % 预测区间内，且区间半宽不超过所述上限，才算复现。用于校准的数值再次得出并不说明任何问题。",
        ),
        &out,
    )
}

fn table(of: &StudyTable) -> String {
    let mut out = String::from("<div class=\"wide\"><table><thead><tr>");
    let class = |i: usize| if i == 0 { "" } else { " class=\"n\"" };
    for (i, head) in of.header.iter().enumerate() {
        let _ = write!(out, "<th{}>{}</th>", class(i), text(head));
    }
    out += "</tr></thead><tbody>\n";
    for row in &of.rows {
        out += "<tr>";
        for (i, cell) in row.iter().enumerate() {
            let _ = write!(out, "<td{}>{}</td>", class(i), text(cell));
        }
        out += "</tr>\n";
    }
    out += "</tbody></table></div>\n";
    section((&of.title.en, &of.title.zh), (&of.lead.en, &of.lead.zh), &out)
}

/// Marks what no source states.
fn assumed() -> String {
    format!("<span class=\"tag assumed\">{}</span>", both("assumed", "假设"))
}

fn inputs(study: &StudyRecord) -> String {
    if study.inputs.is_empty() {
        return String::new();
    }
    let mut out = String::from("<div class=\"wide\"><table><thead><tr>");
    for (en, zh) in [("key", "名称"), ("value", "取值"), ("source", "依据"), ("", "")] {
        let _ = write!(out, "<th>{}</th>", both(en, zh));
    }
    out += "</tr></thead><tbody>\n";
    for of in &study.inputs {
        let tag = if of.assumed { assumed() } else { String::new() };
        let _ = writeln!(
            out,
            "<tr><td class=\"key\"><code>{}</code></td><td>{}</td><td>{}</td><td>{tag}</td></tr>",
            xml(&of.name),
            xml(&of.value),
            xml(&of.source)
        );
    }
    out += "</tbody></table></div>\n";
    section(("Fixed inputs", "固定输入"), ("The same in every run.", "每次仿真均相同。"), &out)
}

fn assumptions(study: &StudyRecord) -> String {
    if study.assumptions.is_empty() {
        return String::new();
    }
    let mut out = String::from("<div class=\"wide\"><table><thead><tr>");
    for (i, (en, zh)) in [
        ("key", "名称"),
        ("meaning", "含义"),
        ("low", "下限"),
        ("likely", "可能值"),
        ("high", "上限"),
        ("unit", "单位"),
        ("source", "依据"),
    ]
    .into_iter()
    .enumerate()
    {
        let _ = write!(out, "<th{}>{}</th>", if (2..=4).contains(&i) { " class=\"n\"" } else { "" }, both(en, zh));
    }
    out += "</tr></thead><tbody>\n";
    for of in &study.assumptions {
        let _ = writeln!(
            out,
            "<tr><td class=\"key\"><code>{}</code><br/>{}</td><td>{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td><td>{}</td><td>{}</td></tr>",
            xml(&of.name),
            assumed(),
            xml(&of.meaning),
            figure(of.low),
            figure(of.likely),
            figure(of.high),
            xml(&of.unit),
            xml(&of.source)
        );
    }
    out += "</tbody></table></div>\n";
    section(
        ("Assumptions", "假设"),
        (
            "None of these was published by the paper. Each run draws them from a triangular distribution over the range.",
            "以下均非论文公布的数值。每次仿真按区间上的三角分布抽取。",
        ),
        &out,
    )
}

fn checklist(study: &StudyRecord) -> String {
    if study.checklist.is_empty() {
        return String::new();
    }
    let rows: String = study.checklist.iter().map(|(item, answer)| format!("<dt>{}</dt><dd>{}</dd>\n", xml(item), xml(answer))).collect();
    section(
        ("Reporting checklist (STRESS-DES)", "报告清单（STRESS-DES）"),
        ("Monks et al., Journal of Simulation 13 (2019), 55–67.", "Monks 等，Journal of Simulation 13 (2019), 55–67。"),
        &format!("<dl>\n{rows}</dl>\n"),
    )
}

fn chart(of: &Chart) -> String {
    let drawing = match &of.plot {
        Plot::Bars { unit, bars } => bar_plot(unit, bars),
        Plot::Lines { x, y, series } => line_plot(x, y, series),
        Plot::Tornado { unit, centre, reference, swings } => tornado(unit, *centre, *reference, swings),
        Plot::Timeline { kinds, lanes } => super::timeline::timeline(kinds, lanes),
    };
    section((&of.title.en, &of.title.zh), (&of.lead.en, &of.lead.zh), &drawing)
}

/// A round step that cuts `span` into four to eight parts.
fn step(span: f64) -> f64 {
    let rough = (span / 5.0).max(f64::MIN_POSITIVE);
    let unit = 10_f64.powf(rough.log10().floor());
    [1.0, 2.0, 5.0, 10.0].into_iter().map(|m| m * unit).find(|s| span / s <= 7.0).unwrap_or(10.0 * unit)
}

/// Ticks from the first multiple of the step at or above `low` to `high`.
pub(super) fn ticks(low: f64, high: f64) -> Vec<f64> {
    let step = step(high - low);
    let first = (low / step).ceil() as i64;
    (first..).map(|i| i as f64 * step).take_while(|tick| *tick <= high + 1e-9 * step).take(20).collect()
}

fn tick_label(value: f64) -> String {
    let shown = format!("{value:.3}");
    shown.trim_end_matches('0').trim_end_matches('.').to_owned()
}

fn bar_plot(unit: &str, bars: &[Bar]) -> String {
    const LEFT: f64 = 250.0;
    const WIDTH: f64 = 520.0;
    const LINE: f64 = 34.0;
    let longest = bars
        .iter()
        .flat_map(|bar| [bar.value, bar.interval.map_or(0.0, |i| i.1), bar.reported.unwrap_or(0.0)])
        .filter(|v| v.is_finite())
        .fold(f64::MIN_POSITIVE, f64::max);
    let x = |value: f64| LEFT + (value / longest).clamp(0.0, 1.0) * WIDTH;
    let height = LINE * bars.len() as f64 + 28.0;
    let mut out = format!("<div class=\"wide\"><svg class=\"chart\" viewBox=\"0 0 900 {height:.0}\" role=\"img\">\n");
    for tick in ticks(0.0, longest) {
        let at = x(tick);
        let _ = write!(out, r##"<line x1="{at:.1}" x2="{at:.1}" y1="0" y2="{:.0}" stroke="#dde2e8"/>"##, height - 22.0);
        let _ = writeln!(out, r#"<text class="soft" x="{at:.1}" y="{:.0}" text-anchor="middle">{}</text>"#, height - 7.0, tick_label(tick));
    }
    for (i, bar) in bars.iter().enumerate() {
        let y = LINE * i as f64 + 4.0;
        let name = both_in("tspan", &bar.name.en, &bar.name.zh);
        let _ = write!(out, r##"<text x="{:.0}" y="{:.1}" text-anchor="end">{name}</text>"##, LEFT - 10.0, y + 17.0);
        let _ = write!(out, r##"<rect x="{LEFT}" y="{y:.1}" width="{:.1}" height="22" rx="2" fill="#7aa7e0"/>"##, x(bar.value) - LEFT);
        if let Some((lower, upper)) = bar.interval {
            let (a, b, m) = (x(lower), x(upper), y + 11.0);
            let _ = write!(
                out,
                r##"<path d="M{a:.1} {m:.1}H{b:.1}M{a:.1} {:.1}v10M{b:.1} {:.1}v10" stroke="#14243c" stroke-width="1.6" fill="none"/>"##,
                m - 5.0,
                m - 5.0
            );
        }
        if let Some(reported) = bar.reported {
            let (at, m) = (x(reported), y + 11.0);
            let _ = write!(out, r##"<path d="M{at:.1} {:.1}l6 6l-6 6l-6 -6z" fill="#d55e00" stroke="#fff"/>"##, m - 6.0);
        }
        let end = bar.interval.map_or(bar.value, |i| i.1.max(bar.value)).max(bar.reported.unwrap_or(0.0));
        let _ = writeln!(out, r#"<text x="{:.1}" y="{:.1}">{} {}</text>"#, x(end) + 12.0, y + 17.0, figure(bar.value), xml(unit));
    }
    let legend = if bars.iter().any(|bar| bar.reported.is_some()) {
        format!(
            "<div class=\"legend\"><span><i style=\"background:#d55e00;border-color:#d55e00\"></i>{}</span></div>\n",
            both("reported by the paper", "论文报告值")
        )
    } else {
        String::new()
    };
    out + "</svg></div>\n" + &legend
}

fn line_plot(x_name: &Text, y_name: &Text, series: &[Series]) -> String {
    const LEFT: f64 = 64.0;
    const TOP: f64 = 12.0;
    const WIDTH: f64 = 800.0;
    const HEIGHT: f64 = 280.0;
    let points = || series.iter().flat_map(|of| of.points.iter().copied()).filter(|(x, y)| x.is_finite() && y.is_finite());
    let (mut x0, mut x1, mut y0, mut y1) = (f64::INFINITY, f64::NEG_INFINITY, 0.0_f64, f64::MIN_POSITIVE);
    for (x, y) in points() {
        (x0, x1, y0, y1) = (x0.min(x), x1.max(x), y0.min(y), y1.max(y));
    }
    for (low, high) in series.iter().flat_map(|of| of.band.iter().copied()).filter(|(l, h)| l.is_finite() && h.is_finite()) {
        (y0, y1) = (y0.min(low), y1.max(high));
    }
    if x0 > x1 {
        return String::new();
    }
    let x = |value: f64| LEFT + (value - x0) / (x1 - x0).max(f64::MIN_POSITIVE) * WIDTH;
    let y = |value: f64| TOP + (1.0 - (value - y0) / (y1 - y0)) * HEIGHT;
    let mut out = String::from("<div class=\"wide\"><svg class=\"chart\" viewBox=\"0 0 900 346\" role=\"img\">\n");
    for tick in ticks(y0, y1) {
        let at = y(tick);
        let _ = write!(out, r##"<line x1="{LEFT}" x2="{:.0}" y1="{at:.1}" y2="{at:.1}" stroke="#dde2e8"/>"##, LEFT + WIDTH);
        let _ =
            writeln!(out, r#"<text class="soft" x="{:.0}" y="{:.1}" text-anchor="end">{}</text>"#, LEFT - 8.0, at + 4.0, tick_label(tick));
    }
    for tick in ticks(x0, x1) {
        let _ = writeln!(
            out,
            r#"<text class="soft" x="{:.1}" y="{:.0}" text-anchor="middle">{}</text>"#,
            x(tick),
            TOP + HEIGHT + 18.0,
            tick_label(tick)
        );
    }
    let mut legend = String::new();
    for (i, of) in series.iter().enumerate() {
        let color = color(i);
        // Lines that lie on one another are seen one through the other.
        let dash = if i > 2 { r#" stroke-dasharray="8 6""# } else { "" };
        if of.band.len() == of.points.len() && !of.band.is_empty() {
            let upper = of.points.iter().zip(&of.band).map(|((px, _), (_, high))| (x(*px), y(*high)));
            let lower = of.points.iter().zip(&of.band).rev().map(|((px, _), (low, _))| (x(*px), y(*low)));
            let path: String = upper.chain(lower).map(|(px, py)| format!("{px:.1},{py:.1} ")).collect();
            let _ = write!(out, r#"<polygon points="{}" fill="{color}" fill-opacity=".14"/>"#, path.trim_end());
        }
        let path: String = of.points.iter().map(|(px, py)| format!("{:.1},{:.1} ", x(*px), y(*py))).collect();
        let _ = writeln!(
            out,
            r#"<polyline points="{}" fill="none" stroke="{color}" stroke-width="2.2" stroke-linejoin="round"{dash}/>"#,
            path.trim_end()
        );
        let _ = write!(legend, "<span><i style=\"background:{color};border-color:{color}\"></i>{}</span>", text(&of.name));
    }
    let _ = writeln!(
        out,
        r#"<text class="soft" x="{:.0}" y="{:.0}" text-anchor="middle">{}</text>"#,
        LEFT + WIDTH / 2.0,
        TOP + HEIGHT + 40.0,
        both_in("tspan", &x_name.en, &x_name.zh)
    );
    format!("<p>{}</p>\n{out}</svg></div>\n<div class=\"legend\">{legend}</div>\n", text(y_name))
}

fn tornado(unit: &str, centre: f64, reference: Option<f64>, swings: &[Swing]) -> String {
    const LEFT: f64 = 300.0;
    const WIDTH: f64 = 560.0;
    const LINE: f64 = 28.0;
    let mut sorted: Vec<&Swing> = swings.iter().collect();
    sorted.sort_by(|a, b| (b.at_high - b.at_low).abs().total_cmp(&(a.at_high - a.at_low).abs()));
    let all = || sorted.iter().flat_map(|s| [s.at_low, s.at_high]).chain([centre]).chain(reference);
    let (low, high) = (all().fold(f64::INFINITY, f64::min), all().fold(f64::NEG_INFINITY, f64::max));
    let margin = 0.05 * (high - low).max(1e-9);
    let (low, high) = (low - margin, high + margin);
    let x = |value: f64| LEFT + (value - low) / (high - low) * WIDTH;
    let bottom = LINE * sorted.len() as f64 + 8.0;
    let mut out = format!("<div class=\"wide\"><svg class=\"chart\" viewBox=\"0 0 900 {:.0}\" role=\"img\">\n", bottom + 26.0);
    for tick in ticks(low, high) {
        let at = x(tick);
        let _ = write!(out, r##"<line x1="{at:.1}" x2="{at:.1}" y1="0" y2="{bottom:.0}" stroke="#dde2e8"/>"##);
        let _ =
            writeln!(out, r#"<text class="soft" x="{at:.1}" y="{:.0}" text-anchor="middle">{}</text>"#, bottom + 18.0, tick_label(tick));
    }
    for (i, swing) in sorted.iter().enumerate() {
        let y = LINE * i as f64 + 4.0;
        let name = both_in("tspan", &swing.name.en, &swing.name.zh);
        let _ = write!(out, r##"<text x="{:.0}" y="{:.1}" text-anchor="end">{name}</text>"##, LEFT - 10.0, y + 15.0);
        for (value, fill) in [(swing.at_low, "#56b4e9"), (swing.at_high, "#e69f00")] {
            let (a, b) = (x(value.min(centre)), x(value.max(centre)));
            let _ = write!(
                out,
                r##"<rect x="{a:.1}" y="{y:.1}" width="{:.1}" height="20" fill="{fill}"><title>{}: {} {}</title></rect>"##,
                b - a,
                xml(&swing.range),
                figure(value),
                xml(unit)
            );
        }
        out.push('\n');
    }
    let at = x(centre);
    let _ = writeln!(out, r##"<line x1="{at:.1}" x2="{at:.1}" y1="0" y2="{bottom:.0}" stroke="#14243c" stroke-width="1.5"/>"##);
    let mut legend = String::new();
    for (fill, en, zh) in [("#56b4e9", "assumption at its low end", "假设取下限"), ("#e69f00", "assumption at its high end", "假设取上限")]
    {
        let _ = write!(legend, "<span><i style=\"background:{fill};border-color:{fill}\"></i>{}</span>", both(en, zh));
    }
    let likely = format!("{} {unit}", figure(centre));
    let _ = write!(
        legend,
        "<span><i style=\"background:#14243c;border-color:#14243c\"></i>{}</span>",
        both(&format!("all at their likely values: {likely}"), &format!("全部取可能值：{likely}"))
    );
    if let Some(value) = reference {
        let at = x(value);
        let _ = writeln!(
            out,
            r##"<line x1="{at:.1}" x2="{at:.1}" y1="0" y2="{bottom:.0}" stroke="#d55e00" stroke-width="2" stroke-dasharray="6 4"/>"##
        );
        let value = format!("{} {unit}", figure(value));
        let _ = write!(
            legend,
            "<span><i style=\"background:#fff;border-color:#d55e00;border-style:dashed\"></i>{}</span>",
            both(&format!("reported: {value}"), &format!("论文：{value}"))
        );
    }
    format!("{out}</svg></div>\n<div class=\"legend\">{legend}</div>\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round_and_inside() {
        assert_eq!(ticks(0.0, 10.0), [0.0, 2.0, 4.0, 6.0, 8.0, 10.0]);
        assert_eq!(ticks(103.0, 131.0), [105.0, 110.0, 115.0, 120.0, 125.0, 130.0]);
        assert_eq!(tick_label(0.5), "0.5");
        assert_eq!(tick_label(120.0), "120");
    }
}
