//! The columns of the results table, once for CSV and Parquet.

use crate::bands::Band;
use crate::records::{CodeView, RunRecord};

/// How a column's value is got from a row.
pub(crate) enum Get {
    Int(fn(&Row) -> u64),
    Real(fn(&Row) -> f64),
    Bool(fn(&Row) -> bool),
    Text(for<'a> fn(&Row<'a>) -> &'a str),
    Maybe(for<'a> fn(&Row<'a>) -> Option<&'a str>),
}

/// One (symbol, frame) pair of one run.
pub(crate) struct Row<'a> {
    run: &'a RunRecord,
    view: &'a CodeView,
}

/// The rows of a run's table.
pub(crate) fn rows(run: &RunRecord) -> impl Iterator<Item = Row<'_>> {
    run.views.iter().map(move |view| Row { run, view })
}

/// Name and content, in the order of the files.
pub(crate) const COLUMNS: [(&str, Get); 35] = [
    ("scenario", Get::Text(|row| &row.run.scenario)),
    ("seed", Get::Int(|row| row.run.manifest.seed)),
    ("frame", Get::Int(|row| row.view.frame as u64)),
    ("camera", Get::Text(|row| &row.view.camera)),
    ("stop", Get::Int(|row| row.view.stop as u64)),
    ("turntable_deg", Get::Real(|row| row.view.turntable_deg)),
    ("pattern", Get::Text(|row| &row.view.pattern)),
    ("package", Get::Int(|row| row.view.package as u64)),
    ("package_name", Get::Text(|row| &row.view.package_name)),
    ("symbology", Get::Text(|row| &row.view.symbology)),
    ("text", Get::Text(|row| &row.view.text)),
    ("role", Get::Text(|row| row.view.role.key())),
    ("x0", Get::Real(|row| row.view.corners[0][0])),
    ("y0", Get::Real(|row| row.view.corners[0][1])),
    ("x1", Get::Real(|row| row.view.corners[1][0])),
    ("y1", Get::Real(|row| row.view.corners[1][1])),
    ("x2", Get::Real(|row| row.view.corners[2][0])),
    ("y2", Get::Real(|row| row.view.corners[2][1])),
    ("x3", Get::Real(|row| row.view.corners[3][0])),
    ("y3", Get::Real(|row| row.view.corners[3][1])),
    ("visible_fraction", Get::Real(|row| row.view.visible_fraction)),
    ("visible", Get::Bool(|row| row.view.visible)),
    ("px_per_module", Get::Real(|row| row.view.px_per_module)),
    ("band", Get::Text(|row| Band::of(row.view.px_per_module).key())),
    ("incidence_deg", Get::Real(|row| row.view.incidence_deg)),
    ("glare_share", Get::Real(|row| row.view.glare_share)),
    ("blur_modules", Get::Real(|row| row.view.blur_modules)),
    ("motion_blur_px", Get::Real(|row| row.view.motion_blur_px)),
    ("grid_angle_deg", Get::Real(|row| row.view.grid_angle_deg)),
    ("contrast", Get::Real(|row| row.view.contrast)),
    ("print_grade", Get::Real(|row| row.view.print_grade)),
    ("nominal", Get::Bool(|row| row.view.nominal)),
    ("read", Get::Bool(|row| row.view.read)),
    ("reason", Get::Maybe(|row| row.view.reason.as_deref())),
    ("complete", Get::Bool(|row| row.run.frames.get(row.view.frame).is_none_or(|frame| frame.complete))),
];
