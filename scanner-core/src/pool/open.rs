//! Opening a pool's file without harming one that is not ours.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use rusqlite::{Connection, OpenFlags, TransactionBehavior};

use super::{PoolError, PoolOptions};

/// The version of the database's layout that this software writes.
pub const SCHEMA_VERSION: i64 = 1;

/// Marks our files among SQLite databases: "TTwP".
const APPLICATION_ID: i64 = 0x5454_7750;

const SCHEMA: &str = include_str!("schema.sql");

pub(super) fn open(path: &Path, options: &PoolOptions) -> Result<Connection, PoolError> {
    let fresh = look_before(path)?;
    let named = |error: rusqlite::Error| PoolError::from(error).at_path(path);
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut db = Connection::open_with_flags(path, flags).map_err(named)?;
    db.busy_timeout(options.busy_timeout).map_err(named)?;
    if !fresh {
        check_identity(&db, path)?;
    }
    if db.is_readonly("main").map_err(named)? {
        return Err(PoolError::ReadOnly { path: path.to_owned() });
    }
    set_up(&mut db).map_err(|error| error.at_path(path))?;
    // Two programs may have created the file at the same time.
    check_identity(&db, path)?;
    Ok(db)
}

pub(super) fn in_memory() -> Result<Connection, PoolError> {
    let mut db = Connection::open_in_memory()?;
    set_up(&mut db)?;
    Ok(db)
}

/// Whether there is nothing yet. What is no SQLite database is refused before SQLite touches it.
fn look_before(path: &Path) -> Result<bool, PoolError> {
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

fn check_identity(db: &Connection, path: &Path) -> Result<(), PoolError> {
    let named = |error: rusqlite::Error| PoolError::from(error).at_path(path);
    let application: i64 = db.pragma_query_value(None, "application_id", |row| row.get(0)).map_err(named)?;
    let tables: i64 = db.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0)).map_err(named)?;
    if tables == 0 && application == 0 {
        return Ok(()); // An empty database is as good as none.
    }
    if application != APPLICATION_ID {
        return Err(PoolError::NotAPool { path: path.to_owned(), found: "it is a SQLite database of something else".into() });
    }
    let found: i64 = db.query_row("SELECT max(version) FROM schema_version", [], |row| row.get(0)).map_err(named)?;
    if found > SCHEMA_VERSION {
        return Err(PoolError::Newer { path: path.to_owned(), found, known: SCHEMA_VERSION });
    }
    Ok(())
}

fn set_up(db: &mut Connection) -> Result<(), PoolError> {
    // In memory the answer is "memory", which is fine.
    db.pragma_update_and_check(None, "journal_mode", "WAL", |_| Ok(()))?;
    db.pragma_update(None, "synchronous", "FULL")?;
    db.pragma_update(None, "foreign_keys", true)?;
    // Without it, INSERT OR REPLACE would delete ledger rows past the trigger.
    db.pragma_update(None, "recursive_triggers", true)?;
    db.set_prepared_statement_cache_capacity(64);
    let transaction = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let tables: i64 = transaction.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    if tables == 0 {
        transaction.execute_batch(SCHEMA)?;
        transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
    }
    transaction.commit()?;
    Ok(())
}
