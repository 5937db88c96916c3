//! What a pool asks of a database, whichever it is.
//!
//! Both engines run the same statements, with `?1`, `?2` … for values; only what the engines really do differently stands here: transactions, locks,
//! numbers for the ledger, and what their errors mean. The rules of the pool are nowhere in this folder.

mod postgres;
mod sqlite;

pub(super) use postgres::Postgres;
pub(super) use sqlite::Sqlite;

use super::{PoolError, Result};

/// The version of the database's layout that this software writes, the same number for both engines.
pub const SCHEMA_VERSION: i64 = 4;

/// A value on its way into a statement.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Value<'v> {
    Null,
    Integer(i64),
    Text(&'v str),
}

/// A value that came out of one.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Cell {
    Null,
    Integer(i64),
    Text(String),
    /// As PostgreSQL writes it, a number or a text, whichever is asked for.
    Told(String),
}

impl<'v> From<&'v str> for Value<'v> {
    fn from(text: &'v str) -> Self {
        Self::Text(text)
    }
}

impl<'v> From<&'v String> for Value<'v> {
    fn from(text: &'v String) -> Self {
        Self::Text(text)
    }
}

impl From<u32> for Value<'_> {
    fn from(number: u32) -> Self {
        Self::Integer(number.into())
    }
}

impl From<i64> for Value<'_> {
    fn from(number: i64) -> Self {
        Self::Integer(number)
    }
}

impl From<u64> for Value<'_> {
    /// Databases count with signs; what is beyond them becomes the largest number (for a time: the year 2262).
    fn from(number: u64) -> Self {
        Self::Integer(i64::try_from(number).unwrap_or(i64::MAX))
    }
}

impl From<bool> for Value<'_> {
    fn from(yes: bool) -> Self {
        Self::Integer(yes.into())
    }
}

impl From<hardware_hal::Timestamp> for Value<'_> {
    fn from(at: hardware_hal::Timestamp) -> Self {
        at.0.into()
    }
}

impl<'v, T: Into<Value<'v>>> From<Option<T>> for Value<'v> {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

/// Values of a statement, of whatever types.
macro_rules! values {
    ($($value:expr),* $(,)?) => { &[$($crate::pool::db::Value::from($value)),*] };
}
pub(crate) use values;

/// A row that came out.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Row(pub(super) Vec<Cell>);

impl Row {
    fn damaged(&self, column: usize, wanted: &str) -> PoolError {
        PoolError::Damaged { what: format!("{:?} in column {column} where {wanted} is wanted", self.0.get(column)) }
    }

    pub fn optional_text(&self, column: usize) -> Result<Option<String>> {
        match self.0.get(column) {
            Some(Cell::Text(text) | Cell::Told(text)) => Ok(Some(text.clone())),
            Some(Cell::Null) => Ok(None),
            _ => Err(self.damaged(column, "a text")),
        }
    }

    pub fn text(&self, column: usize) -> Result<String> {
        self.optional_text(column)?.ok_or_else(|| self.damaged(column, "a text"))
    }

    pub fn integer(&self, column: usize) -> Result<i64> {
        match self.0.get(column) {
            Some(Cell::Integer(number)) => Ok(*number),
            Some(Cell::Told(text)) => text.parse().map_err(|_| self.damaged(column, "a number")),
            _ => Err(self.damaged(column, "a number")),
        }
    }

    pub fn count(&self, column: usize) -> Result<u64> {
        u64::try_from(self.integer(column)?).map_err(|_| self.damaged(column, "a count"))
    }

    pub fn small(&self, column: usize) -> Result<u32> {
        u32::try_from(self.integer(column)?).map_err(|_| self.damaged(column, "a small count"))
    }

    pub fn flag(&self, column: usize) -> Result<bool> {
        Ok(self.integer(column)? != 0)
    }

    pub fn time(&self, column: usize) -> Result<hardware_hal::Timestamp> {
        self.count(column).map(hardware_hal::Timestamp)
    }

    pub fn optional_time(&self, column: usize) -> Result<Option<hardware_hal::Timestamp>> {
        if self.0.get(column) == Some(&Cell::Null) { Ok(None) } else { self.time(column).map(Some) }
    }

    /// A word as the enum it stands for.
    pub fn word<T>(&self, column: usize, parse: impl Fn(&str) -> Option<T>) -> Result<T> {
        let text = self.text(column)?;
        parse(&text).ok_or_else(|| PoolError::Damaged { what: format!("unknown word '{text}' in column {column}") })
    }

    pub fn optional_word<T>(&self, column: usize, parse: impl Fn(&str) -> Option<T>) -> Result<Option<T>> {
        if self.0.get(column) == Some(&Cell::Null) { Ok(None) } else { self.word(column, parse).map(Some) }
    }
}

/// What a transaction is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Access {
    /// Reads that must agree with each other.
    Snapshot,
    /// Changes. SQLite admits one such transaction at a time; PostgreSQL many, which then lock what they read.
    Change,
}

/// Whether rows that are read are kept from other programs until the transaction ends. SQLite's transactions have the whole file to themselves, so
/// there it makes no difference.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lock {
    /// Only looked at.
    No,
    /// Waited for, then held.
    Wait,
    /// Held where free; what another program holds is passed over.
    Skip,
}

/// What will be asked of a database.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Ask<'a> {
    /// [`Database::lock_name`].
    Name(&'a str),
    /// [`Database::query`].
    Rows(std::borrow::Cow<'a, str>, Lock, Vec<Value<'a>>),
    /// [`Database::next_sequences`], for the first time in this transaction.
    Sequences(u32),
}

/// A database that can hold a pool. One connection; not shared between threads.
pub(crate) trait Database: Send {
    /// The file, or the server without its password: what stands in messages.
    fn place(&self) -> std::path::PathBuf;
    /// Starts a transaction.
    fn begin(&self, access: Access) -> Result<()>;
    /// Ends it; after this, what it changed is on the medium.
    fn commit(&self) -> Result<()>;
    /// Ends it as if it had not been. Errors are of no use to anybody here.
    fn rollback(&self);
    /// Runs a statement and says how many rows it changed.
    fn execute(&self, sql: &str, values: &[Value<'_>]) -> Result<u64>;
    /// Runs a statement that adds or changes rows, whose outcome nobody needs before the transaction goes on: over a network it travels with what follows,
    /// and that fails where it fails.
    fn later(&self, sql: &str, values: &[Value<'_>]) -> Result<()>;
    /// The same for one that must change exactly one row; else the transaction fails with [`PoolError::Conflict`].
    fn later_one(&self, sql: &str, values: &[Value<'_>]) -> Result<()>;
    /// Says what will be asked next, in this order, with nothing changed in between: over a network it then travels together. Only a hint: what is asked
    /// otherwise is answered all the same.
    fn foresee(&self, _asks: &[Ask<'_>]) -> Result<()> {
        Ok(())
    }
    /// Runs a query.
    fn query(&self, sql: &str, lock: Lock, values: &[Value<'_>]) -> Result<Vec<Row>>;
    /// Rising numbers for the ledger's next entries, larger than those of all entries of the units that are held by now. `last` is the number before, if
    /// this transaction had one; if it had none, the time of the youngest entry is said besides.
    fn next_sequences(&self, last: Option<u64>, count: u32) -> Result<(Vec<u64>, Option<hardware_hal::Timestamp>)>;
    /// The condition on the ledger that leaves out entries before which others may still appear.
    fn settled(&self) -> &'static str;
    /// Whether rows that are read for a change must be locked one by one. SQLite admits one writer, who has everything to itself.
    fn locks_rows(&self) -> bool;
    /// Keeps the name from other programs until the transaction ends.
    fn lock_name(&self, name: &str) -> Result<()>;

    /// The one row of a query, or none.
    fn query_one(&self, sql: &str, lock: Lock, values: &[Value<'_>]) -> Result<Option<Row>> {
        Ok(self.query(sql, lock, values)?.into_iter().next())
    }
}
