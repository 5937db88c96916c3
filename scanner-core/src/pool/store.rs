//! SQL of the pool: rows in and out. No rule is decided here.

use hardware_hal::Timestamp;

use super::db::{Ask, Database, Lock, Row, Value, values};
use super::{EventKind, LedgerEntry, Order, PoolError, Reservation, Result, Unit, UnitState};
use crate::codes::PackLevel;
use crate::date::Date;
use crate::product::{Product, Products};

type Db<'d> = &'d dyn Database;

fn date(text: &str) -> Option<Date> {
    text.parse().ok()
}

const UNIT: &str = "key, code, product_id, batch, expiry, made, level, parent, state, quantity, remaining, revision, coded";

fn unit_of(row: &Row) -> Result<Unit> {
    Ok(Unit {
        key: row.text(0)?,
        code: row.text(1)?,
        product: row.text(2)?,
        batch: row.text(3)?,
        expiry: row.word(4, date)?,
        made: row.optional_word(5, date)?,
        level: row.word(6, PackLevel::from_name)?,
        parent: row.optional_text(7)?,
        state: row.word(8, UnitState::from_name)?,
        quantity: row.small(9)?,
        remaining: row.small(10)?,
        revision: row.small(11)?,
        coded: row.flag(12)?,
    })
}

fn units_sql(condition: &str) -> String {
    format!("SELECT {UNIT} FROM unit WHERE {condition}")
}

/// The condition on `unit` that selects the units of which an order (?1) holds something, in the order in which they are to be locked.
pub(super) const UNITS_OF_ORDER: &str = "key IN (SELECT key FROM reservation WHERE order_id = ?1) ORDER BY key";

/// The condition on `reservation` and `sale` that selects those of an order (?1).
pub(super) const OF_ORDER: &str = "order_id = ?1";

/// [`unit`], foreseen.
pub(super) fn unit_ask(key: &str, lock: Lock) -> Ask<'_> {
    Ask::Rows(units_sql("key = ?1").into(), lock, vec![key.into()])
}

/// [`units_where`], foreseen.
pub(super) fn units_ask<'a>(condition: &str, lock: Lock, values: Vec<Value<'a>>) -> Ask<'a> {
    Ask::Rows(units_sql(condition).into(), lock, values)
}

/// [`reservations_where`], foreseen.
pub(super) fn reservations_ask<'a>(condition: &str, values: Vec<Value<'a>>) -> Ask<'a> {
    Ask::Rows(reservations_sql(condition).into(), Lock::No, values)
}

/// [`sales_where`], foreseen.
pub(super) fn sales_ask<'a>(condition: &str, values: Vec<Value<'a>>) -> Ask<'a> {
    Ask::Rows(sales_sql(condition).into(), Lock::No, values)
}

/// [`pack_quantity`], foreseen.
pub(super) fn pack_quantity_ask(product: &str) -> Ask<'_> {
    Ask::Rows(PACK_QUANTITY.into(), Lock::No, vec![product.into()])
}

/// [`order_record`], foreseen.
pub(super) fn order_record_ask(order: &str) -> Ask<'_> {
    Ask::Rows(ORDER_RECORD.into(), Lock::No, vec![order.into()])
}

pub(super) fn unit(db: Db<'_>, key: &str, lock: Lock) -> Result<Option<Unit>> {
    db.query_one(&units_sql("key = ?1"), lock, values![key])?.as_ref().map(unit_of).transpose()
}

/// Units that a condition on the table `unit` selects, in a fixed order.
pub(super) fn units_where(db: Db<'_>, condition: &str, lock: Lock, values: &[Value<'_>]) -> Result<Vec<Unit>> {
    db.query(&units_sql(condition), lock, values)?.iter().map(unit_of).collect()
}

/// `false` if there is one of that key.
pub(super) fn insert_unit(db: Db<'_>, unit: &Unit) -> Result<bool> {
    let (expiry, made) = (unit.expiry.to_string(), unit.made.map(|d| d.to_string()));
    let inserted = db.execute(
        "INSERT INTO unit (key, code, product_id, batch, expiry, made, level, parent, state, quantity, remaining, revision, coded)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13) ON CONFLICT (key) DO NOTHING",
        values![
            &unit.key,
            &unit.code,
            &unit.product,
            &unit.batch,
            &expiry,
            made.as_ref(),
            unit.level.as_str(),
            unit.parent.as_ref(),
            unit.state.as_str(),
            unit.quantity,
            unit.remaining,
            unit.revision,
            unit.coded,
        ],
    )?;
    Ok(inserted > 0)
}

pub(super) fn update_unit(db: Db<'_>, unit: &Unit) -> Result<()> {
    let sql = "UPDATE unit SET state = ?2, remaining = ?3, revision = ?4 WHERE key = ?1";
    db.later_one(sql, values![&unit.key, unit.state.as_str(), unit.remaining, unit.revision])
}

const PACK_QUANTITY: &str = "SELECT pack_quantity FROM product WHERE id = ?1";

/// Pieces per pack of a product.
pub(super) fn pack_quantity(db: Db<'_>, product: &str) -> Result<Option<u32>> {
    db.query_one(PACK_QUANTITY, Lock::No, values![product])?.map(|row| row.small(0)).transpose()
}

fn product_of(record: &str) -> Result<Product> {
    serde_json::from_str(record).map_err(|error| PoolError::Damaged { what: format!("a product's record: {error}") })
}

pub(super) fn product(db: Db<'_>, id: &str) -> Result<Option<Product>> {
    db.query_one("SELECT record FROM product WHERE id = ?1", Lock::No, values![id])?.map(|row| product_of(&row.text(0)?)).transpose()
}

/// All products.
pub(super) fn products(db: Db<'_>) -> Result<Products> {
    let rows = db.query("SELECT record FROM product ORDER BY id", Lock::No, &[])?;
    Ok(Products::new(rows.iter().map(|row| product_of(&row.text(0)?)).collect::<Result<Vec<Product>>>()?)?)
}

fn reservation_of(row: &Row) -> Result<Reservation> {
    Ok(Reservation {
        order: row.text(0)?,
        line: row.small(1)?,
        key: row.text(2)?,
        quantity: row.small(3)?,
        expires_at: row.time(4)?,
        event_id: row.text(5)?,
        coded: row.flag(6)?,
    })
}

fn reservations_sql(condition: &str) -> String {
    format!(
        "SELECT order_id, line, key, quantity, expires_at, event_id, coded FROM reservation WHERE {condition} ORDER BY order_id, line, key, event_id"
    )
}

pub(super) fn reservations_where(db: Db<'_>, condition: &str, values: &[Value<'_>]) -> Result<Vec<Reservation>> {
    db.query(&reservations_sql(condition), Lock::No, values)?.iter().map(reservation_of).collect()
}

pub(super) fn insert_reservation(db: Db<'_>, r: &Reservation) -> Result<()> {
    db.later(
        "INSERT INTO reservation (order_id, line, key, quantity, expires_at, event_id, coded) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        values![&r.order, r.line, &r.key, r.quantity, r.expires_at, &r.event_id, r.coded],
    )
}

/// Takes a reservation away. Somebody else may have done so between our reading it and our holding the unit.
pub(super) fn delete_reservation(db: Db<'_>, r: &Reservation) -> Result<()> {
    db.later_one("DELETE FROM reservation WHERE event_id = ?1", values![&r.event_id])
}

const ORDER_RECORD: &str = "SELECT record FROM order_record WHERE order_id = ?1";

/// What an order asked for when it was last reserved.
pub(super) fn order_record(db: Db<'_>, order: &str) -> Result<Option<String>> {
    db.query_one(ORDER_RECORD, Lock::No, values![order])?.map(|row| row.text(0)).transpose()
}

pub(super) fn put_order_record(db: Db<'_>, order: &Order, record: &str) -> Result<()> {
    let sql = "INSERT INTO order_record (order_id, record) VALUES (?1, ?2) ON CONFLICT (order_id) DO UPDATE SET record = ?2";
    db.later(sql, values![&order.id, record])
}

pub(super) fn setting(db: Db<'_>, name: &str) -> Result<Option<String>> {
    db.query_one("SELECT record FROM setting WHERE name = ?1", Lock::No, values![name])?.map(|row| row.text(0)).transpose()
}

pub(super) fn put_setting(db: Db<'_>, name: &str, record: &str) -> Result<()> {
    let sql = "INSERT INTO setting (name, record) VALUES (?1, ?2) ON CONFLICT (name) DO UPDATE SET record = ?2";
    db.later(sql, values![name, record])
}

/// A sale that stands.
#[derive(Debug, Clone)]
pub(super) struct Sale {
    pub event_id: String,
    pub order: String,
    pub line: u32,
    pub key: String,
    pub quantity: u32,
    pub whole: bool,
    pub coded: bool,
}

pub(super) fn insert_sale(db: Db<'_>, sale: &Sale) -> Result<()> {
    db.later(
        "INSERT INTO sale (event_id, order_id, line, key, quantity, whole, coded) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        values![&sale.event_id, &sale.order, sale.line, &sale.key, sale.quantity, sale.whole, sale.coded],
    )
}

fn sales_sql(condition: &str) -> String {
    format!(
        "SELECT event_id, order_id, line, key, quantity, whole, coded FROM sale WHERE return_event IS NULL AND {condition} ORDER BY order_id, line, event_id"
    )
}

/// Sales that were not returned.
pub(super) fn sales_where(db: Db<'_>, condition: &str, values: &[Value<'_>]) -> Result<Vec<Sale>> {
    let sale = |row: &Row| {
        Ok(Sale {
            event_id: row.text(0)?,
            order: row.text(1)?,
            line: row.small(2)?,
            key: row.text(3)?,
            quantity: row.small(4)?,
            whole: row.flag(5)?,
            coded: row.flag(6)?,
        })
    };
    db.query(&sales_sql(condition), Lock::No, values)?.iter().map(sale).collect()
}

pub(super) fn mark_returned(db: Db<'_>, sale_event: &str, return_event: &str) -> Result<()> {
    db.later("UPDATE sale SET return_event = ?2 WHERE event_id = ?1", values![sale_event, return_event])
}

pub(super) fn append(db: Db<'_>, e: &LedgerEntry) -> Result<()> {
    db.later(
        "INSERT INTO ledger (sequence, event_id, original_event_id, at, actor, cause, kind, key, from_state, to_state, order_id, quantity,
                             remaining, revision)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)",
        values![
            e.sequence,
            &e.event_id,
            e.original_event_id.as_ref(),
            e.at,
            &e.actor,
            &e.cause,
            e.kind.as_str(),
            &e.key,
            e.from.map(UnitState::as_str),
            e.to.as_str(),
            e.order.as_ref(),
            e.quantity,
            e.remaining,
            e.revision,
        ],
    )
}

/// Up to `limit` entries after number `after`, in order, of those that meet a further condition.
pub(super) fn ledger_page(db: Db<'_>, condition: &str, after: u64, limit: u32) -> Result<Vec<LedgerEntry>> {
    let sql = format!(
        "SELECT sequence, event_id, original_event_id, at, actor, cause, kind, key, from_state, to_state, order_id, quantity, remaining, revision
         FROM ledger WHERE sequence > ?1 AND {condition} ORDER BY sequence LIMIT ?2"
    );
    db.query(&sql, Lock::No, values![after, limit])?.iter().map(entry_of).collect()
}

/// Everything that happened to one unit, in order.
pub(super) fn history(db: Db<'_>, key: &str) -> Result<Vec<LedgerEntry>> {
    let sql =
        "SELECT sequence, event_id, original_event_id, at, actor, cause, kind, key, from_state, to_state, order_id, quantity, remaining, revision
         FROM ledger WHERE key = ?1 ORDER BY revision";
    db.query(sql, Lock::No, values![key])?.iter().map(entry_of).collect()
}

fn entry_of(row: &Row) -> Result<LedgerEntry> {
    Ok(LedgerEntry {
        sequence: row.count(0)?,
        event_id: row.text(1)?,
        original_event_id: row.optional_text(2)?,
        at: row.time(3)?,
        actor: row.text(4)?,
        cause: row.text(5)?,
        kind: row.word(6, EventKind::from_name)?,
        key: row.text(7)?,
        from: row.optional_word(8, UnitState::from_name)?,
        to: row.word(9, UnitState::from_name)?,
        order: row.optional_text(10)?,
        quantity: row.small(11)?,
        remaining: row.small(12)?,
        revision: row.small(13)?,
    })
}

/// The moment of the youngest change, by the clocks of those who made it.
pub(super) fn latest(db: Db<'_>) -> Result<Option<Timestamp>> {
    let row = db.query_one("SELECT at FROM ledger ORDER BY sequence DESC LIMIT 1", Lock::No, &[])?;
    row.map(|row| row.time(0)).transpose()
}
