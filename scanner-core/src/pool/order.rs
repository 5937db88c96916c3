//! Orders, and what of them is still to be found.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What shall be dispensed together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Order {
    /// The order's id; a pseudonym, never a patient's name.
    pub id: String,
    /// Its lines.
    pub lines: Vec<OrderLine>,
}

/// A line of an order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OrderLine {
    /// Id of the product.
    pub product: String,
    /// How many.
    pub quantity: u32,
    /// Of what.
    #[serde(default)]
    pub unit: OrderUnit,
    /// The batch that it must be, where the order says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub batch: Option<String>,
}

impl OrderLine {
    /// So many whole packs.
    pub fn packs(product: impl Into<String>, quantity: u32) -> Self {
        Self { product: product.into(), quantity, unit: OrderUnit::Packs, batch: None }
    }

    /// So many pieces.
    pub fn pieces(product: impl Into<String>, quantity: u32) -> Self {
        Self { product: product.into(), quantity, unit: OrderUnit::Pieces, batch: None }
    }
}

/// What a line counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OrderUnit {
    /// Whole smallest packs.
    #[default]
    Packs,
    /// Pieces: as many whole packs as fit, and the remainder from split packs.
    Pieces,
}

/// What a line still needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Need {
    /// Whole packs.
    pub packs: u32,
    /// Pieces beyond them, always fewer than a pack holds.
    pub rest: u32,
}

impl Need {
    /// Of a line of a product with `pack_quantity` pieces in a pack.
    pub fn of(line: &OrderLine, pack_quantity: u32) -> Self {
        match line.unit {
            OrderUnit::Packs => Self { packs: line.quantity, rest: 0 },
            OrderUnit::Pieces => Self { packs: line.quantity / pack_quantity, rest: line.quantity % pack_quantity },
        }
    }

    /// Less what was allotted before.
    pub fn less(&mut self, pieces: u32, pack_quantity: u32) {
        if pieces == pack_quantity {
            self.packs = self.packs.saturating_sub(1);
        } else {
            self.rest = self.rest.saturating_sub(pieces);
        }
    }
}
