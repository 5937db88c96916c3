//! The one record of a product that catalogue, pool and studies share.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::codes::{CodePrefix, Family, Gtin, PackLevel, family_of_text};

/// A drug in one package size.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Product {
    /// The name by which orders and units refer to it; unique.
    pub id: String,
    /// What people call it.
    pub names: Names,
    /// Which prefixes of 20-digit codes belong to it, by pack level. A level may have several, or none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub code_prefixes: Vec<LevelPrefix>,
    /// Trade item number of the smallest sales pack: what its retail code says and what its GS1 codes carry as AI 01.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub gtin: Option<Gtin>,
    /// Pieces in the smallest sales pack, such as 24 capsules. The unit in which split packs are counted.
    pub pack_quantity: u32,
    /// What one piece is called: capsule, tablet, ampoule, tube.
    pub unit: String,
    /// Edge lengths of the smallest sales pack, longest face first as it is printed: width, height, depth, mm.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size_mm: Option<[f64; 3]>,
    /// Code in the insurance's catalogue of medicines, 50 characters at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub med_list_codg: Option<String>,
}

/// What people call a product.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Names {
    /// The generic name, as it is printed on the package.
    pub generic: String,
    /// The trade name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trade: Option<String>,
    /// The generic name in English.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub english: Option<String>,
}

/// A prefix of 20-digit codes and the level of the packs that carry it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LevelPrefix {
    /// Digits 1 to 7.
    #[schemars(with = "String")]
    pub prefix: CodePrefix,
    /// The level.
    pub level: PackLevel,
}

/// What is wrong with a product, or with several side by side.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ProductError {
    /// A field that must not be empty.
    #[error("product '{id}': {field} must not be empty")]
    Empty {
        /// The product.
        id: String,
        /// The field.
        field: &'static str,
    },
    /// A pack of nothing.
    #[error("product '{id}': pack_quantity must be at least 1")]
    PackQuantity {
        /// The product.
        id: String,
    },
    /// An edge that is no length.
    #[error("product '{id}': size_mm has {found} where a positive length is wanted")]
    Size {
        /// The product.
        id: String,
        /// The edge, mm.
        found: f64,
    },
    /// Longer than the platform's field.
    #[error("product '{id}': med_list_codg has {found} characters; 50 are allowed")]
    MedListCode {
        /// The product.
        id: String,
        /// Its length.
        found: usize,
    },
    /// The same id twice.
    #[error("product '{id}' occurs twice")]
    DuplicateId {
        /// The product.
        id: String,
    },
    /// A prefix that belongs to two products or levels.
    #[error("product '{id}': code prefix {prefix} belongs to '{other}' already")]
    DuplicatePrefix {
        /// The later product.
        id: String,
        /// The prefix.
        prefix: CodePrefix,
        /// The earlier product.
        other: String,
    },
    /// A trade item number of two products.
    #[error("product '{id}': GTIN {gtin} belongs to '{other}' already")]
    DuplicateGtin {
        /// The later product.
        id: String,
        /// The number.
        gtin: Gtin,
        /// The earlier product.
        other: String,
    },
}

impl Product {
    /// Whether the record makes sense by itself.
    ///
    /// # Errors
    /// The first field that does not.
    pub fn validate(&self) -> Result<(), ProductError> {
        let id = || self.id.clone();
        let named = [("id", &self.id), ("names.generic", &self.names.generic), ("unit", &self.unit)];
        if let Some((field, _)) = named.into_iter().find(|(_, value)| value.trim().is_empty()) {
            return Err(ProductError::Empty { id: id(), field });
        }
        if self.pack_quantity == 0 {
            return Err(ProductError::PackQuantity { id: id() });
        }
        if let Some(&found) = self.size_mm.iter().flatten().find(|edge| !(edge.is_finite() && **edge > 0.0)) {
            return Err(ProductError::Size { id: id(), found });
        }
        if let Some(found) = self.med_list_codg.as_ref().map(|c| c.chars().count()).filter(|n| *n > 50) {
            return Err(ProductError::MedListCode { id: id(), found });
        }
        let mut seen = BTreeSet::new();
        match self.code_prefixes.iter().find(|p| !seen.insert(&p.prefix)) {
            Some(twice) => Err(ProductError::DuplicatePrefix { id: id(), prefix: twice.prefix.clone(), other: id() }),
            None => Ok(()),
        }
    }

    /// Its code prefixes for one level.
    pub fn prefixes(&self, level: PackLevel) -> impl Iterator<Item = &CodePrefix> {
        self.code_prefixes.iter().filter(move |p| p.level == level).map(|p| &p.prefix)
    }
}

/// Products by id, by code prefix and by GTIN.
#[derive(Debug, Clone, Default)]
pub struct Products {
    by_id: BTreeMap<String, Product>,
    by_prefix: BTreeMap<CodePrefix, (String, PackLevel)>,
    by_gtin: BTreeMap<Gtin, String>,
}

impl Products {
    /// Collects products that each make sense and do not contradict each other.
    ///
    /// # Errors
    /// The first that does not.
    pub fn new(products: impl IntoIterator<Item = Product>) -> Result<Self, ProductError> {
        let mut all = Self::default();
        for product in products {
            product.validate()?;
            let id = product.id.clone();
            for p in &product.code_prefixes {
                if let Some((other, _)) = all.by_prefix.insert(p.prefix.clone(), (id.clone(), p.level)) {
                    return Err(ProductError::DuplicatePrefix { id, prefix: p.prefix.clone(), other });
                }
            }
            if let Some(gtin) = &product.gtin
                && let Some(other) = all.by_gtin.insert(gtin.clone(), id.clone())
            {
                return Err(ProductError::DuplicateGtin { id, gtin: gtin.clone(), other });
            }
            if all.by_id.insert(id.clone(), product).is_some() {
                return Err(ProductError::DuplicateId { id });
            }
        }
        Ok(all)
    }

    /// The product of that id.
    pub fn get(&self, id: &str) -> Option<&Product> {
        self.by_id.get(id)
    }

    /// Product and level that a code prefix names.
    pub fn by_prefix(&self, prefix: &CodePrefix) -> Option<(&Product, PackLevel)> {
        let (id, level) = self.by_prefix.get(prefix)?;
        Some((self.by_id.get(id)?, *level))
    }

    /// The product whose smallest pack has this trade item number.
    pub fn by_gtin(&self, gtin: &Gtin) -> Option<&Product> {
        self.by_id.get(self.by_gtin.get(gtin)?)
    }

    /// Product and level that the text of a traceability code names: by prefix, or by the GTIN of a GS1 string.
    pub fn of_code(&self, text: &str) -> Option<(&Product, PackLevel)> {
        match family_of_text(text) {
            Family::National(code) => self.by_prefix(&code.prefix()),
            Family::Gs1(gs1) => self.by_gtin(&gs1.gtin()?).map(|product| (product, PackLevel::SmallestPack)),
            _ => None,
        }
    }

    /// All products, by id.
    pub fn iter(&self) -> impl Iterator<Item = &Product> {
        self.by_id.values()
    }
}
