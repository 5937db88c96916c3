//! Registering unit after unit, from a list or a file.

use std::collections::BTreeMap;

use super::db::Lock;
use super::work::Work;
use super::{NewUnit, PoolError, Refusal, RegisterReport, Result, Unit, UnitState, store};
use crate::codes::{Family, PackLevel, family_of_text, unit_key};
use crate::product::Products;

/// Line and column, both from 1, of what is being registered, where it comes from a file.
pub(super) type Place = (u64, u64);

/// Registers unit after unit, and checks what can only be seen at the end.
pub(super) struct Registrar {
    /// All products, read once.
    pub products: Products,
    report: RegisterReport,
    /// Where the present unit stands.
    pub place: Place,
    /// Packs that hold others, by key: product and level. Children come by the hundred.
    parents: BTreeMap<String, (String, PackLevel)>,
    /// Children whose parent was not there yet.
    waiting: Vec<Waiting>,
}

struct Waiting {
    parent_key: String,
    parent_code: String,
    code: String,
    product: String,
    level: PackLevel,
    place: Place,
}

impl Registrar {
    pub fn new(work: &Work<'_>) -> Result<Self> {
        let products = store::products(work.db)?;
        Ok(Self { products, report: RegisterReport::default(), place: (1, 1), parents: BTreeMap::new(), waiting: Vec::new() })
    }

    pub fn register(&mut self, work: &mut Work<'_>, new: &NewUnit) -> Result<()> {
        let code = || new.code.clone();
        let product = self.products.get(&new.product).ok_or_else(|| Refusal::UnknownProduct { product: new.product.clone() })?;
        let key = unit_key(&new.code).ok_or_else(|| Refusal::NotAUnitCode { code: code() })?;
        let parent = match &new.parent {
            Some(parent) => Some(unit_key(parent).ok_or_else(|| Refusal::NotAUnitCode { code: parent.clone() })?),
            None => None,
        };
        self.check_code(work, new)?;
        let pieces = if new.level == PackLevel::SmallestPack { product.pack_quantity } else { 0 };
        let unit = Unit {
            key,
            code: code(),
            product: new.product.clone(),
            batch: new.batch.clone(),
            expiry: new.expiry,
            made: new.made,
            level: new.level,
            parent,
            state: UnitState::Registered,
            quantity: pieces,
            remaining: pieces,
            revision: 1,
            coded: true,
        };
        if !work.insert(&unit)? {
            return self.same_as_before(work, &unit);
        }
        self.report.added += 1;
        if let (Some(key), Some(text)) = (&unit.parent, &new.parent) {
            if !self.parents.contains_key(key)
                && let Some(parent) = store::unit(work.db, key, Lock::No)?
            {
                self.parents.insert(key.clone(), (parent.product, parent.level));
            }
            match self.parents.get(key) {
                Some((product, level)) => check_parent(&unit.code, &unit.product, unit.level, product, *level, text)?,
                None => self.waiting.push(Waiting {
                    parent_key: key.clone(),
                    parent_code: text.clone(),
                    code: unit.code,
                    product: unit.product,
                    level: unit.level,
                    place: self.place,
                }),
            }
        }
        Ok(())
    }

    /// A unit that is there already must be the same.
    fn same_as_before(&mut self, work: &Work<'_>, new: &Unit) -> Result<()> {
        let old = store::unit(work.db, &new.key, Lock::No)?
            .ok_or_else(|| PoolError::Damaged { what: format!("unit {} is there and is not", new.key) })?;
        let comparisons = [
            ("product", old.product == new.product),
            ("batch", old.batch == new.batch),
            ("expiry", old.expiry == new.expiry),
            ("day of manufacture", old.made == new.made),
            ("level", old.level == new.level),
            ("parent", old.parent == new.parent),
        ];
        if let Some((field, _)) = comparisons.into_iter().find(|(_, same)| !same) {
            return Err(Refusal::RegisteredDifferently { code: new.code.clone(), field }.into());
        }
        self.report.unchanged += 1;
        Ok(())
    }

    /// Whether what the code itself says fits what it is registered as.
    fn check_code(&self, work: &Work<'_>, new: &NewUnit) -> Result<()> {
        let code = || new.code.clone();
        let contradicts = |field| Err(Refusal::ContradictsCode { code: code(), field }.into());
        let product = self.products.get(&new.product);
        match family_of_text(&new.code) {
            Family::National(national) => match self.products.by_prefix(&national.prefix()) {
                Some((of_prefix, _)) if of_prefix.id != new.product => contradicts("product"),
                Some((_, level)) if level != new.level => contradicts("level"),
                Some(_) => Ok(()),
                // A product whose prefixes nobody listed takes any that is not another's.
                None if product.is_some_and(|p| p.code_prefixes.is_empty()) => Ok(()),
                None => Err(Refusal::UnknownPrefix { code: code() }.into()),
            },
            Family::Gs1(gs1) => {
                let gtin = product.and_then(|p| p.gtin.as_ref()).filter(|_| new.level == PackLevel::SmallestPack);
                if gs1.gtin().zip(gtin).is_some_and(|(a, b)| a != *b) {
                    contradicts("product")
                } else if gs1.batch().is_some_and(|batch| batch != new.batch) {
                    contradicts("batch")
                } else if gs1.expiry(work.today.year()).is_some_and(|expiry| expiry != new.expiry) {
                    contradicts("expiry")
                } else {
                    Ok(())
                }
            }
            _ => Ok(()),
        }
    }

    /// Checks the parents that came after their children.
    pub fn finish(&self, work: &Work<'_>) -> std::result::Result<RegisterReport, (Place, PoolError)> {
        for w in &self.waiting {
            let checked = match store::unit(work.db, &w.parent_key, Lock::No) {
                Ok(Some(parent)) => check_parent(&w.code, &w.product, w.level, &parent.product, parent.level, &w.parent_code),
                Ok(None) => {
                    let (code, parent) = (w.code.clone(), w.parent_code.clone());
                    Err(Refusal::BadParent { code, parent, why: "it is not registered" }.into())
                }
                Err(error) => Err(error),
            };
            checked.map_err(|error| (w.place, error))?;
        }
        Ok(self.report)
    }
}

fn check_parent(
    code: &str,
    product: &str,
    level: PackLevel,
    parent_product: &str,
    parent_level: PackLevel,
    parent_code: &str,
) -> Result<()> {
    let why = if parent_product != product {
        "it is of another product"
    } else if parent_level <= level {
        "its level is not higher"
    } else {
        return Ok(());
    };
    Err(Refusal::BadParent { code: code.into(), parent: parent_code.into(), why }.into())
}
