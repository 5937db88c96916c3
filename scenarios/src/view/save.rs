//! A changed rig back into its file: only what was changed, everything else to the last comment as it stood.

use std::path::{Path, PathBuf};

use toml_edit::{Array, DocumentMut, Item, Table, Value};

use crate::error::{Failure, Result};
use crate::scenario::{Document, Rig};

/// Where a rig stands: the file, and whether it is under the key `rig` there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RigPlace {
    /// The file.
    pub file: PathBuf,
    /// Whether the file is a scenario with the rig in it.
    pub inline: bool,
}

impl RigPlace {
    /// Where the rig of a scenario, or of a rig file, stands. The file has been read and checked before.
    ///
    /// # Errors
    /// A file that cannot be read any more.
    pub fn of(path: &Path) -> Result<Self> {
        let top = Document::read(path)?.top();
        let file = match top.string("rig.file") {
            Some(file) => path.parent().unwrap_or(Path::new("")).join(file),
            None => return Ok(Self { file: path.to_owned(), inline: top.has("rig") }),
        };
        Ok(Self { file, inline: false })
    }

    /// Writes what differs between `before`, which the file says, and `after`; how many values that were.
    ///
    /// # Errors
    /// A file that cannot be read or written, or that says something else than `before` by now; it is then as it was.
    pub fn save(&self, before: &Rig, after: &Rig) -> Result<usize> {
        let text = std::fs::read_to_string(&self.file).map_err(|error| Failure::input(&self.file, format!("cannot be read: {error}")))?;
        let (text, changes) = rewritten(&text, self.inline, before, after).map_err(|what| Failure::input(&self.file, what))?;
        // Beside the file first: a full disk must not cost the rig.
        let beside = self.file.with_extension("toml.new");
        std::fs::write(&beside, text)
            .and_then(|()| std::fs::rename(&beside, &self.file))
            .inspect_err(|_| drop(std::fs::remove_file(&beside)))
            .map_err(|error| Failure::write(&self.file, &error))?;
        Ok(changes)
    }
}

/// The text with what differs between two rigs changed, and how many values that are.
fn rewritten(text: &str, inline: bool, before: &Rig, after: &Rig) -> std::result::Result<(String, usize), String> {
    let mut document: DocumentMut = text.parse().map_err(|error| format!("is no TOML any more: {error}"))?;
    let top = document.as_table_mut();
    let rig = if inline { top.get_mut("rig").and_then(Item::as_table_mut).ok_or("has no table `rig` any more")? } else { top };
    let mut changes = 0;
    let mut put = |table: &mut Table, key: &str, old: Value, new: Value| -> std::result::Result<(), String> {
        if old.to_string() == new.to_string() {
            return Ok(());
        }
        if table.get(key).is_some_and(|item| !same(item, &old)) {
            return Err(format!("`{key}` was changed by somebody else in the meantime; nothing was saved"));
        }
        changes += 1;
        match table.get_mut(key).and_then(Item::as_value_mut) {
            Some(value) => {
                let decor = value.decor().clone();
                *value = new;
                *value.decor_mut() = decor;
            }
            None => drop(table.insert(key, Item::Value(new))),
        }
        Ok(())
    };
    for (index, (old, new)) in before.lamps.iter().zip(&after.lamps).enumerate() {
        let table = entry(rig, "lamps", index)?;
        put(table, "position_mm", array(old.position_mm), array(new.position_mm))?;
        put(table, "target_mm", array(old.target_mm), array(new.target_mm))?;
        put(table, "intensity", Value::from(old.intensity), Value::from(new.intensity))?;
    }
    for (index, (old, new)) in before.cameras.iter().zip(&after.cameras).enumerate() {
        let table = entry(rig, "cameras", index)?;
        put(table, "eye_mm", array(old.eye_mm), array(new.eye_mm))?;
        put(table, "target_mm", array(old.target_mm), array(new.target_mm))?;
    }
    for (index, (old, new)) in before.patterns.iter().zip(&after.patterns).enumerate() {
        if old.lamps != new.lamps {
            changes += 1;
            let shares: toml_edit::InlineTable = new.lamps.iter().map(|(lamp, share)| (lamp.as_str(), Value::from(*share))).collect();
            entry(rig, "patterns", index)?["lamps"] = Item::Value(Value::InlineTable(shares));
        }
    }
    Ok((document.to_string(), changes))
}

fn entry<'a>(rig: &'a mut Table, list: &str, index: usize) -> std::result::Result<&'a mut Table, String> {
    let tables = rig
        .get_mut(list)
        .and_then(Item::as_array_of_tables_mut)
        .ok_or_else(|| format!("`{list}` does not stand as tables `[[{list}]]`"))?;
    tables.get_mut(index).ok_or_else(|| format!("`{list}` has fewer entries by now"))
}

fn array(values: [f64; 3]) -> Value {
    // A tenth of a micrometre is finer than anybody mounts a lamp, and keeps the binary fractions of sums out of the file.
    let rounded = values.map(|value| (value * 1e4).round() / 1e4 + 0.0);
    Value::Array(rounded.into_iter().collect::<Array>())
}

/// Whether a value of the file says the same numbers, be they written as whole ones or not.
fn same(item: &Item, value: &Value) -> bool {
    let number = |v: &Value| v.as_float().or_else(|| v.as_integer().map(|n| n as f64));
    match (item.as_value(), value) {
        (Some(Value::Array(a)), Value::Array(b)) => a.len() == b.len() && a.iter().zip(b.iter()).all(|(a, b)| close(number(a), number(b))),
        (Some(a), b) => close(number(a), number(b)),
        (None, _) => false,
    }
}

fn close(a: Option<f64>, b: Option<f64>) -> bool {
    matches!((a, b), (Some(a), Some(b)) if (a - b).abs() < 1e-3)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::Scenario;

    const RIG: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/rigs/four-cameras.toml");

    fn rig() -> (String, Rig) {
        (std::fs::read_to_string(RIG).unwrap(), Scenario::load_rig(Path::new(RIG)).unwrap())
    }

    #[test]
    fn nothing_changed_leaves_every_byte() {
        let (text, rig) = rig();
        assert_eq!(rewritten(&text, false, &rig, &rig), Ok((text.clone(), 0)));
    }

    #[test]
    fn only_changed_values_change() {
        let (text, rig) = rig();
        let mut changed = rig.clone();
        changed.lamps[2].position_mm = [10.0, -790.1 + 0.2, 700.0];
        changed.lamps[2].intensity = 0.5;
        changed.cameras[0].eye_mm[2] = 1250.0;
        changed.patterns[1].lamps.insert("north-east".into(), 1.0);
        let (written, changes) = rewritten(&text, false, &rig, &changed).unwrap();
        assert_eq!(changes, 4);
        let differ: Vec<&str> = written.lines().filter(|line| !text.lines().any(|old| old == *line)).collect();
        assert_eq!(
            differ,
            [
                "position_mm = [10.0, -789.9, 700.0]",
                "intensity = 0.5",
                "lamps = { north-east = 1.0, south = 1.0 }",
                "eye_mm = [0.0, 0.0, 1250.0]"
            ]
        );
        assert_eq!(written.lines().count(), text.lines().count());
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("rig.toml");
        std::fs::write(&file, &text).unwrap();
        assert_eq!(RigPlace { file: file.clone(), inline: false }.save(&rig, &changed).unwrap(), 4);
        let read = Scenario::load_rig(&file).unwrap();
        assert_eq!(read.lamps[2].position_mm, [10.0, -789.9, 700.0]);
        assert_eq!(read.cameras, changed.cameras);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn what_somebody_else_changed_is_not_overwritten() {
        let (text, rig) = rig();
        let mut changed = rig.clone();
        changed.cameras[1].eye_mm[0] += 5.0;
        let other = text.replace("eye_mm = [459.3, 265.2, 530.3]", "eye_mm = [460.3, 265.2, 530.3]");
        assert_eq!(
            rewritten(&other, false, &rig, &changed),
            Err("`eye_mm` was changed by somebody else in the meantime; nothing was saved".into())
        );
        assert_eq!(rewritten("cameras = 1", false, &rig, &changed), Err("`lamps` does not stand as tables `[[lamps]]`".into()));
    }

    #[test]
    fn a_rig_in_its_scenario_is_found_there() {
        let (text, rig) = rig();
        let inline: String = text
            .lines()
            .map(|line| {
                let line = if let Some(list) = line.strip_prefix("[[") { format!("[[rig.{list}") } else { line.to_owned() };
                line + "\n"
            })
            .collect();
        let inline = inline.replace("[plate]", "[rig.plate]").replace("[turntable]", "[rig.turntable]");
        let inline = inline.replacen("schema_version = 1", "schema_version = 1\n[rig]\nschema_version = 1", 1);
        let mut changed = rig.clone();
        changed.lamps[0].intensity = 0.75;
        let (written, changes) = rewritten(&inline, true, &rig, &changed).unwrap();
        assert_eq!((changes, written.matches("intensity = 0.75").count()), (1, 1));
    }
}
