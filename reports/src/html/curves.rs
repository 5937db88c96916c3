//! Curves with their bounds as inline SVG, and a page of them.

use std::fmt::Write;

use super::{both, both_in, section, shell};
use crate::escape::xml;
use crate::table::TextTable;

/// A measured value with its bounds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Point {
    /// Place on the x axis.
    pub x: f64,
    /// The value.
    pub y: f64,
    /// Lower and upper bound; drawn as a band.
    pub bounds: [f64; 2],
}

/// A curve; places without a measurement are left out of `points`.
#[derive(Debug, Clone, PartialEq)]
pub struct Curve {
    /// Name in English and in Chinese.
    pub name: (String, String),
    /// Points by rising x.
    pub points: Vec<Point>,
}

/// An axis of a chart.
#[derive(Debug, Clone, PartialEq)]
pub struct ChartAxis {
    /// What it measures, in English and in Chinese.
    pub label: (String, String),
    /// Values that are marked; the first and the last end the axis.
    pub ticks: Vec<f64>,
    /// Equal ratios are equally far apart.
    pub logarithmic: bool,
    /// Ticks are written as percentages.
    pub percent: bool,
}

impl ChartAxis {
    /// Share of the axis's length at a value, kept on the axis.
    fn at(&self, value: f64) -> f64 {
        let (Some(first), Some(last)) = (self.ticks.first(), self.ticks.last()) else { return 0.0 };
        let scale = |v: f64| if self.logarithmic { v.max(f64::MIN_POSITIVE).ln() } else { v };
        ((scale(value) - scale(*first)) / (scale(*last) - scale(*first))).clamp(0.0, 1.0)
    }

    fn text(&self, tick: f64) -> String {
        if self.percent { format!("{:.0} %", tick * 100.0) } else { format!("{tick}") }
    }
}

/// Colours that are told apart with any kind of colour vision (Okabe and Ito), and dashes beside them.
const COLOURS: [&str; 8] = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00", "#000000", "#7a5195"];
const DASHES: [&str; 3] = ["", "7 4", "2 3"];

/// A chart of curves with a legend, as HTML.
pub fn curve_chart(x: &ChartAxis, y: &ChartAxis, curves: &[Curve]) -> String {
    const LEFT: f64 = 66.0;
    const TOP: f64 = 14.0;
    const WIDTH: f64 = 800.0;
    const HEIGHT: f64 = 300.0;
    let place = |px: f64, py: f64| (LEFT + WIDTH * x.at(px), TOP + HEIGHT * (1.0 - y.at(py)));
    // Writing into a string cannot fail, here and below.
    let mut out = String::from("<div class=\"wide\"><svg class=\"chart\" viewBox=\"0 0 900 366\" role=\"img\">\n");
    for tick in &y.ticks {
        let (_, at) = place(x.ticks.first().copied().unwrap_or(0.0), *tick);
        let _ = write!(out, r##"<line x1="{LEFT}" x2="{:.1}" y1="{at:.1}" y2="{at:.1}" stroke="#dde2e8"/>"##, LEFT + WIDTH);
        let _ =
            writeln!(out, r#"<text class="soft" x="{}" y="{:.1}" text-anchor="end">{}</text>"#, LEFT - 8.0, at + 4.0, xml(&y.text(*tick)));
    }
    for tick in &x.ticks {
        let (at, bottom) = place(*tick, y.ticks.first().copied().unwrap_or(0.0));
        let _ = write!(out, r##"<line x1="{at:.1}" x2="{at:.1}" y1="{TOP}" y2="{bottom:.1}" stroke="#eef1f4"/>"##);
        let _ = writeln!(out, r#"<text x="{at:.1}" y="{:.1}" text-anchor="middle">{}</text>"#, bottom + 18.0, xml(&x.text(*tick)));
    }
    let style = |i: usize| (COLOURS[i % COLOURS.len()], DASHES[i / 3 % DASHES.len()]);
    for (i, curve) in curves.iter().enumerate() {
        let colour = style(i).0;
        let corner = |(px, py): (f64, f64)| format!("{px:.1},{py:.1}");
        let lower = curve.points.iter().map(|p| corner(place(p.x, p.bounds[0])));
        let upper = curve.points.iter().rev().map(|p| corner(place(p.x, p.bounds[1])));
        let band: Vec<_> = lower.chain(upper).collect();
        let _ = writeln!(out, r#"<polygon points="{}" fill="{colour}" fill-opacity="0.12"/>"#, band.join(" "));
    }
    for (i, curve) in curves.iter().enumerate() {
        let (colour, dash) = style(i);
        let corners: Vec<_> = curve.points.iter().map(|p| place(p.x, p.y)).collect();
        let line: Vec<_> = corners.iter().map(|(px, py)| format!("{px:.1},{py:.1}")).collect();
        let _ = write!(
            out,
            r#"<polyline points="{}" fill="none" stroke="{colour}" stroke-width="2" stroke-dasharray="{dash}"/>"#,
            line.join(" ")
        );
        for ((px, py), point) in corners.iter().zip(&curve.points) {
            let _ = write!(
                out,
                r#"<circle cx="{px:.1}" cy="{py:.1}" r="3" fill="{colour}"><title>{}: {:.3} at {:.3}, {:.3} to {:.3}</title></circle>"#,
                xml(&curve.name.0),
                point.y,
                point.x,
                point.bounds[0],
                point.bounds[1]
            );
        }
        out.push('\n');
    }
    let label = |axis: &ChartAxis| both_in("tspan", &axis.label.0, &axis.label.1);
    let _ = writeln!(
        out,
        r#"<text class="soft" x="{:.1}" y="{:.1}" text-anchor="middle">{}</text>"#,
        LEFT + WIDTH / 2.0,
        TOP + HEIGHT + 42.0,
        label(x)
    );
    let _ = writeln!(
        out,
        r#"<text class="soft" transform="translate(16 {:.1}) rotate(-90)" text-anchor="middle">{}</text>"#,
        TOP + HEIGHT / 2.0,
        label(y)
    );
    out += "</svg></div>\n<div class=\"legend\">";
    for (i, curve) in curves.iter().enumerate() {
        let (colour, dash) = style(i);
        let _ = write!(
            out,
            r#"<span><svg width="34" height="10" viewBox="0 0 34 10"><line x1="1" x2="33" y1="5" y2="5" stroke="{colour}" stroke-width="2.5" stroke-dasharray="{dash}"/></svg> {}</span>"#,
            both(&curve.name.0, &curve.name.1)
        );
    }
    out + "</div>\n"
}

/// A table as HTML.
pub fn html_table(table: &TextTable) -> String {
    let mut out = String::from("<div class=\"wide\"><table><thead><tr>");
    for (name, right) in table.columns() {
        let _ = write!(out, "<th{}>{}</th>", if right { " class=\"n\"" } else { "" }, xml(name));
    }
    out += "</tr></thead><tbody>\n";
    for row in table.cells() {
        out += "<tr>";
        for ((_, right), cell) in table.columns().zip(row) {
            let _ = write!(out, "<td{}>{}</td>", if right { " class=\"n\"" } else { "" }, xml(cell));
        }
        out += "</tr>\n";
    }
    out + "</tbody></table></div>\n"
}

/// One section of a page: title and lead in English and in Chinese, and HTML.
pub struct PageSection<'a> {
    /// Title.
    pub title: (&'a str, &'a str),
    /// What is to be seen.
    pub lead: (&'a str, &'a str),
    /// HTML: charts and tables.
    pub content: String,
}

/// A page that needs nothing else.
pub fn curve_page(title: (&str, &str), subtitle: (&str, &str), version: &str, sections: &[PageSection]) -> String {
    let body: String = sections.iter().map(|s| section(s.title, s.lead, &s.content)).collect();
    shell(&xml(title.0), &both(title.0, title.1), &both(subtitle.0, subtitle.1), version, &body)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn axis(ticks: &[f64], logarithmic: bool) -> ChartAxis {
        ChartAxis { label: ("x".into(), "横轴".into()), ticks: ticks.to_vec(), logarithmic, percent: false }
    }

    #[test]
    fn values_lie_where_the_axis_puts_them() {
        let log = axis(&[0.5, 1.0, 2.0], true);
        assert!((log.at(1.0) - 0.5).abs() < 1e-12 && log.at(0.1) == 0.0 && log.at(9.0) == 1.0);
        assert!((axis(&[0.0, 4.0], false).at(1.0) - 0.25).abs() < 1e-12);
    }

    #[test]
    fn names_cannot_leave_their_place() {
        let curve = Curve { name: ("<b>".into(), "&".into()), points: vec![Point { x: 1.0, y: 0.5, bounds: [0.4, 0.6] }] };
        let chart = curve_chart(&axis(&[0.5, 2.0], true), &axis(&[0.0, 1.0], false), &[curve]);
        let section = PageSection { title: ("t", "t"), lead: ("", ""), content: chart.clone() };
        let page = curve_page(("a", "b"), ("c", "d"), "0", &[section]);
        assert!(!page.contains("<b>") && page.contains(&chart));
        let mut reader = quick_xml::Reader::from_str(&chart);
        loop {
            match reader.read_event() {
                Ok(quick_xml::events::Event::Eof) => break,
                Ok(_) => {}
                Err(error) => panic!("{error}"),
            }
        }
    }
}
