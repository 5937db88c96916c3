//! What must be told to the platform. An entry is written in the same transaction as the change that it tells of, and waits here, in order, until the
//! platform has answered for it: an hour or a week.
//!
//! # States
//! `pending` → `in_flight` (claimed by a sender, until a deadline) → `done`, or back to `pending` (surely not received), or `failed` (refused by the
//! platform; somebody must look), or `unknown` (sent, perhaps received). A claim whose deadline has passed is `unknown` too: its sender may have died
//! after sending. What follows on `unknown` depends on the platform, see [`ClaimPolicy::resend_unknown`].
//!
//! # Order
//! An entry is claimed only when no earlier entry about any of its units is open, so the platform sees the life of each unit in its order; a sale
//! that hangs holds up the return of the same box, and nothing else.

use std::time::Duration;

use hardware_hal::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::db::{Lock, Row, values};
use super::model::words;
use super::removal::WriteOffReason;
use super::work::Work;
use super::{Act, Pool, PoolError, Refusal, Result, Unit, rules, store};
use crate::date::{Date, civil};

/// Most codes in one entry.
const CODES_PER_ENTRY: usize = 100;

/// What is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum UploadKind {
    /// Stock as it was counted (3501).
    Stocktake,
    /// Stock that changed otherwise (3502).
    StockChange,
    /// Goods that arrived (3503).
    Purchase,
    /// Goods that went back to the supplier (3504).
    SupplierReturn,
    /// A sale (3505).
    Sale,
    /// A sale that was brought back (3506).
    SaleReturn,
    /// An earlier entry that shall be forgotten (3507).
    Delete,
}

words!(UploadKind {
    Stocktake = "stocktake",
    StockChange = "stock_change",
    Purchase = "purchase",
    SupplierReturn = "supplier_return",
    Sale = "sale",
    SaleReturn = "sale_return",
    Delete = "delete",
});

/// Where an entry stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UploadState {
    /// Waits to be sent.
    Pending,
    /// A sender has it.
    InFlight,
    /// Sent, and nobody knows whether it was received.
    Unknown,
    /// Refused by the platform.
    Failed,
    /// Acknowledged by the platform.
    Done,
    /// Given up by a person.
    Dropped,
}

words!(UploadState {
    Pending = "pending",
    InFlight = "in_flight",
    Unknown = "unknown",
    Failed = "failed",
    Done = "done",
    Dropped = "dropped",
});

/// Whose pool it is, as the platform knows it. A pool without one uploads nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Institution {
    /// `fixmedins_code`, 12 characters.
    pub code: String,
    /// `fixmedins_name`, 20 characters at most.
    pub name: String,
    /// `mdtrtarea_admvs`, the 6 digits of the region.
    pub region: String,
}

/// What a sale's settlement says beside the drug, in the words of the platform's interface.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Settlement {
    /// Who prescribed.
    pub prsc_dr_name: String,
    /// Which pharmacist dispensed.
    pub phar_name: String,
    /// The pharmacist's certificate.
    pub phar_prac_cert_no: String,
    /// Kind of settlement.
    pub hi_feesetl_type: String,
    /// Number of the visit.
    pub mdtrt_sn: String,
    /// Kind of the person's document.
    pub psn_cert_type: String,
    /// 1 for prescription drugs, 0 for others.
    pub rx_flag: String,
    /// 1 for a prescription that came from elsewhere.
    pub rx_circ_flag: String,
    /// Number of the settlement.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub setl_id: Option<String>,
    /// Number of the prescription.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rxno: Option<String>,
}

/// What a delivery note says, in the words of the platform's interface.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Delivery {
    /// Number of the delivery.
    pub dynt_no: String,
    /// The supplier.
    pub spler_name: String,
    /// The manufacturer.
    pub prodentp_name: String,
    /// The drug's approval number.
    pub aprvno: String,
    /// Number of the invoice.
    pub purc_invo_no: String,
    /// 1 for prescription drugs, 0 for others.
    pub rx_flag: String,
}

/// What only the platform may see of a patient. Kept until the entry is settled, then wiped; never in the ledger, an export or a log.
#[derive(Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Personal {
    /// The person's number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub psn_no: Option<String>,
    /// The person's document.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certno: Option<String>,
    /// The person's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub psn_name: Option<String>,
}

impl std::fmt::Debug for Personal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Personal(not shown)")
    }
}

/// What an entry tells, in the pool's words; a dialect makes a request of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UploadRecord {
    /// The product.
    pub product: String,
    /// Its generic name.
    pub name: String,
    /// Its code in the insurance's catalogue.
    pub med_list_codg: Option<String>,
    /// The batch.
    pub batch: String,
    /// Last day of use.
    pub expiry: Date,
    /// Day of manufacture.
    pub made: Option<Date>,
    /// The codes.
    pub codes: Vec<String>,
    /// Pieces concerned.
    pub pieces: u64,
    /// Pieces in a pack.
    pub pack_quantity: u32,
    /// Whether pieces of an opened pack were concerned.
    pub split: bool,
    /// The order, where one is concerned.
    pub order: Option<String>,
    /// The event that this one answers: the sale of a return, the entry of a deletion.
    pub original: Option<String>,
    /// Who did it.
    pub actor: String,
    /// Why.
    pub cause: String,
    /// Of a sale.
    pub settlement: Option<Settlement>,
    /// Of goods that arrived or went back.
    pub delivery: Option<Delivery>,
    /// Of goods that were written off.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<WriteOffReason>,
}

/// An entry of the outbox.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct OutboxEntry {
    /// Rises from entry to entry.
    pub position: u64,
    /// The id of the event, the same for ever.
    pub event_id: String,
    /// What is told.
    pub kind: UploadKind,
    /// When it happened, whenever it is sent.
    pub at: Timestamp,
    /// What happened.
    pub record: UploadRecord,
    /// What only the platform may see.
    #[serde(skip)]
    pub personal: Option<Personal>,
    /// Where it stands.
    pub state: UploadState,
    /// How often it was claimed.
    pub attempts: u32,
    /// Not to be sent before.
    pub due_at: Timestamp,
    /// The message that carries it, the same in every attempt.
    pub message_id: Option<String>,
    /// Whether it must travel in a message of its own.
    pub alone: bool,
    /// What was said of it last.
    pub note: Option<String>,
}

/// How a platform wants to be served.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClaimPolicy {
    /// Most entries in one message, for the kinds that may travel together.
    pub batches: std::collections::BTreeMap<UploadKind, u32>,
    /// Whether what is unknown may be sent again by itself: only where the platform recognises a message that it has had before. Elsewhere a second
    /// sending could be booked as a second sale, so a person must say what became of it ([`Pool::reconcile`]).
    pub resend_unknown: bool,
    /// After this time a claim is taken for lost. Longer than any request may take.
    pub lease: Duration,
}

/// Entries that a sender has to itself, to be sent as one message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// The message's id: institution (12), time of its first attempt (14), number (4).
    pub message_id: String,
    /// Its entries, all of one kind.
    pub entries: Vec<OutboxEntry>,
    /// Who has it.
    pub claimer: String,
}

/// What became of a claim.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The platform has it.
    Done {
        /// What it said.
        note: String,
    },
    /// Surely not received: to be sent again, not before.
    NotReceived {
        /// When.
        due_at: Timestamp,
        /// Why not.
        note: String,
    },
    /// Perhaps received. Where it may be sent again, not before.
    Unknown {
        /// When.
        due_at: Timestamp,
        /// What is known.
        note: String,
    },
    /// Refused by the platform. Several entries in one message are then sent each alone, so that one does not take the others down.
    Refused {
        /// What it said.
        note: String,
    },
}

/// What a person found out about an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// The platform has it.
    Done,
    /// The platform does not have it: send it.
    SendAgain,
    /// It is not to be sent any more.
    Drop,
}

impl Institution {
    fn check(&self) -> Result<()> {
        let refuse = |field: &'static str| Err(Refusal::BadInstitution { field }.into());
        if self.code.len() != 12 || !self.code.bytes().all(|b| b.is_ascii_alphanumeric()) {
            refuse("code")
        } else if self.name.is_empty() || self.name.chars().count() > 20 {
            refuse("name")
        } else if self.region.len() != 6 || !self.region.bytes().all(|b| b.is_ascii_digit()) {
            refuse("region")
        } else {
            Ok(())
        }
    }
}

fn json(value: &impl Serialize) -> Result<String> {
    serde_json::to_string(value).map_err(|e| PoolError::Damaged { what: e.to_string() })
}

/// What a change tells beside its units.
#[derive(Clone, Default)]
pub(super) struct Told<'t> {
    pub order: Option<&'t str>,
    pub original: Option<&'t str>,
    pub settlement: Option<Settlement>,
    pub personal: Option<&'t Personal>,
    pub delivery: Option<&'t Delivery>,
    pub reason: Option<WriteOffReason>,
    pub split: bool,
    /// Told without codes.
    pub uncoded: bool,
}

impl Work<'_> {
    /// Puts what happened to units of one product and batch into the outbox, if this pool uploads at all. `event_id` is that of the change.
    pub fn tell(&mut self, kind: UploadKind, event_id: &str, units: &[&Unit], pieces: u64, told: &Told<'_>) -> Result<()> {
        let Some(unit) = units.first().filter(|_| self.institution.is_some()) else { return Ok(()) };
        let product = self.product(&unit.product)?;
        let record = UploadRecord {
            name: product.names.generic,
            med_list_codg: product.med_list_codg,
            pack_quantity: product.pack_quantity,
            product: unit.product.clone(),
            batch: unit.batch.clone(),
            expiry: unit.expiry,
            made: unit.made,
            codes: units.iter().filter(|unit| unit.coded && !told.uncoded).map(|unit| unit.code.clone()).collect(),
            pieces,
            split: told.split,
            order: told.order.map(str::to_owned),
            original: told.original.map(str::to_owned),
            actor: self.act.actor.into(),
            cause: self.act.cause.into(),
            settlement: told.settlement.clone(),
            delivery: told.delivery.cloned(),
            reason: told.reason,
        };
        let personal = told.personal.map(json).transpose()?;
        let keys: Vec<&str> = units.iter().map(|unit| unit.key.as_str()).collect();
        self.put_entry(kind, event_id, &record, personal.as_deref(), &keys)
    }

    /// The same for many units, which may be of several products and batches: one entry for each, or for each hundred of them, opened packs and lots without codes apart.
    pub fn tell_groups(&mut self, kind: UploadKind, changed: &[(String, Unit)], told: &Told<'_>) -> Result<()> {
        if self.institution.is_none() {
            return Ok(());
        }
        let mut groups = std::collections::BTreeMap::<(&str, &str, Date, bool, bool), Vec<_>>::new();
        for change in changed.iter().filter(|(_, unit)| unit.quantity > 0) {
            let unit = &change.1;
            let split = unit.coded && unit.remaining < unit.quantity;
            groups.entry((&unit.product, &unit.batch, unit.expiry, unit.coded, split)).or_default().push(change);
        }
        for ((.., split), group) in &groups {
            for part in group.chunks(CODES_PER_ENTRY) {
                let units: Vec<&Unit> = part.iter().map(|(_, unit)| unit).collect();
                let pieces = units.iter().map(|unit| u64::from(unit.remaining)).sum();
                self.tell(kind, &part[0].0, &units, pieces, &Told { split: *split, ..told.clone() })?;
            }
        }
        Ok(())
    }

    fn put_entry(&mut self, kind: UploadKind, event_id: &str, record: &UploadRecord, personal: Option<&str>, keys: &[&str]) -> Result<()> {
        let payload = json(record)?;
        let at = self.act.at;
        self.db.later(
            "INSERT INTO outbox (event_id, kind, at, payload, personal, state, due_at) VALUES (?1, ?2, ?3, ?4, ?5, 'pending', ?6)",
            values![event_id, kind.as_str(), at, &payload, personal, at],
        )?;
        for key in keys {
            let sql = "INSERT INTO outbox_unit (key, position) SELECT ?1, position FROM outbox WHERE event_id = ?2";
            self.db.later_one(sql, values![*key, event_id])?;
        }
        Ok(())
    }

    /// The settlement that a sale was told with.
    pub fn settlement_of(&self, sale_event: &str) -> Result<Option<Settlement>> {
        Ok(entries_where(self.db, "event_id = ?1", values![sale_event])?.pop().and_then(|entry| entry.record.settlement))
    }
}

const ENTRY: &str = "position, event_id, kind, at, payload, personal, state, attempts, due_at, message_id, alone, note";

fn entry_of(row: &Row) -> Result<OutboxEntry> {
    let damaged = |e: serde_json::Error| PoolError::Damaged { what: format!("an entry of the outbox: {e}") };
    Ok(OutboxEntry {
        position: row.count(0)?,
        event_id: row.text(1)?,
        kind: row.word(2, UploadKind::from_name)?,
        at: row.time(3)?,
        record: serde_json::from_str(&row.text(4)?).map_err(damaged)?,
        personal: row.optional_text(5)?.map(|text| serde_json::from_str(&text)).transpose().map_err(damaged)?,
        state: row.word(6, UploadState::from_name)?,
        attempts: row.small(7)?,
        due_at: row.time(8)?,
        message_id: row.optional_text(9)?,
        alone: row.flag(10)?,
        note: row.optional_text(11)?,
    })
}

fn entries_where(db: &dyn super::db::Database, condition: &str, values: &[super::db::Value<'_>]) -> Result<Vec<OutboxEntry>> {
    db.query(&format!("SELECT {ENTRY} FROM outbox WHERE {condition} ORDER BY position"), Lock::No, values)?.iter().map(entry_of).collect()
}

/// Of an entry that is open. Those that are settled are many after a year, and must not be looked at one by one.
const OPEN: &str = "position IN (SELECT position FROM outbox_unit)";

/// Of an entry that no earlier one holds up.
const FIRST_OF_ITS_UNITS: &str = "NOT EXISTS (SELECT 1 FROM outbox_unit mine JOIN outbox_unit other
    ON other.key = mine.key AND other.position < mine.position WHERE mine.position = outbox.position)";

impl Pool {
    /// Says whose pool this is; from then on, sales and everything else that a platform wants to hear of goes into the outbox.
    ///
    /// # Errors
    /// [`Refusal::BadInstitution`]; the database's.
    pub fn set_institution(&mut self, institution: &Institution) -> Result<()> {
        institution.check()?;
        let record = json(institution)?;
        self.write(Act::new("", "", Timestamp(0)), |work| store::put_setting(work.db, rules::INSTITUTION, &record))
    }

    /// Whose pool it is.
    ///
    /// # Errors
    /// The database's.
    pub fn institution(&self) -> Result<Option<Institution>> {
        Ok(self.read(rules::settings)?.institution)
    }

    /// Takes the oldest entry that may be sent by `now`, with others that may travel in the same message. `None` if there is nothing to send.
    ///
    /// # Errors
    /// [`Refusal::NoInstitution`]; the database's.
    pub fn claim_upload(&mut self, claimer: &str, policy: &ClaimPolicy, now: Timestamp) -> Result<Option<Claim>> {
        let offset = self.options().utc_offset_minutes;
        self.write(Act::new(claimer, "upload", now), |work| {
            let institution = work.institution.ok_or(Refusal::NoInstitution)?;
            lapse(work, now)?;
            let states = if policy.resend_unknown { "state IN ('pending', 'unknown')" } else { "state = 'pending'" };
            let open = format!(
                "SELECT {ENTRY} FROM outbox WHERE {OPEN} AND {states} AND due_at <= ?1 AND {FIRST_OF_ITS_UNITS}"
            );
            let sql = format!("{open} ORDER BY position LIMIT 1");
            let Some(head) = work.db.query_one(&sql, Lock::Skip, values![now])?.as_ref().map(entry_of).transpose()? else { return Ok(None) };
            let mut entries = match &head.message_id {
                // A message goes again as it went.
                Some(message) => {
                    let sql = format!("SELECT {ENTRY} FROM outbox WHERE message_id = ?1 AND {states} ORDER BY position");
                    work.db.query(&sql, Lock::Wait, values![message])?.iter().map(entry_of).collect::<Result<_>>()?
                }
                None => vec![head],
            };
            let first = &entries[0];
            let message_id = match &first.message_id {
                Some(message) => message.clone(),
                None => message_id(work, institution, now, offset)?,
            };
            let batch = policy.batches.get(&first.kind).copied().unwrap_or(1);
            if batch > 1 && !first.alone && first.message_id.is_none() {
                let sql = format!("{open} AND kind = ?2 AND alone = 0 AND message_id IS NULL AND position > ?3 ORDER BY position LIMIT ?4");
                let rows = work.db.query(&sql, Lock::Skip, values![now, first.kind.as_str(), first.position, batch - 1])?;
                entries.extend(rows.iter().map(entry_of).collect::<Result<Vec<_>>>()?);
            }
            for entry in &mut entries {
                entry.attempts += 1;
                entry.state = UploadState::InFlight;
                entry.message_id = Some(message_id.clone());
                work.db.execute(
                    "UPDATE outbox SET state = 'in_flight', attempts = ?2, message_id = ?3, claimed_by = ?4, claimed_until = ?5 WHERE position = ?1",
                    values![entry.position, entry.attempts, &message_id, claimer, now.plus(policy.lease)],
                )?;
            }
            Ok(Some(Claim { message_id, entries, claimer: claimer.to_owned() }))
        })
    }

    /// Books what became of a claim. A claim that lapsed meanwhile changes nothing any more, unless the platform has acknowledged it.
    ///
    /// # Errors
    /// The database's.
    pub fn settle_upload(&mut self, claim: &Claim, outcome: &Outcome, now: Timestamp) -> Result<()> {
        self.write(Act::new(&claim.claimer, "upload", now), |work| {
            for entry in &claim.entries {
                let mine = "position = ?1 AND state = 'in_flight' AND claimed_by = ?2 AND attempts = ?3";
                let identity = (entry.position, claim.claimer.as_str(), entry.attempts);
                match outcome {
                    Outcome::Done { note } => settle(work, entry.position, UploadState::Done, note, now)?,
                    Outcome::NotReceived { due_at, note } => {
                        let sql = format!("UPDATE outbox SET state = 'pending', due_at = ?4, note = ?5 WHERE {mine}");
                        work.db.execute(&sql, values![identity.0, identity.1, identity.2, *due_at, note])?;
                    }
                    Outcome::Unknown { due_at, note } => {
                        let sql = format!("UPDATE outbox SET state = 'unknown', due_at = ?4, note = ?5 WHERE {mine}");
                        work.db.execute(&sql, values![identity.0, identity.1, identity.2, *due_at, note])?;
                    }
                    Outcome::Refused { note } if claim.entries.len() > 1 => {
                        let sql = format!("UPDATE outbox SET state = 'pending', alone = 1, message_id = NULL, note = ?4 WHERE {mine}");
                        work.db.execute(&sql, values![identity.0, identity.1, identity.2, note])?;
                    }
                    Outcome::Refused { note } => {
                        let sql = format!("UPDATE outbox SET state = 'failed', note = ?4 WHERE {mine}");
                        work.db.execute(&sql, values![identity.0, identity.1, identity.2, note])?;
                    }
                }
            }
            Ok(())
        })
    }

    /// Calls claims whose deadline has passed unknown, as [`Pool::claim_upload`] does by itself. Returns how many.
    ///
    /// # Errors
    /// The database's.
    pub fn lapse_uploads(&mut self, now: Timestamp) -> Result<u64> {
        self.write(Act::new("", "upload", now), |work| lapse(work, now))
    }

    /// Decides about an entry that is unknown or failed.
    ///
    /// # Errors
    /// [`Refusal::NotOpenForVerdict`] for an entry in another state.
    pub fn reconcile(&mut self, event_id: &str, verdict: Verdict, act: Act<'_>) -> Result<()> {
        self.write(act, |work| {
            let refused = || Refusal::NotOpenForVerdict { event_id: event_id.into() };
            let sql = format!("SELECT {ENTRY} FROM outbox WHERE event_id = ?1");
            let row = work.db.query_one(&sql, Lock::Wait, values![event_id])?.ok_or_else(refused)?;
            let entry = entry_of(&row)?;
            if !matches!(entry.state, UploadState::Unknown | UploadState::Failed) {
                return Err(refused().into());
            }
            let note = format!("{} by {}: {}", verdict.word(), work.act.actor, work.act.cause);
            let now = work.act.at;
            match verdict {
                Verdict::Done => settle(work, entry.position, UploadState::Done, &note, now),
                Verdict::Drop => settle(work, entry.position, UploadState::Dropped, &note, now),
                // By itself, under the id that it had; were it one of several, the message would no longer be what it was.
                Verdict::SendAgain => {
                    let several =
                        work.db.query("SELECT 1 FROM outbox WHERE message_id = ?1", Lock::No, values![entry.message_id.as_ref()])?.len()
                            > 1;
                    let message = entry.message_id.filter(|_| !several);
                    work.db
                        .execute(
                            "UPDATE outbox SET state = 'pending', alone = 1, message_id = ?2, due_at = ?3, note = ?4 WHERE position = ?1",
                            values![entry.position, message.as_ref(), now, &note],
                        )
                        .map(drop)
                }
            }
        })
    }

    /// Asks the platform to forget an entry that it has acknowledged (3507). Returns the event id of the request.
    ///
    /// # Errors
    /// [`Refusal::NotUploaded`] if it has not acknowledged it; [`Refusal::NoInstitution`].
    pub fn retract_upload(&mut self, event_id: &str, act: Act<'_>) -> Result<String> {
        self.write(act, |work| {
            work.institution.ok_or(Refusal::NoInstitution)?;
            let entry = entries_where(work.db, "event_id = ?1 AND state = 'done'", values![event_id])?.pop();
            let entry = entry.ok_or_else(|| Refusal::NotUploaded { event_id: event_id.into() })?;
            let id = work.ids.event_id(u64::MAX - entry.position)?;
            let keys: Vec<String> = entry.record.codes.iter().filter_map(|code| crate::codes::unit_key(code)).collect();
            let record = UploadRecord {
                original: Some(event_id.into()),
                actor: work.act.actor.into(),
                cause: work.act.cause.into(),
                settlement: None,
                ..entry.record
            };
            let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
            work.lock_units(keys.iter().copied())?;
            work.put_entry(UploadKind::Delete, &id, &record, None, &keys)?;
            Ok(id)
        })
    }

    /// Entries in a state, oldest first.
    ///
    /// # Errors
    /// The database's.
    pub fn uploads(&self, state: UploadState) -> Result<Vec<OutboxEntry>> {
        self.read(|db| entries_where(db, "state = ?1", values![state.as_str()]))
    }

    /// How many entries are in which state.
    ///
    /// # Errors
    /// The database's.
    pub fn upload_counts(&self) -> Result<std::collections::BTreeMap<UploadState, u64>> {
        self.read(|db| {
            let rows = db.query("SELECT state, count(*) FROM outbox GROUP BY state", Lock::No, &[])?;
            rows.iter().map(|row| Ok((row.word(0, UploadState::from_name)?, row.count(1)?))).collect()
        })
    }

    /// When the next entry may be sent, if one waits.
    ///
    /// # Errors
    /// The database's.
    pub fn next_upload_due(&self, policy: &ClaimPolicy) -> Result<Option<Timestamp>> {
        let states = if policy.resend_unknown { "'pending', 'unknown'" } else { "'pending'" };
        let sql = format!(
            "SELECT min(CASE WHEN state = 'in_flight' THEN claimed_until ELSE due_at END) FROM outbox
             WHERE {OPEN} AND (state = 'in_flight' OR (state IN ({states}) AND {FIRST_OF_ITS_UNITS}))"
        );
        self.read(|db| db.query_one(&sql, Lock::No, &[])?.map_or(Ok(None), |row| row.optional_time(0)))
    }
}

impl Verdict {
    fn word(self) -> &'static str {
        match self {
            Self::Done => "found done",
            Self::SendAgain => "sent again",
            Self::Drop => "dropped",
        }
    }
}

fn lapse(work: &Work<'_>, now: Timestamp) -> Result<u64> {
    work.db.execute(
        &format!(
            "UPDATE outbox SET state = 'unknown', due_at = ?1, note = 'its sender fell silent'
             WHERE {OPEN} AND state = 'in_flight' AND claimed_until <= ?1"
        ),
        values![now],
    )
}

fn settle(work: &Work<'_>, position: u64, state: UploadState, note: &str, now: Timestamp) -> Result<()> {
    work.db.execute(
        "UPDATE outbox SET state = ?2, note = ?3, settled_at = ?4, personal = NULL WHERE position = ?1 AND state NOT IN ('done', 'dropped')",
        values![position, state.as_str(), note, now],
    )?;
    work.db.execute("DELETE FROM outbox_unit WHERE position = ?1", values![position]).map(drop)
}

/// Institution (12), time (14), number (4): 30 characters.
fn message_id(work: &Work<'_>, institution: &Institution, now: Timestamp, offset: i32) -> Result<String> {
    let row = work.db.query_one("UPDATE counter SET value = value + 1 WHERE name = 'message' RETURNING value", Lock::No, &[])?;
    let number = row.ok_or_else(|| PoolError::Damaged { what: "the counter of messages is gone".into() })?.count(0)?;
    let (date, [hour, minute, second]) = civil(now, offset);
    let (year, month, day) = (date.year(), date.month(), date.day());
    Ok(format!("{}{year:04}{month:02}{day:02}{hour:02}{minute:02}{second:02}{:04}", institution.code, number % 10_000))
}
