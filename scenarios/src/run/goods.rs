//! What the manufacturer delivered: units with their codes, the relation file that names them, and the pool that is filled from it.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;

use hardware_hal::Timestamp;
use scanner_core::codes::PackLevel;
use scanner_core::date::Date;
use scanner_core::pool::{Act, NewUnit, Pool, PoolError, PoolOptions, SeededIds, Selection};
use scanner_core::product::Product;
use sim::random::Streams;
use sim::spec::SymbolKind;

use super::load::Drawn;
use crate::error::{Failure, Result};
use crate::scenario::{Body, Scenario};

/// Serial numbers of nine digits, no two alike: unit i has the i-th of an arithmetic sequence modulo 10⁹.
#[derive(Debug, Clone)]
pub(super) struct Serials {
    offset: u64,
    streams: Streams,
}

impl Serials {
    const COUNT: u64 = 1_000_000_000;
    /// Coprime to 10⁹, so the sequence repeats only after all of them.
    const STEP: u64 = 370_248_451;

    pub fn new(streams: &Streams) -> Self {
        Self { offset: streams.stream("serial numbers", &[]).below(Self::COUNT), streams: *streams }
    }

    /// The nine digits of a unit.
    pub fn serial(&self, unit: u64) -> String {
        format!("{:09}", (self.offset + unit % Self::COUNT * Self::STEP) % Self::COUNT)
    }

    /// The 20-digit code of a unit: prefix, serial number, and four digits that stand for the check digits, whose rule is not public.
    pub fn code(&self, product: &Product, level: PackLevel, unit: u64) -> String {
        let mut random = self.streams.stream("check digits", &[unit]);
        let prefixes: Vec<&str> = product.prefixes(level).map(|prefix| prefix.as_str()).collect();
        let prefix = random.choice(&prefixes).copied().unwrap_or("8000000");
        format!("{prefix}{}{:04}", self.serial(unit), random.below(10_000))
    }
}

/// A batch of a product: a few to each.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Batch {
    pub number: String,
    pub made: Date,
    pub expiry: Date,
}

impl Batch {
    const PER_PRODUCT: u64 = 3;

    /// The batch that a unit is of. All batches are in date when the scenario starts.
    pub fn of(product: &Product, unit: u64, streams: &Streams, body: &Body) -> Self {
        let which = streams.stream("batch of unit", &[unit]).below(Self::PER_PRODUCT);
        Self::numbered(product, which, streams, body)
    }

    fn numbered(product: &Product, which: u64, streams: &Streams, body: &Body) -> Self {
        // Checking the scenario has parsed this date.
        let start: Date = body.starts_on.parse().unwrap_or_else(|_| Date::of_timestamp(Timestamp::default(), 0));
        let name = product.id.bytes().fold(0u64, |sum, byte| sum.wrapping_mul(131).wrapping_add(u64::from(byte)));
        let mut random = streams.stream("batch", &[name, which]);
        let month = random.below(12) as u8 + 1;
        let day = random.below(28) as u8 + 1;
        let year = start.year().saturating_sub(1);
        let shelf_life = 2 + random.below(2) as u16;
        let made = Date::new(year, month, day).unwrap_or(start);
        let expiry = Date::new(year + shelf_life, month, day).unwrap_or(start);
        Self { number: format!("{:02}{month:02}{:02}", year % 100, 11 + which * 7 + random.below(7)), made, expiry }
    }
}

/// A unit of the manufacturer's file.
#[derive(Debug, Clone, PartialEq, Eq)]
struct FileUnit {
    code: String,
    /// Index into the catalogue's kinds.
    kind: usize,
    batch: Batch,
}

/// Everything that was delivered.
#[derive(Debug)]
pub struct Goods {
    /// Those in the manufacturer's file, in its order.
    file: Vec<FileUnit>,
    /// Packages whose code is no 20-digit one, which the file cannot name: registered by pre-scan.
    scanned: Vec<NewUnit>,
}

impl Goods {
    /// The units on the plate and as many others as the scenario asks for.
    pub fn draw(scenario: &Scenario, drawn: &Drawn, seed: u64) -> Self {
        let streams = Streams::new(seed);
        let serials = Serials::new(&streams);
        let catalogue = &scenario.catalogue;
        let weights: Vec<f64> = catalogue.kinds.iter().map(|kind| kind.weight).collect();
        let (mut file, mut scanned) = (Vec::new(), Vec::new());
        for (package, kind) in drawn.kinds.iter().enumerate() {
            let product = &catalogue.kinds[*kind].product;
            let batch = Batch::of(product, package as u64, &streams, &scenario.body);
            match drawn.trace(package) {
                Some((code, SymbolKind::Code128)) => file.push(FileUnit { code: code.to_owned(), kind: *kind, batch }),
                Some((code, _)) => scanned.push(NewUnit {
                    code: code.to_owned(),
                    product: product.id.clone(),
                    batch: batch.number,
                    expiry: batch.expiry,
                    made: Some(batch.made),
                    level: PackLevel::SmallestPack,
                    parent: None,
                }),
                None => {}
            }
        }
        let mut unit = drawn.kinds.len() as u64;
        while file.len() < scenario.body.pool.units as usize {
            let kind = streams.stream("unit kind", &[unit]).weighted(&weights).unwrap_or(0);
            let product = &catalogue.kinds[kind].product;
            let batch = Batch::of(product, unit, &streams, &scenario.body);
            file.push(FileUnit { code: serials.code(product, PackLevel::SmallestPack, unit), kind, batch });
            unit += 1;
        }
        // As a packing line has them: by product and batch; within a batch the serial numbers mix those on the plate with the others.
        file.sort_by(|a, b| (a.kind, &a.batch, &a.code).cmp(&(b.kind, &b.batch, &b.code)));
        Self { file, scanned }
    }

    /// Smallest packs in the manufacturer's file.
    pub fn units_in_file(&self) -> usize {
        self.file.len()
    }

    /// Units that the file cannot name.
    pub fn units_scanned(&self) -> usize {
        self.scanned.len()
    }

    /// Writes the manufacturer's relation file: smallest packs in middle packs in outer cartons, one relation to a product.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn write_relation_file(&self, scenario: &Scenario, seed: u64, path: &Path) -> Result<()> {
        let text = self.relation_file(scenario, seed);
        let write = || -> std::io::Result<()> {
            let mut file = std::fs::File::create(path)?;
            file.write_all(text.as_bytes())?;
            file.sync_all()
        };
        write().map_err(|error| Failure::write(path, &error))
    }

    fn relation_file(&self, scenario: &Scenario, seed: u64) -> String {
        let streams = Streams::new(seed);
        let serials = Serials::new(&streams);
        let pool = &scenario.body.pool;
        // Numbers of packs above the smallest, beyond those of all units.
        let mut next_unit = 1 << 40;
        let mut xml = String::with_capacity(self.file.len() * 90);
        xml.push_str("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Document License=\"simulation\" Version=\"1.0\">\n<Events>\n");
        for of_kind in self.file.chunk_by(|a, b| a.kind == b.kind) {
            let product = &scenario.catalogue.kinds[of_kind[0].kind].product;
            let (per_middle, per_carton) = (pool.units_per_middle_pack, pool.middle_packs_per_carton);
            let cascade = format!("1:{per_middle}:{}", per_middle * per_carton);
            let spec = format!("{} {}", product.pack_quantity, product.unit);
            let _ = writeln!(
                xml,
                "<Event name=\"RelationCreate\">\n<Relation productCode=\"{}\" subTypeNo=\"{}\" cascade=\"{cascade}\" packageSpec=\"{}\" comment=\"\">",
                attribute(&product.id),
                product.prefixes(PackLevel::SmallestPack).next().map_or("", |prefix| prefix.as_str()),
                attribute(&spec)
            );
            for of_batch in of_kind.chunk_by(|a, b| a.batch == b.batch) {
                let batch = &of_batch[0].batch;
                let _ = writeln!(
                    xml,
                    "<Batch batchNo=\"{}\" madeDate=\"{}\" validateDate=\"{}\" workshop=\"1\" lineName=\"1\" lineManager=\"\">",
                    batch.number, batch.made, batch.expiry
                );
                let mut pack = |level| {
                    next_unit += 1;
                    product.prefixes(level).next().map(|_| serials.code(product, level, next_unit))
                };
                let cartons = of_batch.chunks((per_middle * per_carton).max(1) as usize);
                for in_carton in cartons {
                    let carton = pack(PackLevel::OuterCarton);
                    if let Some(carton) = &carton {
                        code_element(&mut xml, carton, 3, None);
                    }
                    for in_middle in in_carton.chunks(per_middle.max(1) as usize) {
                        let middle = pack(PackLevel::MiddlePack);
                        if let Some(middle) = &middle {
                            code_element(&mut xml, middle, 2, carton.as_deref());
                        }
                        for unit in in_middle {
                            code_element(&mut xml, &unit.code, 1, middle.as_deref().or(carton.as_deref()));
                        }
                    }
                }
                xml.push_str("</Batch>\n");
            }
            xml.push_str("</Relation>\n</Event>\n");
        }
        xml.push_str("</Events>\n</Document>\n");
        xml
    }

    /// Makes a pool at `path` and fills it: products, the relation file, the pre-scan, and everything received into stock.
    ///
    /// # Errors
    /// What the pool says, with its exit code.
    pub fn fill_pool(&self, scenario: &Scenario, seed: u64, relation_file: &Path, path: &Path, at: Timestamp) -> Result<Pool> {
        let fill = || -> std::result::Result<Pool, PoolError> {
            let mut pool = Pool::open_with(path, PoolOptions::default(), Box::new(SeededIds::new(seed)))?;
            pool.add_products(scenario.catalogue.kinds.iter().map(|kind| kind.product.clone()))?;
            pool.import_relation_file(relation_file, Act::new("manufacturer's file", "delivery", at))?;
            pool.register(&self.scanned, Act::new("pre-scan", "delivery", at))?;
            pool.receive(Selection::AllRegistered, Act::new("store room", "delivery", at))?;
            Ok(pool)
        };
        fill().map_err(|error| pool_failure(path, &error))
    }
}

fn code_element(xml: &mut String, code: &str, layer: u8, parent: Option<&str>) {
    // Writing into a string cannot fail.
    let _ = match parent {
        Some(parent) => writeln!(xml, "<Code curCode=\"{code}\" packLayer=\"{layer}\" parentCode=\"{parent}\" flag=\"0\"/>"),
        None => writeln!(xml, "<Code curCode=\"{code}\" packLayer=\"{layer}\" flag=\"0\"/>"),
    };
}

fn attribute(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('"', "&quot;")
}

/// A pool's error with the exit code that fits it: what the file is, is bad input; what the system does not let happen is the environment.
pub(super) fn pool_failure(path: &Path, error: &PoolError) -> Failure {
    let message = error.to_string();
    match error {
        PoolError::NotAPool { .. } | PoolError::Newer { .. } | PoolError::Damaged { .. } => {
            let shown = path.display().to_string();
            let message = message.strip_prefix(&format!("{shown}: ")).unwrap_or(&message).to_owned();
            Failure::input(path, message).with_help("choose another folder with --out, or move the file away")
        }
        PoolError::Refused(_) => Failure::FellShort(message),
        _ => Failure::environment(message),
    }
}
