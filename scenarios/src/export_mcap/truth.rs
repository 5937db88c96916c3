//! What a run left beside its recording: the table of views, and where the packages lay.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use hardware_hal::RecordedFrame;
use serde::{Deserialize, Serialize};

use crate::error::{Failure, Result};

/// The file of a run's folder that says where its packages lay.
pub const LOAD_FILE: &str = "load.json";

/// The file of a run's folder with all views.
const VIEWS_FILE: &str = "results.csv";

/// A package as it came to rest.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PlacedPackage {
    /// What it is.
    pub name: String,
    /// Its traceability code.
    pub text: String,
    /// Whether it is a cylinder about its own y axis.
    pub round: bool,
    /// Edge lengths of the box around it, m.
    pub size_m: [f64; 3],
    /// `plate_from_package`: x, y, z, w.
    pub rotation: [f64; 4],
    /// `plate_from_package`, m.
    pub translation_m: [f64; 3],
}

/// A printed code in a frame: columns of the results table.
#[derive(Debug, Clone, PartialEq, Deserialize)]
struct Row {
    frame: usize,
    camera: String,
    text: String,
    x0: f64,
    y0: f64,
    x1: f64,
    y1: f64,
    x2: f64,
    y2: f64,
    x3: f64,
    y3: f64,
    visible: bool,
    px_per_module: f64,
    read: bool,
    reason: Option<String>,
}

/// A printed code in a frame.
#[derive(Debug, Clone, PartialEq)]
pub struct View {
    /// What it says.
    pub text: String,
    /// Its corners, px.
    pub corners: [[f64; 2]; 4],
    /// Whether it can be seen.
    pub visible: bool,
    /// How large it is.
    pub px_per_module: f64,
    /// Whether it was read.
    pub read: bool,
    /// Why not.
    pub reason: Option<String>,
}

/// A run's side of a recording.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Run {
    /// Views by frame.
    pub views: BTreeMap<usize, Vec<View>>,
    /// The load, where the run left it.
    pub load: Vec<PlacedPackage>,
}

impl Run {
    /// Reads a run's folder and holds it against the recording's frames.
    ///
    /// # Errors
    /// Files that are missing or none, or are of another recording.
    pub fn read(folder: &Path, frames: &[RecordedFrame]) -> Result<Self> {
        let path = folder.join(VIEWS_FILE);
        let mut reader = csv::Reader::from_path(&path)
            .map_err(|error| fault(&path, format!("cannot be read: {error}")).with_help("`run --out` leaves it"))?;
        let mut views: BTreeMap<usize, Vec<View>> = BTreeMap::new();
        for (number, row) in reader.deserialize().enumerate() {
            let row: Row = row.map_err(|error| fault(&path, format!("is not a table of views: {error}")))?;
            let found = frames.get(row.frame).map(|frame| frame.meta.camera.as_str());
            if found != Some(row.camera.as_str()) {
                let what = found.map_or("is not in the recording".to_owned(), |camera| format!("is of camera `{camera}` in the recording"));
                let line = number + 2;
                return Err(fault(&path, format!("line {line}: frame {} of camera `{}` {what}", row.frame, row.camera))
                    .with_help("give the folder that `run --out` filled when it recorded this"));
            }
            views.entry(row.frame).or_default().push(View {
                text: row.text,
                corners: [[row.x0, row.y0], [row.x1, row.y1], [row.x2, row.y2], [row.x3, row.y3]],
                visible: row.visible,
                px_per_module: row.px_per_module,
                read: row.read,
                reason: row.reason.filter(|reason| !reason.is_empty()),
            });
        }
        let path = folder.join(LOAD_FILE);
        let load = match std::fs::read(&path) {
            Ok(bytes) => serde_json::from_slice(&bytes).map_err(|error| fault(&path, format!("is not a load: {error}")))?,
            // A run of an earlier version.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Vec::new(),
            Err(error) => return Err(fault(&path, format!("cannot be read: {error}"))),
        };
        Ok(Self { views, load })
    }
}

fn fault(path: &Path, message: String) -> Failure {
    Failure::input(PathBuf::from(path), message)
}
