//! What differs from province to province, as data.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::pool::{UploadKind, WriteOffReason};

/// The version of dialect files that this software reads.
const SCHEMA_VERSION: u32 = 1;

/// How one platform wants to be spoken to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Dialect {
    /// 1.
    pub schema_version: u32,
    /// What it is called.
    pub name: String,
    /// How times are written: `%Y`, `%m`, `%d`, `%H`, `%M`, `%S`, everything else as it stands.
    pub time_format: String,
    /// How days are written.
    pub date_format: String,
    /// Whether a message that was received before is answered and not booked again. Only then is an unknown outcome sent again by itself.
    pub recognises_repeats: bool,
    /// Where an answer says which message it answers to (JSON pointer). An answer to another message is no answer.
    pub answers_to: Option<String>,
    /// What an answer must say to mean yes.
    pub success: Vec<Condition>,
    /// Values of `infcode` that mean: this code is sold already.
    #[serde(default)]
    pub already_sold: Vec<String>,
    /// Where such an answer names the sale that has it (JSON pointer). Our own means that the platform has had this one before.
    pub holder: Option<String>,
    /// Values of `infcode` that mean: not now, and nothing was booked.
    #[serde(default)]
    pub retry_later: Vec<String>,
    /// The requests.
    pub requests: BTreeMap<UploadKind, RequestForm>,
    /// What stands in `inv_chg_type` of goods that were written off.
    #[serde(default)]
    pub write_offs: BTreeMap<WriteOffReason, String>,
    /// How requests are signed; unsigned if nothing is said.
    pub signature: Option<Signature>,
    /// Fields that the pool does not know, with what to say in them.
    #[serde(default)]
    pub defaults: BTreeMap<String, String>,
}

/// How requests are signed. The signature stands in `cainfo` in hexadecimal digits, `signtype` says `SM3`. Signed is the envelope without `cainfo`, as JSON
/// without blanks, the names of each object in the order of their bytes; the public interface does not say what is signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Signature {
    /// How the secret comes in.
    pub method: SignatureMethod,
}

/// How the secret comes into a signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SignatureMethod {
    /// HMAC with SM3.
    HmacSm3,
    /// SM3 of the text with the secret behind it.
    Sm3Appended,
}

/// What an answer must say.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Condition {
    /// Where (JSON pointer).
    pub at: String,
    /// What; numbers are compared as they are written.
    pub is: String,
}

/// How one request is built.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RequestForm {
    /// Its number.
    pub infno: String,
    /// The object in `input` that holds the fields.
    pub node: String,
    /// The list in that object, where several entries travel together.
    pub list: Option<String>,
    /// How many may.
    pub batch: Option<u32>,
    /// Path below the platform's address; `/` and the number if none is said.
    pub path: Option<String>,
    /// Fields under other names: ours = theirs.
    #[serde(default)]
    pub rename: BTreeMap<String, String>,
    /// Fields that this platform does not want.
    #[serde(default)]
    pub omit: Vec<String>,
}

/// A dialect that makes no sense.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DialectError {
    /// Not TOML, or not these keys.
    #[error("{0}")]
    Form(String),
    /// From a newer version of this software.
    #[error("the dialect has schema_version {found}; this version knows {SCHEMA_VERSION}")]
    Version {
        /// Its version.
        found: u32,
    },
    /// A value that cannot work.
    #[error("{key}: {what}")]
    Value {
        /// Where.
        key: String,
        /// What is wrong.
        what: &'static str,
    },
}

impl Dialect {
    /// The national interface.
    pub fn national() -> Self {
        Self::built_in(include_str!("dialects/national.toml"))
    }

    /// A provincial variant with batches, a second success flag and times without a space.
    pub fn batched() -> Self {
        Self::built_in(include_str!("dialects/batched.toml"))
    }

    /// The national interface with signed requests.
    pub fn signed() -> Self {
        Self { name: "signed".into(), signature: Some(Signature { method: SignatureMethod::HmacSm3 }), ..Self::national() }
    }

    fn built_in(text: &str) -> Self {
        #[expect(clippy::expect_used, reason = "files of this crate, read by a test")]
        Self::parse(text).expect("a dialect of this crate")
    }

    /// Reads a dialect file (TOML).
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str) -> Result<Self, DialectError> {
        let dialect: Self = toml::from_str(text).map_err(|error| DialectError::Form(error.to_string()))?;
        if dialect.schema_version != SCHEMA_VERSION {
            return Err(DialectError::Version { found: dialect.schema_version });
        }
        let wrong = |key: &str, what| Err(DialectError::Value { key: key.into(), what });
        for (key, format, needed) in [
            ("time_format", &dialect.time_format, ["%Y", "%m", "%d", "%H", "%M", "%S"].as_slice()),
            ("date_format", &dialect.date_format, ["%Y", "%m", "%d"].as_slice()),
        ] {
            if needed.iter().any(|part| !format.contains(part)) {
                return wrong(key, "a part of the time is missing: %Y, %m, %d, %H, %M, %S");
            }
        }
        if dialect.success.is_empty() {
            return wrong("success", "without a condition, anything would mean yes");
        }
        for (kind, form) in &dialect.requests {
            if form.batch.is_some_and(|n| n != 1) && form.list.is_none() {
                return wrong(&format!("requests.{}", kind.as_str()), "a batch needs a list");
            }
            if form.batch == Some(0) {
                return wrong(&format!("requests.{}", kind.as_str()), "a batch of none");
            }
        }
        Ok(dialect)
    }
}

/// What stands at a JSON pointer, as text.
pub(super) fn text_at(answer: &Value, pointer: &str) -> Option<String> {
    match answer.pointer(pointer)? {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(yes) => Some(yes.to_string()),
        _ => None,
    }
}
