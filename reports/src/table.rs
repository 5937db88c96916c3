//! Tables for a terminal and for Markdown, and the run's table.

use unicode_width::UnicodeWidthStr;

use crate::escape;
use crate::format::{dash, lower, percent, recall, seconds, stages, upper};
use crate::records::{PackageRecord, RunRecord};
use crate::stats;
use crate::summary::{Summary, summary};

/// Where a column's cells stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Align {
    /// Texts.
    Left,
    /// Figures.
    Right,
}

/// What a cell says about itself; shown only where colours are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tone {
    /// Nothing.
    Plain,
    /// As it should be.
    Good,
    /// Not as it should be.
    Bad,
}

/// A table of texts. Cells may hold anything: control characters are made visible, wide characters count with their width.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TextTable {
    header: Vec<(String, Align)>,
    rows: Vec<Vec<(String, Tone)>>,
}

impl TextTable {
    /// An empty table with these columns.
    pub fn new(header: &[(&str, Align)]) -> Self {
        Self { header: header.iter().map(|(name, align)| (escape::printable(name), *align)).collect(), rows: Vec::new() }
    }

    /// Adds a row; missing cells are empty, further ones are dropped.
    pub fn row<S: Into<String>>(&mut self, cells: impl IntoIterator<Item = S>) {
        self.toned_row(cells.into_iter().map(|cell| (cell.into(), Tone::Plain)));
    }

    /// Adds a row whose cells have a tone.
    pub fn toned_row(&mut self, cells: impl IntoIterator<Item = (String, Tone)>) {
        let mut cells: Vec<_> = cells.into_iter().take(self.header.len()).collect();
        cells.resize(self.header.len(), (String::new(), Tone::Plain));
        self.rows.push(cells);
    }

    /// Names of the columns, and whether their cells stand to the right.
    pub(crate) fn columns(&self) -> impl Iterator<Item = (&str, bool)> {
        self.header.iter().map(|(name, align)| (name.as_str(), *align == Align::Right))
    }

    /// The cells of each row.
    pub(crate) fn cells(&self) -> impl Iterator<Item = impl Iterator<Item = &str>> {
        self.rows.iter().map(|row| row.iter().map(|(cell, _)| cell.as_str()))
    }

    /// Whether it has no row.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Lines for a terminal, each indented by two spaces and without spaces at its end; with ANSI colours only if `color`.
    pub fn to_text(&self, color: bool) -> String {
        let rows: Vec<Vec<_>> =
            self.rows.iter().map(|row| row.iter().map(|(cell, tone)| (escape::printable(cell), *tone)).collect()).collect();
        let widths: Vec<_> = (0..self.header.len())
            .map(|i| rows.iter().map(|row| row[i].0.width()).chain([self.header[i].0.width()]).max().unwrap_or(0))
            .collect();
        let line = |cells: &mut dyn Iterator<Item = (&str, Tone)>| {
            let mut line = String::new();
            for (i, (cell, tone)) in cells.enumerate() {
                let space = " ".repeat(widths[i] - cell.width());
                let cell = paint(cell, tone, color);
                line.push_str("  ");
                match self.header[i].1 {
                    Align::Left => line.push_str(&(cell + &space)),
                    Align::Right => line.push_str(&(space + &cell)),
                }
            }
            line.truncate(line.trim_end().len());
            line + "\n"
        };
        let mut out = line(&mut self.header.iter().map(|(name, _)| (name.as_str(), Tone::Plain)));
        let rules: Vec<_> = widths.iter().map(|width| "─".repeat(*width)).collect();
        out += &line(&mut rules.iter().map(|rule| (rule.as_str(), Tone::Plain)));
        for row in &rows {
            out += &line(&mut row.iter().map(|(cell, tone)| (cell.as_str(), *tone)));
        }
        out
    }

    /// A table in GitHub's Markdown.
    pub fn to_markdown(&self) -> String {
        let line = |cells: &mut dyn Iterator<Item = String>| format!("| {} |\n", cells.collect::<Vec<_>>().join(" | "));
        let mut out = line(&mut self.header.iter().map(|(name, _)| escape::markdown(name)));
        out += &line(&mut self.header.iter().map(|(_, align)| if *align == Align::Left { "---" } else { "---:" }.to_owned()));
        for row in &self.rows {
            out += &line(&mut row.iter().map(|(cell, _)| escape::markdown(cell)));
        }
        out
    }
}

fn paint(text: &str, tone: Tone, color: bool) -> String {
    match tone {
        Tone::Good if color => format!("\u{1b}[32m{text}\u{1b}[0m"),
        Tone::Bad if color => format!("\u{1b}[31m{text}\u{1b}[0m"),
        _ => text.to_owned(),
    }
}

/// Recall by band: all visible views, those under nominal conditions, and the others.
pub(crate) fn bands_table(summary: &Summary) -> TextTable {
    let mut table = TextTable::new(&[
        ("px per module", Align::Left),
        ("visible", Align::Right),
        ("read", Align::Right),
        ("recall", Align::Right),
        ("95 % bound", Align::Right),
        ("nominal", Align::Right),
        ("read", Align::Right),
        ("recall", Align::Right),
        ("95 % bound", Align::Right),
        ("other", Align::Right),
        ("recall", Align::Right),
    ]);
    for (band, all) in summary.recall_visible.iter() {
        let (nominal, other) = (summary.recall_nominal.get(band), summary.recall_off_nominal.get(band));
        table.row([
            band.label().to_owned(),
            all.visible.to_string(),
            all.read.to_string(),
            recall(all),
            lower(all),
            nominal.visible.to_string(),
            nominal.read.to_string(),
            recall(nominal),
            lower(nominal),
            other.visible.to_string(),
            recall(other),
        ]);
    }
    table
}

/// The packages: all of them, or those that did not go the expected way.
pub(crate) fn packages_table<'a>(packages: impl Iterator<Item = &'a PackageRecord>) -> TextTable {
    let mut table = TextTable::new(&[
        ("#", Align::Right),
        ("package", Align::Left),
        ("code", Align::Left),
        ("px/module", Align::Right),
        ("read in", Align::Right),
        ("visible in", Align::Right),
        ("read", Align::Left),
        ("state", Align::Left),
        ("rule", Align::Left),
    ]);
    for package in packages {
        let (read, tone) = match (package.read, package.visible_in_any_frame) {
            (true, _) => ("yes", Tone::Good),
            (false, true) => ("missed", Tone::Bad),
            (false, false) => ("never visible", Tone::Plain),
        };
        table.toned_row([
            (package.index.to_string(), Tone::Plain),
            (package.name.clone(), Tone::Plain),
            (if package.text.is_empty() { dash() } else { package.text.clone() }, Tone::Plain),
            (package.best_px_per_module.map_or_else(dash, |px| format!("{px:.2}")), Tone::Plain),
            (package.views_read.to_string(), Tone::Plain),
            (package.views_visible.to_string(), Tone::Plain),
            (read.to_owned(), tone),
            (package.state.key().replace('_', " "), Tone::Plain),
            (package.refused_rule.clone().unwrap_or_default(), Tone::Plain),
        ]);
    }
    table
}

/// The headline figures as (name, value, tone).
pub(crate) fn headline(run: &RunRecord, summary: &Summary) -> Vec<(&'static str, String, Tone)> {
    let beyond = summary.packages - summary.packages_ceiling.min(summary.packages);
    let misread_tone = if summary.misreads == 0 { Tone::Good } else { Tone::Bad };
    let rate = &summary.misread_rate_readings;
    let mut lines = vec![
        (
            "packages read",
            format!(
                "{} of {} visible in any frame ({} on the plate, {beyond} beyond the ceiling)",
                summary.packages_read, summary.packages_ceiling, summary.packages
            ),
            if summary.packages_read >= summary.packages_ceiling { Tone::Good } else { Tone::Plain },
        ),
        (
            "misreads",
            format!("{} ({} of {} readings wrong, upper 95 % bound {})", summary.misreads, rate.wrong, rate.of, upper(rate)),
            misread_tone,
        ),
    ];
    if let Some(order) = &summary.order {
        let named = [(order.partial, "partial"), (order.missing, "missing"), (order.refused, "refused")];
        let others: String = named.iter().filter(|(n, _)| *n > 0).map(|(n, name)| format!(", {n} {name}")).collect();
        let surplus = order.surplus_packages;
        let surplus = if surplus > 0 { format!("; {surplus} surplus on the plate") } else { String::new() };
        lines.push(("order", format!("{} of {} lines fulfilled{others}{surplus}", order.fulfilled, order.lines), Tone::Plain));
    }
    if !run.pool.is_empty() {
        let counts: Vec<_> = run.pool.iter().map(|count| format!("{} {} → {}", count.status, count.before, count.after)).collect();
        lines.push(("code pool", counts.join(", "), Tone::Plain));
    }
    let measured = if summary.cycle_seconds_compute_measured { "measured" } else { "by the cost profile" };
    lines.push((
        "cycle",
        format!(
            "{} mechanical, {} compute ({measured})",
            seconds(summary.cycle_seconds_mechanical),
            seconds(summary.cycle_seconds_compute)
        ),
        Tone::Plain,
    ));
    let rate = summary.render_mpix_per_s.map_or_else(dash, |rate| format!("{rate:.1} Mpix/s"));
    let decode = summary.decode_seconds_per_frame.map_or_else(dash, seconds);
    lines.push(("speed", format!("render {rate}, decode {decode} per frame, run {}", seconds(summary.run_seconds)), Tone::Plain));
    if summary.frames_incomplete > 0 {
        lines.push(("incomplete", format!("{} of {} frames did not arrive whole", summary.frames_incomplete, summary.frames), Tone::Bad));
    }
    lines
}

/// Share of the time by stage.
fn stage_table(run: &RunRecord) -> TextTable {
    let mut table = TextTable::new(&[
        ("stage", Align::Left),
        ("total", Align::Right),
        ("share", Align::Right),
        ("mean per frame", Align::Right),
        ("median", Align::Right),
        ("95 % within", Align::Right),
    ]);
    let stages = stages(run);
    let all: f64 = stages.iter().map(|stage| stage.total()).sum();
    for stage in &stages {
        let of = |value: Option<f64>| value.map_or_else(dash, seconds);
        table.row([
            stage.stage.clone(),
            seconds(stage.total()),
            if all > 0.0 { percent(stage.total() / all) } else { dash() },
            of(stats::mean(&stage.seconds)),
            of(stats::median(&stage.seconds)),
            of(stats::quantile(&stage.seconds, 0.95)),
        ]);
    }
    table
}

/// A load of more packages than this lists only those that were not read or not wanted.
const ALL_PACKAGES_UP_TO: usize = 40;

/// The run as text for a terminal, in English; with ANSI colours only if `color`.
pub fn terminal(run: &RunRecord, color: bool) -> String {
    let summary = summary(run);
    let cameras: std::collections::BTreeSet<_> = run.frames.iter().map(|frame| frame.camera.as_str()).collect();
    let mut out = format!(
        "{}, seed {}: {} packages, {} frames from {} cameras\n\n",
        escape::printable(&run.scenario),
        summary.seed,
        summary.packages,
        summary.frames,
        cameras.len()
    );
    for (name, value, tone) in headline(run, &summary) {
        out += &format!("  {name:<14} {}\n", paint(&escape::printable(&value), tone, color));
    }
    out += "\nCode views by resolution\n\n";
    out += &bands_table(&summary).to_text(color);
    if summary.read_not_visible > 0 {
        out += &format!("  {} more were read although they do not count as visible.\n", summary.read_not_visible);
    }
    let few = run.packages.len() <= ALL_PACKAGES_UP_TO;
    let expected = |package: &PackageRecord| package.read && package.refused_rule.is_none();
    let packages = packages_table(run.packages.iter().filter(|package| few || !expected(package)));
    if !packages.is_empty() {
        out += if few { "\nPackages\n\n" } else { "\nPackages not read or refused\n\n" };
        out += &packages.to_text(color);
    }
    if !summary.misread_texts.is_empty() {
        let mut table = TextTable::new(&[("misread", Align::Left), ("kind", Align::Left), ("frames", Align::Right)]);
        for note in &summary.misread_texts {
            table.toned_row([
                (note.text.clone(), Tone::Bad),
                (note.kind.key().replace('_', " "), Tone::Plain),
                (note.frames.to_string(), Tone::Plain),
            ]);
        }
        out += &format!("\nMisreads\n\n{}", table.to_text(color));
    }
    let stages = stage_table(run);
    if !stages.is_empty() {
        out += &format!("\nMeasured time by stage\n\n{}", stages.to_text(color));
    }
    if !run.thresholds.is_empty() {
        let mut table =
            TextTable::new(&[("threshold", Align::Left), ("asked", Align::Left), ("found", Align::Left), ("held", Align::Left)]);
        for threshold in &run.thresholds {
            table.toned_row([
                (threshold.name.clone(), Tone::Plain),
                (threshold.required.clone(), Tone::Plain),
                (threshold.observed.clone(), Tone::Plain),
                if threshold.held { ("yes".to_owned(), Tone::Good) } else { ("no".to_owned(), Tone::Bad) },
            ]);
        }
        out += &format!("\nThresholds\n\n{}", table.to_text(color));
    }
    for note in &run.notes {
        out += &format!("\nNote: {}\n", escape::printable(note));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wide_characters_keep_the_columns_straight() {
        let mut table = TextTable::new(&[("name", Align::Left), ("n", Align::Right)]);
        table.row(["阿莫西林", "7"]);
        table.row(["ab", "12"]);
        assert_eq!(table.to_text(false), "  name       n\n  ────────  ──\n  阿莫西林   7\n  ab        12\n");
    }

    #[test]
    fn cells_cannot_steer_the_terminal() {
        let mut table = TextTable::new(&[("name", Align::Left)]);
        table.toned_row([("\u{1b}[2J\n".to_owned(), Tone::Bad)]);
        assert_eq!(table.to_text(false).lines().last(), Some("  ␛[2J␊"));
        assert_eq!(table.to_text(true).lines().last(), Some("  \u{1b}[31m␛[2J␊\u{1b}[0m"));
    }

    #[test]
    fn markdown_cells_stay_cells() {
        let mut table = TextTable::new(&[("a", Align::Left), ("b", Align::Right)]);
        table.row(["x|y", "<b>"]);
        table.row(["only"]);
        assert_eq!(table.to_markdown(), "| a | b |\n| --- | ---: |\n| x\\|y | &lt;b&gt; |\n| only |  |\n");
    }
}
