//! The formats as JSON Schema, for editors and other tools.

use schemars::{JsonSchema, Schema, schema_for};
use serde::{Deserialize, Serialize};

use super::{Body, Catalogue, Rig};

/// Which format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// A scenario.
    Scenario,
    /// A rig in a file of its own.
    Rig,
    /// A package catalogue in a file of its own.
    Catalogue,
    /// A study.
    Study,
}

/// A part of a scenario: inline, or in a file of its own.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
enum Part<T> {
    /// In a file of its own.
    File(File),
    /// Inline.
    Inline(T),
}

/// A reference.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct File {
    /// Path, relative to the folder of the file it stands in.
    file: String,
}

/// A scenario: everything that a run depends on.
#[derive(JsonSchema)]
#[schemars(title = "TraceTwin scenario")]
#[allow(dead_code, reason = "only its schema is used")]
struct Whole {
    #[serde(flatten)]
    body: Body,
    /// The rig.
    rig: Part<Rig>,
    /// The package catalogue.
    catalogue: Part<Catalogue>,
}

/// The JSON Schema (2020-12) of `format`.
pub fn schema(format: Format) -> Schema {
    match format {
        Format::Scenario => schema_for!(Whole),
        Format::Rig => schema_for!(Rig),
        Format::Catalogue => schema_for!(Catalogue),
        Format::Study => schema_for!(crate::study::Body),
    }
}
