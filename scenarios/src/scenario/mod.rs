//! Scenario, rig and catalogue files: their formats, reading and checking.
//!
//! Every fault is one [`InputError`](crate::error::InputError) that names file, line and key and shows the passage. A rig or a catalogue stands in
//! the scenario itself (`[rig]`) or in a file of its own (`rig = { file = "rigs/four-cameras.toml" }`, relative to the scenario's folder), under the
//! same schema.

mod camera;
mod catalogue;
mod document;
mod file;
mod hints;
mod rig;
pub mod schema;

use std::path::Path;
use std::sync::Arc;

use serde::Serialize;
use sha2::{Digest, Sha256};

pub use camera::{Camera, Filters, Lens, Sensor, Vignetting};
pub use catalogue::{Catalogue, Defects, FaceName, Film, FormName, InkColour, Kind, PaperColour, Print, Size, SizeClass};
pub use document::{Checked, Document, Place, read_text};
pub use file::{Body, Cycle, Load, Order, Pool, Thresholds};
pub use rig::{Flicker, Lamp, LampColour, LampKind, Pattern, Plate, PlateKind, Rig, Turntable, metres};

use crate::error::Result;

/// A scenario, read and checked, with its rig and catalogue.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Scenario {
    /// Everything but rig and catalogue.
    pub body: Body,
    /// The rig.
    pub rig: Rig,
    /// The catalogue.
    pub catalogue: Catalogue,
}

impl Scenario {
    /// Reads and checks a scenario file and what it refers to.
    ///
    /// # Errors
    /// The first fault, in whichever file it is.
    pub fn load(path: &Path) -> Result<Self> {
        let document = Document::read(path)?;
        let top = document.top();
        let body: Body = top.read(&["rig", "catalogue"])?;
        let rig_place = part(&top, "rig")?;
        let rig: Rig = rig_place.read(&[])?;
        rig.check(&rig_place)?;
        let catalogue_place = part(&top, "catalogue")?;
        let catalogue: Catalogue = catalogue_place.read(&[])?;
        catalogue.check(&catalogue_place)?;
        body.check(&top, &rig, &catalogue)?;
        Ok(Self { body, rig, catalogue })
    }

    /// Reads and checks a rig: a file of its own, or the one of a scenario.
    ///
    /// # Errors
    /// The first fault, in whichever file it is.
    pub fn load_rig(path: &Path) -> Result<Rig> {
        let top = Document::read(path)?.top();
        let place = if top.has("rig") { part(&top, "rig")? } else { top };
        let rig: Rig = place.read(&[])?;
        rig.check(&place)?;
        Ok(rig)
    }

    /// SHA-256 of the scenario as it was understood, lower-case hexadecimal: comments, order of keys and where a rig stands change nothing.
    pub fn sha256(&self) -> String {
        // Serialising plain structs of numbers, texts and sorted maps cannot fail.
        let bytes = serde_json::to_vec(self).unwrap_or_default();
        hex(&Sha256::digest(bytes))
    }
}

/// Lower-case hexadecimal.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A part that stands inline under `key` or in the file that `key = { file = "…" }` names.
fn part(top: &Place, key: &str) -> Result<Place> {
    if !top.has(key) {
        return Err(top
            .fault(key, format!("missing key `{key}`"))
            .with_help_boxed(format!("write the {key} as a table `[{key}]`, or name its file: `{key} = {{ file = \"{key}s/….toml\" }}`"))
            .into());
    }
    let file_key = format!("{key}.file");
    if !top.has(&file_key) {
        return Ok(top.under(key));
    }
    let Some(file) = top.string(&file_key) else { return Err(top.fault(&file_key, "is not a path in quotes").into()) };
    // Nothing else may stand beside `file`: it would be silently ignored.
    #[derive(serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Reference {
        #[serde(rename = "file")]
        _file: String,
    }
    top.under(key).read::<Reference>(&[])?;
    let path = top.path().parent().unwrap_or(Path::new("")).join(&file);
    let text = std::fs::read_to_string(&path).map_err(|error| {
        let what = if error.kind() == std::io::ErrorKind::NotFound { "there is no such file".to_owned() } else { error.to_string() };
        top.fault(&file_key, format!("cannot read {}: {what}", path.display()))
    })?;
    let document: Arc<Document> = Document::parse(&path, text)?;
    Ok(document.top())
}
