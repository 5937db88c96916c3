//! A TOML file that remembers where every value stands, so that a fault found long after parsing still names file, line and key.

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::de::DeserializeOwned;
use toml::Spanned;
use toml::de::{DeTable, DeValue, ValueDeserializer};

use super::hints;
use crate::error::{Failure, InputError};

/// Result of reading a file.
pub type Checked<T> = std::result::Result<T, Box<InputError>>;

/// A file's text, parsed.
#[derive(Debug)]
pub struct Document {
    path: PathBuf,
    text: String,
    root: Node,
}

/// What stands where: the parser's own tree borrows the text, so its outline is kept instead.
#[derive(Debug)]
struct Node {
    span: Range<usize>,
    content: Content,
}

#[derive(Debug)]
enum Content {
    Table(Vec<(String, Range<usize>, Node)>),
    Array(Vec<Node>),
    Text(String),
    Other,
}

impl Node {
    fn outline(value: &Spanned<DeValue<'_>>) -> Self {
        let content = match value.get_ref() {
            DeValue::Table(table) => {
                Content::Table(table.iter().map(|(key, value)| (key.get_ref().to_string(), key.span(), Self::outline(value))).collect())
            }
            DeValue::Array(array) => Content::Array(array.iter().map(Self::outline).collect()),
            DeValue::String(text) => Content::Text(text.to_string()),
            _ => Content::Other,
        };
        Self { span: value.span(), content }
    }
}

impl Document {
    /// Parses `text`, which came from `path`.
    ///
    /// # Errors
    /// The first fault of syntax.
    pub fn parse(path: &Path, text: String) -> Checked<Arc<Self>> {
        match parse(&text).map(|value| Node::outline(&value)) {
            Ok(root) => Ok(Arc::new(Self { path: path.to_owned(), root, text })),
            Err(error) => Err(Box::new(InputError::new(path, &text, error.span().unwrap_or(0..0), "", error.message()))),
        }
    }

    /// Reads and parses a file.
    ///
    /// # Errors
    /// A file that is missing, is not text, or has a fault of syntax.
    pub fn read(path: &Path) -> Result<Arc<Self>, Failure> {
        Ok(Self::parse(path, read_text(path)?)?)
    }

    /// Where the file is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The file as it was read.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The whole file as a place.
    pub fn top(self: &Arc<Self>) -> Place {
        Place { document: Arc::clone(self), prefix: Vec::new() }
    }
}

fn parse(text: &str) -> Result<Spanned<DeValue<'_>>, toml::de::Error> {
    let table = DeTable::parse(text)?;
    Ok(Spanned::new(table.span(), DeValue::Table(table.into_inner())))
}

/// Reads a text file.
///
/// # Errors
/// [`Failure::Input`] saying what is wrong with `path`.
pub fn read_text(path: &Path) -> Result<String, Failure> {
    std::fs::read_to_string(path).map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => Failure::input(path, "no such file"),
        std::io::ErrorKind::InvalidData => Failure::input(path, "is not a text file (UTF-8)"),
        _ => Failure::input(path, format!("cannot be read: {error}")),
    })
}

/// A table in a document; keys are given relative to it, written with dots and indices as numbers: `cameras.0.fov_deg`.
#[derive(Debug, Clone)]
pub struct Place {
    document: Arc<Document>,
    prefix: Vec<String>,
}

impl Place {
    /// The table under `key`.
    #[must_use]
    pub fn under(&self, key: &str) -> Self {
        let mut prefix = self.prefix.clone();
        prefix.extend(segments(key));
        Self { document: Arc::clone(&self.document), prefix }
    }

    /// The file this place is in.
    pub fn path(&self) -> &Path {
        &self.document.path
    }

    /// Whether something stands under `key`.
    pub fn has(&self, key: &str) -> bool {
        let mut wanted = self.prefix.clone();
        wanted.extend(segments(key));
        self.find(&wanted).1 == wanted.len()
    }

    /// The text under `key`, if it is a string.
    pub fn string(&self, key: &str) -> Option<String> {
        let mut wanted = self.prefix.clone();
        wanted.extend(segments(key));
        let (found, depth, _) = self.find(&wanted);
        match &found.content {
            Content::Text(text) if depth == wanted.len() => Some(text.clone()),
            _ => None,
        }
    }

    /// A fault of the value under `key` (or, if there is none, of the nearest table that would hold it).
    pub fn fault(&self, key: &str, message: impl Into<String>) -> Box<InputError> {
        let mut wanted = self.prefix.clone();
        wanted.extend(segments(key));
        let (found, _, key_span) = self.find(&wanted);
        // A table's own span is its whole body; the line that names it says more.
        let span =
            if matches!(found.content, Content::Table(_)) { key_span.unwrap_or_else(|| found.span.clone()) } else { found.span.clone() };
        Box::new(InputError::new(&self.document.path, &self.document.text, span, written(&wanted), message))
    }

    /// Reads the table at this place as a `T`, leaving out the keys in `without` (which the caller reads apart).
    ///
    /// # Errors
    /// The first fault of type or key, with advice where a key looks like one that exists.
    pub fn read<T: DeserializeOwned>(&self, without: &[&str]) -> Checked<T> {
        let text = &self.document.text;
        let mut value = parse(text).map_err(|error| self.translate(error, without))?;
        for key in &self.prefix {
            let span = value.span();
            value = match value.into_inner() {
                DeValue::Table(mut table) => table.remove(key.as_str()),
                DeValue::Array(array) => key.parse().ok().and_then(|index| array.into_iter().nth(index)),
                _ => None,
            }
            .unwrap_or_else(|| Spanned::new(span, DeValue::Boolean(false)));
        }
        if let DeValue::Table(table) = value.get_mut() {
            for key in without {
                table.remove(*key);
            }
        }
        T::deserialize(ValueDeserializer::from(value)).map_err(|error| self.translate(error, without))
    }

    fn translate(&self, mut error: toml::de::Error, without: &[&str]) -> Box<InputError> {
        let span = error.span().unwrap_or_else(|| self.find(&self.prefix).0.span.clone());
        error.set_input(None);
        let shown = error.to_string();
        // The only way that the library tells the path of a fault is at the end of its message.
        let inner = shown.lines().last().and_then(|line| line.strip_prefix("in `")).and_then(|line| line.strip_suffix('`'));
        let mut keys = self.prefix.clone();
        keys.extend(inner.into_iter().flat_map(segments));
        let message = error.message().trim().to_owned();
        let unknown = hints::unknown_key(&message);
        if let Some((key, _)) = &unknown
            && keys.last() != Some(key)
        {
            keys.push(key.clone());
        }
        // Arrays swallow indices on the way up; the span never lies, so the path is looked up by it.
        let keys = self.path_at(&span, unknown.as_ref().map(|(key, _)| key.as_str())).unwrap_or(keys);
        let text = &self.document.text;
        match unknown {
            Some((key, known)) => {
                let known: Vec<&str> = known.iter().map(String::as_str).filter(|name| !without.contains(name)).collect();
                let fault = InputError::new(&self.document.path, text, span, written(&keys), format!("unknown key `{key}`"));
                Box::new(fault.with_help(hints::advice(&key, &known)))
            }
            None => {
                let fault = InputError::new(&self.document.path, text, span, written(&keys), message.clone());
                Box::new(match hints::missing_key(&message) {
                    Some(key) => fault.with_help(format!("add `{key}` to {}", table_name(&keys))),
                    None => fault,
                })
            }
        }
    }

    /// The value at `keys`, as deep as it exists: the value, how many keys were found, and the span of the last key.
    fn find(&self, keys: &[String]) -> (&Node, usize, Option<Range<usize>>) {
        let mut node = &self.document.root;
        let mut key_span = None;
        for (depth, key) in keys.iter().enumerate() {
            let next = match &node.content {
                Content::Table(entries) => entries.iter().find(|(name, ..)| name == key).map(|(_, span, child)| (child, span)),
                Content::Array(items) => key.parse::<usize>().ok().and_then(|index| items.get(index)).map(|child| (child, &child.span)),
                _ => None,
            };
            let Some((child, span)) = next else { return (node, depth, key_span) };
            node = child;
            key_span = Some(span.clone());
        }
        (node, keys.len(), key_span)
    }

    /// The keys of the deepest value whose span is `span`, or of the key that stands there.
    fn path_at(&self, span: &Range<usize>, key: Option<&str>) -> Option<Vec<String>> {
        fn walk(node: &Node, span: &Range<usize>, wanted: Option<&str>, path: &mut Vec<String>) -> bool {
            match &node.content {
                Content::Table(entries) => entries.iter().any(|(name, key_span, child)| {
                    path.push(name.clone());
                    let here = match wanted {
                        Some(wanted) => wanted == name && key_span == span,
                        None => child.span == *span,
                    };
                    let found = walk(child, span, wanted, path) || here;
                    if !found {
                        path.pop();
                    }
                    found
                }),
                Content::Array(items) => items.iter().enumerate().any(|(index, child)| {
                    path.push(index.to_string());
                    let found = walk(child, span, wanted, path) || (wanted.is_none() && child.span == *span);
                    if !found {
                        path.pop();
                    }
                    found
                }),
                _ => false,
            }
        }
        let mut path = Vec::new();
        walk(&self.document.root, span, key, &mut path).then_some(path)
    }
}

/// Checks of single values: each names the key it was given.
impl Place {
    /// Finite.
    pub fn finite(&self, key: &str, values: &[f64]) -> Checked<()> {
        if values.iter().all(|value| value.is_finite()) { Ok(()) } else { Err(self.fault(key, "is not a finite number")) }
    }

    /// Finite and greater than zero.
    pub fn positive(&self, key: &str, value: f64) -> Checked<()> {
        self.finite(key, &[value])?;
        if value > 0.0 { Ok(()) } else { Err(self.fault(key, format!("{value} must be greater than zero"))) }
    }

    /// Finite and between `low` and `high`, both included.
    pub fn within(&self, key: &str, value: f64, low: f64, high: f64) -> Checked<()> {
        self.finite(key, &[value])?;
        if (low..=high).contains(&value) { Ok(()) } else { Err(self.fault(key, format!("{value} is not between {low} and {high}"))) }
    }

    /// A range whose ends are ordered and both between `low` and `high`.
    pub fn range(&self, key: &str, [from, to]: [f64; 2], low: f64, high: f64) -> Checked<()> {
        self.within(&format!("{key}.0"), from, low, high)?;
        self.within(&format!("{key}.1"), to, low, high)?;
        if from <= to { Ok(()) } else { Err(self.fault(key, format!("the range starts at {from} and ends below it, at {to}"))) }
    }

    /// A name that is fit for file names and reports, and stands only once in `seen`.
    pub fn name(&self, key: &str, name: &str, seen: &mut std::collections::BTreeSet<String>) -> Checked<()> {
        let fit = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || "-_".contains(c));
        if !fit {
            return Err(self.fault(key, format!("`{name}` is not a name: letters, digits, `-` and `_` are")));
        }
        if !seen.insert(name.to_owned()) {
            return Err(self.fault(key, format!("the name `{name}` is given twice")));
        }
        Ok(())
    }

    /// The schema version, which every file carries.
    pub fn version(&self, version: u32, known: u32) -> Checked<()> {
        if version == known {
            return Ok(());
        }
        let what = if version > known { "comes from a newer version of this program" } else { "does not exist" };
        Err(self.fault("schema_version", format!("version {version} {what}; {known} is read here")))
    }
}

fn segments(key: &str) -> impl Iterator<Item = String> {
    key.split('.').filter(|part| !part.is_empty()).map(str::to_owned)
}

/// Keys as they read best: `cameras[0].fov_deg`.
fn written(keys: &[String]) -> String {
    let mut text = String::new();
    for key in keys {
        if key.bytes().all(|byte| byte.is_ascii_digit()) {
            text.push_str(&format!("[{key}]"));
        } else {
            if !text.is_empty() {
                text.push('.');
            }
            text.push_str(key);
        }
    }
    text
}

fn table_name(keys: &[String]) -> String {
    if keys.is_empty() { "the top of the file".to_owned() } else { format!("`{}`", written(keys)) }
}
