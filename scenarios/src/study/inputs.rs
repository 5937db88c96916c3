//! Fixed inputs of a model with where each is from, so that a report can mark what is assumed.

use std::collections::BTreeMap;

use reports::study::Given;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::file::Body;
use crate::scenario::{Checked, Place};

/// Where a fixed input is from. Its value stands where the model reads it, and nowhere else.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Origin {
    /// Where it is from.
    pub source: String,
    /// Whether no source states it.
    #[serde(default)]
    pub assumed: bool,
}

/// The table of a file that holds a model's fixed inputs.
const TABLES: [&str; 3] = ["day", "central", "clinic"];

fn tables(body: &Body) -> Vec<(&'static str, Value)> {
    // Serialising plain structs of numbers, texts and sorted maps cannot fail.
    let whole = serde_json::to_value(body).unwrap_or_default();
    TABLES.into_iter().filter_map(|name| whole.get(name).filter(|of| !of.is_null()).map(|of| (name, of.clone()))).collect()
}

/// Checks that every fixed input has its origin, and every origin its input.
///
/// # Errors
/// The first fault.
pub fn check(body: &Body, top: &Place) -> Checked<()> {
    let mut known = Vec::new();
    for (table, values) in tables(body) {
        for key in values.as_object().into_iter().flat_map(|object| object.keys()) {
            if !body.inputs.contains_key(key) {
                let fault = top.fault(&format!("{table}.{key}"), format!("nothing says where `{key}` is from"));
                return Err(fault.with_help_boxed(format!("add `{key} = {{ source = \"…\", assumed = true }}` to `[inputs]`")));
            }
            known.push(key.clone());
        }
    }
    for (name, origin) in &body.inputs {
        if !known.contains(name) {
            return Err(top.fault(&format!("inputs.{name}"), format!("the model has no input `{name}`")));
        }
        if origin.source.trim().is_empty() {
            return Err(top.fault(&format!("inputs.{name}.source"), "say where it is from, or that it is a guess"));
        }
    }
    Ok(())
}

/// As the report lists them.
pub fn listed(body: &Body) -> Vec<Given> {
    let mut given = Vec::new();
    for (_, values) in tables(body) {
        let Some(object) = values.as_object() else { continue };
        let values: BTreeMap<&String, &Value> = object.iter().collect();
        for (name, value) in values {
            let Some(origin) = body.inputs.get(name) else { continue };
            given.push(Given { name: name.clone(), value: shown(value), source: origin.source.clone(), assumed: origin.assumed });
        }
    }
    given
}

/// A value in words: `lognormal, mean 12.0, cv 0.6`.
fn shown(value: &Value) -> String {
    match value {
        Value::Object(object) => {
            let part = |(key, value): (&String, &Value)| match key.as_str() {
                "kind" => shown(value),
                key => format!("{key} {}", shown(value)),
            };
            let (kind, rest): (Vec<_>, Vec<_>) = object.iter().partition(|(key, _)| *key == "kind");
            kind.into_iter().chain(rest).map(part).collect::<Vec<_>>().join(", ")
        }
        Value::Array(items) => {
            let nested = items.iter().any(|item| item.is_object() || item.is_array());
            let parts: Vec<String> =
                items.iter().map(|item| if item.is_array() { format!("({})", shown(item)) } else { shown(item) }).collect();
            parts.join(if nested { "; " } else { ", " })
        }
        Value::String(text) => text.replace('_', " "),
        Value::Null => "–".to_owned(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_read_as_words() {
        let value = serde_json::json!({ "cv": 0.6, "kind": "lognormal", "mean": 12.0 });
        assert_eq!(shown(&value), "lognormal, cv 0.6, mean 12.0");
        assert_eq!(shown(&serde_json::json!([1, 2.5])), "1, 2.5");
        assert_eq!(shown(&serde_json::json!([{ "share": 1.0, "hours": [[8, 12]] }])), "hours (8, 12), share 1.0");
        assert_eq!(shown(&serde_json::json!(true)), "true");
    }
}
