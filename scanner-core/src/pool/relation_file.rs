//! The manufacturer's parent/child file.
//!
//! `Document > Events > Event name="RelationCreate" > Relation > Batch@batchNo,madeDate,validateDate > Code@curCode,packLayer,parentCode`, in UTF-8.
//! Letter case of elements and attributes varies from maker to maker and is not looked at. Product and level follow from the code's prefix; the
//! file's `packLayer` has to agree. Attributes that say nothing about a unit (`License`, `productCode`, `workshop`, `flag` …) are not kept.
//! Document type declarations and entities beyond XML's own five are refused: nothing needs them here, and they are how XML is attacked.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

use quick_xml::events::{BytesStart, Event as Xml};
use quick_xml::{Reader, XmlVersion};
use serde::Serialize;

use super::register::{Place, Registrar};
use super::work::Work;
use super::{Act, NewUnit, Pool, PoolError, Refusal, Result, rules};
use crate::codes::{NationalCode, PackLevel};
use crate::date::Date;

/// The elements, outermost first.
const ELEMENTS: [&str; 6] = ["Document", "Events", "Event", "Relation", "Batch", "Code"];

/// What an import did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct ImportReport {
    /// Codes that are new.
    pub added: u64,
    /// Codes that were registered before with the same particulars.
    pub unchanged: u64,
    /// Batches in the file.
    pub batches: u64,
}

/// Why a relation file cannot be imported.
#[derive(Debug, thiserror::Error)]
#[error("{file}, line {line}, column {column}: {what}")]
pub struct RelationFileError {
    /// The file, as it was named.
    pub file: String,
    /// Line, from 1.
    pub line: u64,
    /// Byte in the line, from 1.
    pub column: u64,
    /// What is wrong there.
    pub what: String,
    /// The rule that refused a code, if it was one.
    #[source]
    pub refusal: Option<Box<Refusal>>,
}

impl Pool {
    /// Registers the units of a manufacturer's relation file; they are received apart from that. Importing a file twice changes nothing.
    ///
    /// # Errors
    /// [`PoolError::RelationFile`], naming file, line and column; nothing is registered then.
    pub fn import_relation_file(&mut self, path: impl AsRef<Path>, act: Act<'_>) -> Result<ImportReport> {
        let path = path.as_ref();
        let name = path.display().to_string();
        let file = File::open(path).map_err(|error| RelationFileError {
            file: name.clone(),
            line: 1,
            column: 1,
            what: format!("cannot be read: {error}"),
            refusal: None,
        })?;
        self.import_relations(BufReader::new(file), &name, act)
    }

    /// The same from any reader; `name` stands in error messages.
    ///
    /// # Errors
    /// As [`Pool::import_relation_file`].
    pub fn import_relations(&mut self, reader: impl BufRead, name: &str, act: Act<'_>) -> Result<ImportReport> {
        self.write_once(act, &[rules::settings_ask()], |work| {
            let mut import = Import {
                reader: Reader::from_reader(Counting { inner: reader, place: START }),
                place: START,
                depth: 0,
                finished: false,
                batch: None,
                registrar: Registrar::new(work)?,
                batches: 0,
            };
            let outcome = import.run(work).and_then(|()| import.registrar.finish(work).map_err(|(place, error)| Trouble { place, error }));
            match outcome {
                Ok(registered) => Ok(ImportReport { added: registered.added, unchanged: registered.unchanged, batches: import.batches }),
                Err(Trouble { place: (line, column), error: PoolError::Refused(refusal) }) => {
                    let what = refusal.to_string();
                    Err(RelationFileError { file: name.into(), line, column, what, refusal: Some(refusal) }.into())
                }
                Err(Trouble { place: (line, column), error: PoolError::RelationFile(e) }) => {
                    Err(RelationFileError { file: name.into(), line, column, ..e }.into())
                }
                Err(Trouble { error, .. }) => Err(error),
            }
        })
    }
}

const START: Place = (1, 1);

/// An error and where it happened.
struct Trouble {
    place: Place,
    error: PoolError,
}

/// Counts lines and bytes of what was taken out.
struct Counting<R> {
    inner: R,
    place: Place,
}

/// Moves a place past a byte.
fn step(place: &mut Place, byte: u8) {
    *place = if byte == b'\n' { (place.0 + 1, 1) } else { (place.0, place.1 + 1) };
}

impl<R: BufRead> Read for Counting<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let available = self.fill_buf()?;
        let n = available.len().min(buffer.len());
        buffer[..n].copy_from_slice(&available[..n]);
        self.consume(n);
        Ok(n)
    }
}

impl<R: BufRead> BufRead for Counting<R> {
    fn fill_buf(&mut self) -> std::io::Result<&[u8]> {
        self.inner.fill_buf()
    }

    fn consume(&mut self, amount: usize) {
        // The buffer is not empty here, so this reads nothing.
        if let Ok(buffer) = self.inner.fill_buf() {
            buffer[..amount.min(buffer.len())].iter().for_each(|&byte| step(&mut self.place, byte));
        }
        self.inner.consume(amount);
    }
}

/// What a `Batch` says.
struct Batch {
    number: String,
    made: Option<Date>,
    expiry: Date,
}

struct Import<R> {
    reader: Reader<Counting<R>>,
    /// Where the present event begins.
    place: Place,
    /// Elements that are open.
    depth: usize,
    /// Whether the outermost element is closed.
    finished: bool,
    batch: Option<Batch>,
    registrar: Registrar,
    batches: u64,
}

impl<R: BufRead> Import<R> {
    fn trouble(&self, what: impl Into<String>) -> Trouble {
        // File and place are filled in where they are known.
        let error = RelationFileError { file: String::new(), line: 0, column: 0, what: what.into(), refusal: None };
        Trouble { place: self.place, error: error.into() }
    }

    fn run(&mut self, work: &mut Work<'_>) -> std::result::Result<(), Trouble> {
        let mut buffer = Vec::new();
        loop {
            buffer.clear();
            self.place = self.reader.get_ref().place;
            match self.reader.read_event_into(&mut buffer) {
                Err(error) => return Err(self.trouble(format!("this is not well-formed XML: {error}"))),
                Ok(Xml::Start(element)) => {
                    self.element(work, &element)?;
                    self.depth += 1;
                }
                Ok(Xml::Empty(element)) => {
                    self.element(work, &element)?;
                    self.finished |= self.depth == 0;
                }
                Ok(Xml::End(_)) => {
                    self.depth = self.depth.saturating_sub(1);
                    self.finished |= self.depth == 0;
                }
                Ok(Xml::Decl(declaration)) => {
                    let encoding = declaration.encoding().transpose().map_err(|e| self.trouble(format!("in the XML declaration: {e}")))?;
                    if let Some(other) = encoding.filter(|e| !["utf-8", "utf8", "us-ascii"].contains(&e.to_ascii_lowercase().as_str())) {
                        return Err(self.trouble(format!("the file is in {other}; UTF-8 is wanted")));
                    }
                }
                Ok(Xml::DocType(_)) => return Err(self.trouble("a document type declaration is not allowed here")),
                Ok(Xml::GeneralRef(entity)) => return Err(self.trouble(format!("an entity is not allowed here: &{};", &*entity))),
                Ok(Xml::Text(text)) if text.trim().is_empty() => {}
                Ok(Xml::Text(text)) => {
                    // Name the text's own place, not that of the white space before it.
                    let blank = text.len() - text.trim_start().len();
                    text.as_bytes()[..blank].iter().for_each(|&byte| step(&mut self.place, byte));
                    return Err(self.trouble("there is text where only elements belong"));
                }
                Ok(Xml::CData(_)) => return Err(self.trouble("there is text where only elements belong")),
                Ok(Xml::Comment(_) | Xml::PI(_)) => {}
                Ok(Xml::Eof) if self.finished && self.depth == 0 => return Ok(()),
                Ok(Xml::Eof) => {
                    let open = self.depth.checked_sub(1).map_or("Document", |innermost| ELEMENTS[innermost]);
                    return Err(self.trouble(format!("the file ends inside {open}")));
                }
            }
        }
    }

    fn element(&mut self, work: &mut Work<'_>, element: &BytesStart<'_>) -> std::result::Result<(), Trouble> {
        let name = element.local_name();
        let name = name.as_ref();
        match ELEMENTS.get(self.depth) {
            Some(wanted) if wanted.eq_ignore_ascii_case(name) && !self.finished => {}
            Some(wanted) if !self.finished => return Err(self.trouble(format!("found element {name} where {wanted} is wanted"))),
            _ => return Err(self.trouble(format!("found element {name} where none is wanted"))),
        }
        let attributes = self.attributes(element)?;
        match self.depth {
            2 => match attributes.required("name")? {
                event if event.eq_ignore_ascii_case("RelationCreate") => Ok(()),
                other => Err(self.trouble(format!("event {other} is not known here; RelationCreate is"))),
            },
            4 => {
                let batch = Batch {
                    number: attributes.required("batchNo")?.to_owned(),
                    made: attributes.date("madeDate")?,
                    expiry: attributes.date("validateDate")?.ok_or_else(|| attributes.missing("validateDate"))?,
                };
                if batch.made.is_some_and(|made| made > batch.expiry) {
                    return Err(self.trouble(format!("batch {} expires before it was made", batch.number)));
                }
                self.batch = Some(batch);
                self.batches += 1;
                Ok(())
            }
            5 => {
                let unit = self.unit(&attributes)?;
                self.registrar.place = self.place;
                let place = self.place;
                self.registrar.register(work, &unit).map_err(|error| Trouble { place, error })
            }
            _ => Ok(()),
        }
    }

    fn unit(&self, attributes: &Attributes) -> std::result::Result<NewUnit, Trouble> {
        let code = attributes.required("curCode")?;
        let national = NationalCode::parse(code).map_err(|e| self.trouble(format!("curCode: {e}")))?;
        let layer = attributes.required("packLayer")?;
        let level = layer.parse().ok().and_then(PackLevel::from_pack_layer);
        let level = level.ok_or_else(|| self.trouble(format!("packLayer is '{layer}'; 1, 2 and 3 are known")))?;
        let parent = attributes.get("parentCode").filter(|parent| !parent.is_empty());
        if let Some(parent) = parent {
            NationalCode::parse(parent).map_err(|e| self.trouble(format!("parentCode: {e}")))?;
        }
        let (product, _) = self.registrar.products.by_prefix(&national.prefix()).ok_or_else(|| {
            let error = Refusal::UnknownPrefix { code: code.into() }.into();
            Trouble { place: self.place, error }
        })?;
        // The element stands in a batch: the order of elements was checked.
        let batch = self.batch.as_ref().ok_or_else(|| self.trouble("a code outside a batch"))?;
        Ok(NewUnit {
            code: code.into(),
            product: product.id.clone(),
            batch: batch.number.clone(),
            expiry: batch.expiry,
            made: batch.made,
            level,
            parent: parent.map(str::to_owned),
        })
    }

    fn attributes(&self, element: &BytesStart<'_>) -> std::result::Result<Attributes, Trouble> {
        let name = element.local_name().as_ref().to_owned();
        let mut values: Vec<(String, String)> = Vec::new();
        for attribute in element.attributes() {
            let attribute = attribute.map_err(|e| self.trouble(format!("in element {name}: {e}")))?;
            let key = attribute.key.local_name().as_ref().to_owned();
            let value = attribute
                .normalized_value(XmlVersion::Explicit1_0)
                .map_err(|e| self.trouble(format!("{name}@{key}: {e}")))?
                .trim()
                .to_owned();
            if values.iter().any(|(other, _)| other.eq_ignore_ascii_case(&key)) {
                return Err(self.trouble(format!("{name}@{key} occurs twice")));
            }
            values.push((key, value));
        }
        Ok(Attributes { element: name, place: self.place, values })
    }
}

/// Attributes of one element, found without regard to case.
struct Attributes {
    element: String,
    place: Place,
    values: Vec<(String, String)>,
}

impl Attributes {
    fn trouble(&self, what: String) -> Trouble {
        let error = RelationFileError { file: String::new(), line: 0, column: 0, what, refusal: None };
        Trouble { place: self.place, error: error.into() }
    }

    fn missing(&self, name: &str) -> Trouble {
        self.trouble(format!("{} lacks {name}", self.element))
    }

    fn get(&self, name: &str) -> Option<&str> {
        self.values.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    fn required(&self, name: &str) -> std::result::Result<&str, Trouble> {
        self.get(name).filter(|value| !value.is_empty()).ok_or_else(|| self.missing(name))
    }

    fn date(&self, name: &str) -> std::result::Result<Option<Date>, Trouble> {
        let Some(text) = self.get(name).filter(|value| !value.is_empty()) else { return Ok(None) };
        text.parse().map(Some).map_err(|e| self.trouble(format!("{}@{name}: {e}", self.element)))
    }
}
