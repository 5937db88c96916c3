//! The run in Markdown, for a pull request or a CI job's summary.

use crate::escape::markdown as escape;
use crate::records::RunRecord;

use crate::table::{Align, TextTable, bands_table, headline, packages_table};

/// The run's summary in GitHub's Markdown, in English.
pub fn summary(run: &RunRecord) -> String {
    let numbers = crate::summary(run);
    let mut out = format!("## {}, seed {}\n\n", escape(&run.scenario), numbers.seed);
    let mut figures = TextTable::new(&[("figure", Align::Left), ("value", Align::Left)]);
    for (name, value, _) in headline(run, &numbers) {
        figures.row([name.to_owned(), value]);
    }
    out += &figures.to_markdown();
    out += &format!("\n### Code views by resolution\n\n{}", bands_table(&numbers).to_markdown());
    if !run.thresholds.is_empty() {
        let mut table =
            TextTable::new(&[("threshold", Align::Left), ("asked", Align::Left), ("found", Align::Left), ("held", Align::Left)]);
        for threshold in &run.thresholds {
            let held = if threshold.held { "yes" } else { "no" };
            table.row([threshold.name.as_str(), &threshold.required, &threshold.observed, held]);
        }
        out += &format!("\n### Thresholds\n\n{}", table.to_markdown());
    }
    if !numbers.misread_texts.is_empty() {
        let mut table = TextTable::new(&[("misread", Align::Left), ("kind", Align::Left), ("frames", Align::Right)]);
        for note in &numbers.misread_texts {
            table.row([note.text.clone(), note.kind.key().replace('_', " "), note.frames.to_string()]);
        }
        out += &format!("\n### Misreads\n\n{}", table.to_markdown());
    }
    let packages = packages_table(run.packages.iter().filter(|package| !package.read || package.refused_rule.is_some()));
    if !packages.is_empty() {
        out += &format!("\n### Packages not read or refused\n\n{}", packages.to_markdown());
    }
    for note in &run.notes {
        out += &format!("\n> {}\n", escape(note));
    }
    let manifest = &run.manifest;
    out += &format!(
        "\ntracetwin {}, {} {}, adapter {}, configuration {}\n",
        escape(&manifest.version),
        escape(&manifest.os),
        escape(&manifest.arch),
        escape(manifest.adapter.as_deref().unwrap_or("none")),
        escape(manifest.config_sha256.get(..12).unwrap_or(&manifest.config_sha256))
    );
    out
}
