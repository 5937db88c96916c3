//! What goes to and comes from other systems: orders from the hospital's, dispensing back to it, and events for whoever follows the goods.

mod csv_orders;
pub mod epcis;
pub mod fhir;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use csv_orders::CsvOrders;

use crate::pool::{Order, Personal, Refusal, Settlement};

/// An order as the hospital's system has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PrescribedOrder {
    /// What shall be dispensed.
    pub order: Order,
    /// Whether a pharmacist has audited it.
    pub audited: bool,
    /// Whether it is urgent.
    pub urgent: bool,
    /// The patient, as a pseudonym ([`pseudonym`]).
    pub patient: Option<String>,
    /// What the settlement says, where the system knows it.
    pub settlement: Option<Settlement>,
    /// What only the platform may see.
    #[serde(skip)]
    pub personal: Option<Personal>,
}

impl PrescribedOrder {
    /// Whether it may be dispensed.
    ///
    /// # Errors
    /// [`Refusal::NotAudited`].
    pub fn ready(&self) -> Result<(), Refusal> {
        if self.audited { Ok(()) } else { Err(Refusal::NotAudited { order: self.order.id.clone() }) }
    }
}

/// Where orders come from.
pub trait OrderSource {
    /// All orders that wait, urgent ones first, else in the order of the source.
    ///
    /// # Errors
    /// [`OrderError`].
    fn waiting(&mut self) -> Result<Vec<PrescribedOrder>, OrderError>;

    /// One order as it is now, so that a change is seen; `None` if it is gone.
    ///
    /// # Errors
    /// [`OrderError`].
    fn current(&mut self, id: &str) -> Result<Option<PrescribedOrder>, OrderError> {
        Ok(self.waiting()?.into_iter().find(|order| order.order.id == id))
    }
}

/// Orders that cannot be read. Names the place, never what a patient's field says.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {what}")]
pub struct OrderError {
    /// File and line, or the resource.
    pub place: String,
    /// What is wrong.
    pub what: String,
}

/// A patient's identifier made unrecognisable: HMAC-SHA-256 of the identifier under the pharmacy's secret key, its first 16 bytes in hexadecimal.
/// Without the key nobody can try identifiers out.
pub fn pseudonym(key: &[u8], identifier: &str) -> String {
    use hmac::{Hmac, KeyInit, Mac};
    #[expect(clippy::expect_used, reason = "HMAC is defined for keys of any length")]
    let mut hash = Hmac::<sha2::Sha256>::new_from_slice(key).expect("a key of any length");
    hash.update(identifier.as_bytes());
    let digest = hash.finalize().into_bytes();
    digest[..16].iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Urgent orders first, each group as it came.
fn by_urgency(mut orders: Vec<PrescribedOrder>) -> Vec<PrescribedOrder> {
    orders.sort_by_key(|order| !order.urgent);
    orders
}
