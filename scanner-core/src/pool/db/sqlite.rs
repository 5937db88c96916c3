//! SQLite: a file, bundled, with a write-ahead log and `synchronous = FULL`. Opening harms no file that is not ours.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{Connection, OpenFlags, TransactionBehavior, params_from_iter};

use super::{Access, Cell, Database, Lock, PoolError, Result, Row, SCHEMA_VERSION, Value};

/// Marks our files among SQLite databases: "TTwP".
const APPLICATION_ID: i64 = 0x5454_7750;

/// What brings a database from one version to the next, from 0 (nothing there).
const MIGRATIONS: [&str; 4] = [
    include_str!("../migrations/sqlite-1.sql"),
    include_str!("../migrations/sqlite-2.sql"),
    include_str!("../migrations/sqlite-3.sql"),
    include_str!("../migrations/sqlite-4.sql"),
];
const _: () = assert!(MIGRATIONS.len() as i64 == SCHEMA_VERSION);

/// A pool's file, or memory.
pub(crate) struct Sqlite {
    db: Connection,
    path: PathBuf,
}

impl Sqlite {
    pub fn open(path: &Path, busy_timeout: Duration) -> Result<Self> {
        let fresh = look_before(path)?;
        let named = |error| named(path, error);
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let mut db = Connection::open_with_flags(path, flags).map_err(named)?;
        db.busy_timeout(busy_timeout).map_err(named)?;
        if !fresh {
            check_identity(&db, path)?;
        }
        if db.is_readonly("main").map_err(named)? {
            return Err(PoolError::ReadOnly { path: path.to_owned() });
        }
        set_up(&mut db).map_err(named)?;
        // Two programs may have created the file at the same time.
        check_identity(&db, path)?;
        Ok(Self { db, path: path.to_owned() })
    }

    pub fn in_memory() -> Result<Self> {
        let path = PathBuf::from(":memory:");
        let mut db = Connection::open_in_memory().map_err(|error| named(&path, error))?;
        set_up(&mut db).map_err(|error| named(&path, error))?;
        Ok(Self { db, path })
    }

    fn named(&self, error: rusqlite::Error) -> PoolError {
        named(&self.path, error)
    }
}

impl Database for Sqlite {
    fn place(&self) -> PathBuf {
        self.path.clone()
    }

    fn begin(&self, access: Access) -> Result<()> {
        // A change begins as a writer, so that nothing it reads can change before it writes.
        let sql = match access {
            Access::Snapshot => "BEGIN DEFERRED",
            Access::Change => "BEGIN IMMEDIATE",
        };
        self.execute(sql, &[]).map(drop)
    }

    fn commit(&self) -> Result<()> {
        self.execute("COMMIT", &[]).map(drop)
    }

    fn rollback(&self) {
        // SQLite has rolled back by itself after some errors; then there is nothing to do.
        if !self.db.is_autocommit() {
            let _ = self.db.execute_batch("ROLLBACK");
        }
    }

    fn execute(&self, sql: &str, values: &[Value<'_>]) -> Result<u64> {
        let run = || self.db.prepare_cached(sql)?.execute(params_from_iter(values));
        run().map(|rows| rows as u64).map_err(|error| self.named(error))
    }

    fn later(&self, sql: &str, values: &[Value<'_>]) -> Result<()> {
        self.execute(sql, values).map(drop)
    }

    fn later_one(&self, sql: &str, values: &[Value<'_>]) -> Result<()> {
        match self.execute(sql, values)? {
            1 => Ok(()),
            _ => Err(PoolError::Conflict { path: self.path.clone() }),
        }
    }

    fn query(&self, sql: &str, _: Lock, values: &[Value<'_>]) -> Result<Vec<Row>> {
        let run = || {
            let mut statement = self.db.prepare_cached(sql)?;
            let columns = statement.column_count();
            let mut rows = statement.query(params_from_iter(values))?;
            let mut found = Vec::new();
            while let Some(row) = rows.next()? {
                let cell = |column| {
                    Ok(match row.get_ref(column)? {
                        ValueRef::Null => Cell::Null,
                        ValueRef::Integer(number) => Cell::Integer(number),
                        other => Cell::Text(other.as_str()?.to_owned()),
                    })
                };
                found.push(Row((0..columns).map(cell).collect::<rusqlite::Result<_>>()?));
            }
            Ok(found)
        };
        run().map_err(|error| self.named(error))
    }

    fn next_sequences(&self, last: Option<u64>, count: u32) -> Result<(Vec<u64>, Option<hardware_hal::Timestamp>)> {
        let (last, latest) = match last {
            Some(last) => (last, None),
            None => match self.query_one("SELECT sequence, at FROM ledger ORDER BY sequence DESC LIMIT 1", Lock::No, &[])? {
                Some(row) => (row.count(0)?, Some(row.time(1)?)),
                None => (0, None),
            },
        };
        Ok(((last + 1..).take(count as usize).collect(), latest))
    }

    fn settled(&self) -> &'static str {
        "1 = 1"
    }

    fn locks_rows(&self) -> bool {
        false
    }

    fn lock_name(&self, _: &str) -> Result<()> {
        Ok(())
    }
}

impl rusqlite::ToSql for Value<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            Self::Null => ValueRef::Null,
            Self::Integer(number) => ValueRef::Integer(*number),
            Self::Text(text) => ValueRef::Text(text.as_bytes()),
        }))
    }
}

/// Names the file and sorts SQLite's errors.
fn named(path: &Path, error: rusqlite::Error) -> PoolError {
    use rusqlite::ErrorCode as Code;
    let path = path.to_owned();
    match error.sqlite_error_code() {
        Some(Code::DatabaseBusy | Code::DatabaseLocked) => PoolError::Locked { path },
        Some(Code::ReadOnly) => PoolError::ReadOnly { path },
        Some(Code::DiskFull) => PoolError::DiskFull { path },
        Some(Code::NotADatabase) => PoolError::NotAPool { path, found: "it is not a SQLite database".into() },
        Some(Code::DatabaseCorrupt) => PoolError::Damaged { what: format!("{}: {error}", path.display()) },
        Some(Code::CannotOpen | Code::PermissionDenied) => PoolError::CannotOpen { path, message: error.to_string() },
        _ => PoolError::Database { path, source: Box::new(error) },
    }
}

/// Whether there is nothing yet. What is no SQLite database is refused before SQLite touches it.
fn look_before(path: &Path) -> Result<bool> {
    let cannot = |message: String| PoolError::CannotOpen { path: path.to_owned(), message };
    if path.is_dir() {
        return Err(cannot("this is a folder; a pool is a file".into()));
    }
    let mut header = Vec::new();
    match File::open(path) {
        Ok(file) => file.take(16).read_to_end(&mut header).map_err(|error| cannot(error.to_string()))?,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return match path.parent() {
                Some(folder) if !folder.as_os_str().is_empty() && !folder.is_dir() => {
                    Err(cannot(format!("the folder {} does not exist", folder.display())))
                }
                _ => Ok(true),
            };
        }
        Err(error) => return Err(cannot(error.to_string())),
    };
    if header.is_empty() {
        Ok(true)
    } else if header == b"SQLite format 3\0" {
        Ok(false)
    } else {
        Err(PoolError::NotAPool { path: path.to_owned(), found: "it is not a SQLite database".into() })
    }
}

fn check_identity(db: &Connection, path: &Path) -> Result<()> {
    let named = |error| named(path, error);
    let application: i64 = db.pragma_query_value(None, "application_id", |row| row.get(0)).map_err(named)?;
    let tables: i64 = db.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0)).map_err(named)?;
    if tables == 0 && application == 0 {
        return Ok(()); // An empty database is as good as none.
    }
    if application != APPLICATION_ID {
        return Err(PoolError::NotAPool { path: path.to_owned(), found: "it is a SQLite database of something else".into() });
    }
    let found = version(db).map_err(named)?;
    if found > SCHEMA_VERSION {
        return Err(PoolError::Newer { path: path.to_owned(), found, known: SCHEMA_VERSION });
    }
    Ok(())
}

fn version(db: &Connection) -> rusqlite::Result<i64> {
    db.query_row("SELECT max(version) FROM schema_version", [], |row| row.get(0))
}

fn set_up(db: &mut Connection) -> rusqlite::Result<()> {
    // A new file's first page is written under a rollback journal. Under FULL the journal's deletion is not synced: a power loss could bring it back, and
    // SQLite would roll the file back to nothing and delete the write-ahead log with all that was acknowledged since. EXTRA syncs the deletion.
    db.pragma_update(None, "synchronous", "EXTRA")?;
    // In memory the answer is "memory", which is fine.
    db.pragma_update_and_check(None, "journal_mode", "WAL", |_| Ok(()))?;
    db.pragma_update(None, "synchronous", "FULL")?;
    // Without it, INSERT OR REPLACE would delete ledger rows past the trigger.
    db.pragma_update(None, "recursive_triggers", true)?;
    db.set_prepared_statement_cache_capacity(128);
    // A migration that builds a table anew must not trip over what refers to it; the references are checked at its end.
    db.pragma_update(None, "foreign_keys", false)?;
    let transaction = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let tables: i64 = transaction.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    let found = if tables == 0 { 0 } else { version(&transaction)? };
    if found < SCHEMA_VERSION {
        for migration in MIGRATIONS.iter().skip(usize::try_from(found).unwrap_or_default()) {
            transaction.execute_batch(migration)?;
        }
        transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
        let dangling: i64 = transaction.query_row("SELECT count(*) FROM pragma_foreign_key_check", [], |row| row.get(0))?;
        if dangling > 0 {
            return Err(rusqlite::Error::SqliteFailure(rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_CORRUPT), None));
        }
    }
    transaction.commit()?;
    db.pragma_update(None, "foreign_keys", true)
}
