//! SQL of the pool: rows in and out. No rule is decided here.

use hardware_hal::Timestamp;
use rusqlite::types::Type;
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::{EventKind, LedgerEntry, PoolError, Reservation, Unit, UnitState};
use crate::codes::PackLevel;
use crate::date::Date;
use crate::product::{Product, Products};

type Sql<T> = rusqlite::Result<T>;

/// A column of words as the enum they stand for.
pub(super) fn word<T>(row: &Row<'_>, column: usize, parse: impl Fn(&str) -> Option<T>) -> Sql<T> {
    let text: String = row.get(column)?;
    parse(&text).ok_or_else(|| rusqlite::Error::FromSqlConversionFailure(column, Type::Text, format!("unknown word '{text}'").into()))
}

fn optional_word<T>(row: &Row<'_>, column: usize, parse: impl Fn(&str) -> Option<T>) -> Sql<Option<T>> {
    if row.get_ref(column)?.data_type() == Type::Null { Ok(None) } else { word(row, column, parse).map(Some) }
}

fn date(text: &str) -> Option<Date> {
    text.parse().ok()
}

/// Nanoseconds as SQLite keeps them; the year 2262 and later become 2262.
pub(super) fn nanoseconds(at: Timestamp) -> i64 {
    i64::try_from(at.0).unwrap_or(i64::MAX)
}

/// SQLite counts with signs.
pub(super) fn unsigned(row: &Row<'_>, column: usize) -> Sql<u64> {
    let value: i64 = row.get(column)?;
    u64::try_from(value).map_err(|_| rusqlite::Error::IntegralValueOutOfRange(column, value))
}

fn timestamp(row: &Row<'_>, column: usize) -> Sql<Timestamp> {
    unsigned(row, column).map(Timestamp)
}

const UNIT: &str = "key, code, product_id, batch, expiry, made, level, parent, state, quantity, remaining";

fn unit_of(row: &Row<'_>) -> Sql<Unit> {
    Ok(Unit {
        key: row.get(0)?,
        code: row.get(1)?,
        product: row.get(2)?,
        batch: row.get(3)?,
        expiry: word(row, 4, date)?,
        made: optional_word(row, 5, date)?,
        level: word(row, 6, PackLevel::from_name)?,
        parent: row.get(7)?,
        state: word(row, 8, UnitState::from_name)?,
        quantity: row.get(9)?,
        remaining: row.get(10)?,
    })
}

pub(super) fn unit(db: &Connection, key: &str) -> Sql<Option<Unit>> {
    db.prepare_cached(&format!("SELECT {UNIT} FROM unit WHERE key = ?1"))?.query_row([key], unit_of).optional()
}

/// Units that a condition on the table `unit` selects, in a fixed order.
pub(super) fn units_where(db: &Connection, condition: &str, values: impl rusqlite::Params) -> Sql<Vec<Unit>> {
    db.prepare_cached(&format!("SELECT {UNIT} FROM unit WHERE {condition}"))?.query_map(values, unit_of)?.collect()
}

/// `false` if there is one of that key.
pub(super) fn insert_unit(db: &Connection, unit: &Unit) -> Sql<bool> {
    let inserted = db
        .prepare_cached(&format!(
            "INSERT INTO unit ({UNIT}) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11) ON CONFLICT (key) DO NOTHING"
        ))?
        .execute(params![
            unit.key,
            unit.code,
            unit.product,
            unit.batch,
            unit.expiry.to_string(),
            unit.made.map(|d| d.to_string()),
            unit.level.as_str(),
            unit.parent,
            unit.state.as_str(),
            unit.quantity,
            unit.remaining,
        ])?;
    Ok(inserted > 0)
}

pub(super) fn update_unit(db: &Connection, key: &str, state: UnitState, remaining: u32) -> Sql<()> {
    db.prepare_cached("UPDATE unit SET state = ?2, remaining = ?3 WHERE key = ?1")?.execute(params![key, state.as_str(), remaining])?;
    Ok(())
}

/// Pieces per pack of a product.
pub(super) fn pack_quantity(db: &Connection, product: &str) -> Sql<Option<u32>> {
    db.prepare_cached("SELECT pack_quantity FROM product WHERE id = ?1")?.query_row([product], |row| row.get(0)).optional()
}

/// All products.
pub(super) fn products(db: &Connection) -> Result<Products, PoolError> {
    let mut statement = db.prepare_cached("SELECT record FROM product ORDER BY id")?;
    let records = statement.query_map([], |row| row.get::<_, String>(0))?.collect::<Sql<Vec<_>>>()?;
    let parse =
        |record: &String| serde_json::from_str(record).map_err(|error| PoolError::Damaged { what: format!("a product's record: {error}") });
    Ok(Products::new(records.iter().map(parse).collect::<Result<Vec<Product>, PoolError>>()?)?)
}

fn reservation_of(row: &Row<'_>) -> Sql<Reservation> {
    Ok(Reservation {
        order: row.get(0)?,
        line: row.get(1)?,
        key: row.get(2)?,
        quantity: row.get(3)?,
        expires_at: timestamp(row, 4)?,
        event_id: row.get(5)?,
    })
}

pub(super) fn reservations_where(db: &Connection, condition: &str, values: impl rusqlite::Params) -> Sql<Vec<Reservation>> {
    db.prepare_cached(&format!(
        "SELECT order_id, line, key, quantity, expires_at, event_id FROM reservation WHERE {condition} ORDER BY order_id, line, key, event_id"
    ))?
    .query_map(values, reservation_of)?
    .collect()
}

pub(super) fn insert_reservation(db: &Connection, r: &Reservation) -> Sql<()> {
    db.prepare_cached("INSERT INTO reservation (order_id, line, key, quantity, expires_at, event_id) VALUES (?1, ?2, ?3, ?4, ?5, ?6)")?
        .execute(params![r.order, r.line, r.key, r.quantity, nanoseconds(r.expires_at), r.event_id])?;
    Ok(())
}

pub(super) fn delete_reservation(db: &Connection, r: &Reservation) -> Sql<()> {
    db.prepare_cached("DELETE FROM reservation WHERE event_id = ?1")?.execute([&r.event_id])?;
    Ok(())
}

/// A sale that stands.
pub(super) struct Sale {
    pub event_id: String,
    pub order: String,
    pub line: u32,
    pub quantity: u32,
    pub whole: bool,
}

pub(super) fn insert_sale(db: &Connection, sale: &Sale, key: &str) -> Sql<()> {
    db.prepare_cached("INSERT INTO sale (event_id, order_id, line, key, quantity, whole) VALUES (?1, ?2, ?3, ?4, ?5, ?6)")?
        .execute(params![sale.event_id, sale.order, sale.line, key, sale.quantity, sale.whole])?;
    Ok(())
}

/// Sales that were not returned.
pub(super) fn sales_where(db: &Connection, condition: &str, values: impl rusqlite::Params) -> Sql<Vec<Sale>> {
    db.prepare_cached(&format!(
        "SELECT event_id, order_id, line, quantity, whole FROM sale WHERE return_event IS NULL AND {condition} ORDER BY order_id, line, event_id"
    ))?
    .query_map(values, |row| {
        Ok(Sale { event_id: row.get(0)?, order: row.get(1)?, line: row.get(2)?, quantity: row.get(3)?, whole: row.get(4)? })
    })?
    .collect()
}

pub(super) fn mark_returned(db: &Connection, sale_event: &str, return_event: &str) -> Sql<()> {
    db.prepare_cached("UPDATE sale SET return_event = ?2 WHERE event_id = ?1")?.execute([sale_event, return_event])?;
    Ok(())
}

pub(super) fn last_sequence(db: &Connection) -> Sql<u64> {
    db.query_row("SELECT coalesce(max(sequence), 0) FROM ledger", [], |row| unsigned(row, 0))
}

pub(super) fn append(db: &Connection, e: &LedgerEntry) -> Sql<()> {
    db.prepare_cached(
        "INSERT INTO ledger (sequence, event_id, original_event_id, at, actor, cause, kind, key, from_state, to_state, order_id, quantity, remaining)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)",
    )?
    .execute(params![
        i64::try_from(e.sequence).unwrap_or(i64::MAX),
        e.event_id,
        e.original_event_id,
        nanoseconds(e.at),
        e.actor,
        e.cause,
        e.kind.as_str(),
        e.key,
        e.from.map(UnitState::as_str),
        e.to.as_str(),
        e.order,
        e.quantity,
        e.remaining,
    ])?;
    Ok(())
}

/// Up to `limit` entries after number `after`, in order.
pub(super) fn ledger_page(db: &Connection, after: u64, limit: u32) -> Sql<Vec<LedgerEntry>> {
    db.prepare_cached(
        "SELECT sequence, event_id, original_event_id, at, actor, cause, kind, key, from_state, to_state, order_id, quantity, remaining
         FROM ledger WHERE sequence > ?1 ORDER BY sequence LIMIT ?2",
    )?
    .query_map(params![i64::try_from(after).unwrap_or(i64::MAX), limit], |row| {
        Ok(LedgerEntry {
            sequence: unsigned(row, 0)?,
            event_id: row.get(1)?,
            original_event_id: row.get(2)?,
            at: timestamp(row, 3)?,
            actor: row.get(4)?,
            cause: row.get(5)?,
            kind: word(row, 6, EventKind::from_name)?,
            key: row.get(7)?,
            from: optional_word(row, 8, UnitState::from_name)?,
            to: word(row, 9, UnitState::from_name)?,
            order: row.get(10)?,
            quantity: row.get(11)?,
            remaining: row.get(12)?,
        })
    })?
    .collect()
}
