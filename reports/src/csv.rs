//! Tables as CSV (RFC 4180, UTF-8, a header line).

use crate::columns::{COLUMNS, Get, rows};
use crate::records::RunRecord;

/// Every (symbol, frame) pair, one a line. Floating-point numbers are written so that reading them gives the same bits; a reason that is not there
/// is an empty field. Texts stand as they are, control characters such as GS included.
///
/// # Errors
/// What the CSV writer says.
pub fn views(run: &RunRecord) -> Result<Vec<u8>, csv::Error> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(COLUMNS.iter().map(|(name, _)| name))?;
    for row in rows(run) {
        for (_, get) in &COLUMNS {
            match get {
                Get::Int(get) => writer.write_field(get(&row).to_string())?,
                Get::Real(get) => writer.write_field(get(&row).to_string())?,
                Get::Bool(get) => writer.write_field(if get(&row) { "true" } else { "false" })?,
                Get::Text(get) => writer.write_field(get(&row))?,
                Get::Maybe(get) => writer.write_field(get(&row).unwrap_or_default())?,
            }
        }
        writer.write_record(None::<&[u8]>)?;
    }
    finish(writer)
}

/// The side table of measured wall times: `frame, camera, stage, seconds`; what belongs to no frame has an empty frame and camera.
///
/// # Errors
/// What the CSV writer says.
pub fn times(run: &RunRecord) -> Result<Vec<u8>, csv::Error> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(["frame", "camera", "stage", "seconds"])?;
    for stage in &run.times.stages {
        writer.write_record(["", "", &stage.stage, &stage.seconds.to_string()])?;
    }
    for frame in &run.times.frames {
        let camera = run.frames.get(frame.frame).map_or("", |record| &record.camera);
        let index = frame.frame.to_string();
        writer.write_record([&index, camera, "render", &frame.render_seconds.to_string()])?;
        for stage in &frame.decode {
            writer.write_record([&index, camera, &stage.stage, &stage.seconds.to_string()])?;
        }
    }
    finish(writer)
}

fn finish(writer: csv::Writer<Vec<u8>>) -> Result<Vec<u8>, csv::Error> {
    // Flushing into memory cannot fail; the error has the form of an I/O error all the same.
    writer.into_inner().map_err(|error| csv::Error::from(error.into_error()))
}
