//! PostgreSQL: many windows at once. Transactions run under READ COMMITTED and lock the rows that they are going to change.
//!
//! Everything lies in a schema of its own, so a database may hold other things beside the pool.

mod line;
mod tls;

use std::cell::RefCell;
use std::path::PathBuf;
use std::time::Duration;

use tokio_postgres::Config;
use tokio_postgres::config::Host;
use tokio_postgres::error::SqlState;

use line::{Change, Line, Request};

use super::{Access, Ask, Cell, Database, Lock, PoolError, Result, Row, SCHEMA_VERSION, Value};

/// The schema that holds the pool's tables.
const SCHEMA: &str = "tracetwin";

/// What brings a database from one version to the next: (version before, statements).
const MIGRATIONS: [(i64, &str); 3] = [
    (0, include_str!("../../migrations/postgres-2.sql")),
    (2, include_str!("../../migrations/postgres-3.sql")),
    (3, include_str!("../../migrations/postgres-4.sql")),
];

/// A connection to a server.
pub(crate) struct Postgres {
    config: Config,
    trust: tls::Trust,
    place: PathBuf,
    busy_timeout: Duration,
    session: RefCell<Session>,
}

struct Session {
    line: Line,
    in_transaction: bool,
}

impl Postgres {
    pub fn open(url: &str, busy_timeout: Duration) -> Result<Self> {
        // What cannot be read is not shown either: it may hold a password.
        let cannot_be_read = |message: String| PoolError::CannotOpen {
            path: PathBuf::from("postgres://…"),
            message: format!("this address cannot be read: {message}"),
        };
        let (url, trust) = tls::Trust::of_url(url).map_err(cannot_be_read)?;
        let mut config: Config = url.parse().map_err(|error: tokio_postgres::Error| {
            cannot_be_read(std::error::Error::source(&error).map_or_else(String::new, ToString::to_string))
        })?;
        let patience = config.get_connect_timeout().copied().unwrap_or(Duration::from_secs(10));
        config.application_name("tracetwin").connect_timeout(patience);
        trust.demand(&mut config);
        let place = PathBuf::from(shown(&config));
        let session = Session { line: connect(&config, &trust, &place, busy_timeout)?, in_transaction: false };
        let store = Self { config, trust, place, busy_timeout, session: RefCell::new(session) };
        store.set_up()?;
        Ok(store)
    }

    fn named(&self, error: tokio_postgres::Error) -> PoolError {
        named(&self.place, error)
    }

    fn ask(&self, request: Request) -> Result<line::Answer> {
        self.session.borrow_mut().line.ask(request).map_err(|error| self.named(error))
    }

    fn keep(&self, sql: &str, values: &[Value<'_>], one: bool) -> Result<()> {
        let change = Change { sql: sql.to_owned(), values: values.iter().map(owned).collect(), one };
        self.session.borrow_mut().line.keep(Request::Change(change)).map_err(|error| self.named(error))
    }

    fn batch(&self, sql: &str) -> Result<()> {
        self.session.borrow_mut().line.batch(sql).map_err(|error| self.named(error))
    }

    fn set_up(&self) -> Result<()> {
        self.begin(Access::Change)?;
        let result = self.migrate();
        match result {
            Ok(()) => self.commit(),
            Err(error) => {
                self.rollback();
                Err(error)
            }
        }
    }

    fn migrate(&self) -> Result<()> {
        let there = |name: &str| {
            Ok::<_, PoolError>(
                self.query_one("SELECT to_regclass(?1)::text", Lock::No, &[Value::Text(name)])?.is_some_and(|row| row.0[0] != Cell::Null),
            )
        };
        let versions = format!("{SCHEMA}.schema_version");
        // The lock is only asked for where there may be something to do: opening must not wait for who is at work.
        let version = || {
            let row = self.query_one("SELECT max(version) FROM schema_version", Lock::No, &[])?;
            row.ok_or_else(|| PoolError::Damaged { what: "the pool has no schema version".into() })?.integer(0)
        };
        if !there(&versions)? || version()? < SCHEMA_VERSION {
            self.lock_name("tracetwin migration")?;
        }
        let mut found = 0;
        if there(&versions)? {
            found = version()?;
        } else {
            self.batch(&format!("CREATE SCHEMA IF NOT EXISTS {SCHEMA}"))?;
            let tables = self.query_one("SELECT count(*) FROM pg_tables WHERE schemaname::text = ?1", Lock::No, &[Value::Text(SCHEMA)])?;
            if tables.map_or(Ok(0), |row| row.integer(0))? > 0 {
                let found = format!("the schema {SCHEMA} holds something else");
                return Err(PoolError::NotAPool { path: self.place.clone(), found });
            }
        }
        if found > SCHEMA_VERSION {
            return Err(PoolError::Newer { path: self.place.clone(), found, known: SCHEMA_VERSION });
        }
        for (_, statements) in MIGRATIONS.iter().filter(|(before, _)| *before >= found && found < SCHEMA_VERSION) {
            self.batch(statements)?;
        }
        Ok(())
    }
}

impl Database for Postgres {
    fn place(&self) -> PathBuf {
        self.place.clone()
    }

    fn begin(&self, access: Access) -> Result<()> {
        let mut session = self.session.borrow_mut();
        if session.line.is_closed() {
            session.line = connect(&self.config, &self.trust, &self.place, self.busy_timeout)?;
        }
        session.in_transaction = true;
        let sql = match access {
            Access::Snapshot => "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
            Access::Change => "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE",
        };
        session.line.keep(Request::Frame(sql)).map_err(|error| self.named(error))
    }

    fn commit(&self) -> Result<()> {
        let session = &mut *self.session.borrow_mut();
        session.in_transaction = false;
        if session.line.only_begun() {
            session.line.discard();
            return Ok(());
        }
        let committed = session.line.keep(Request::Frame("COMMIT")).and_then(|()| session.line.flush());
        if committed.is_err() {
            // The server did not come to the end of the transaction.
            let _ = session.line.batch("ROLLBACK");
        }
        committed.map_err(|error| match self.named(error) {
            // Whether it happened before the line was cut, nobody here can know.
            PoolError::ConnectionLost { path, message, .. } => PoolError::ConnectionLost { path, message, outcome_known: false },
            other => other,
        })
    }

    fn rollback(&self) {
        let session = &mut *self.session.borrow_mut();
        // Where the beginning was kept back, the server knows of nothing.
        let unknown = session.line.discard();
        if std::mem::take(&mut session.in_transaction) && !unknown {
            let _ = session.line.batch("ROLLBACK");
        }
    }

    fn execute(&self, sql: &str, values: &[Value<'_>]) -> Result<u64> {
        self.ask(request(sql, Lock::No, values)).map(|answer| answer.changed)
    }

    fn later(&self, sql: &str, values: &[Value<'_>]) -> Result<()> {
        self.keep(sql, values, false)
    }

    fn later_one(&self, sql: &str, values: &[Value<'_>]) -> Result<()> {
        self.keep(sql, values, true)
    }

    fn foresee(&self, asks: &[Ask<'_>]) -> Result<()> {
        let requests = asks.iter().map(|ask| match ask {
            Ask::Name(name) => name_request(name),
            Ask::Rows(sql, lock, values) => request(sql, *lock, values),
            Ask::Sequences(count) => sequences_request(None, *count),
        });
        self.session.borrow_mut().line.foresee(requests);
        Ok(())
    }

    fn query(&self, sql: &str, lock: Lock, values: &[Value<'_>]) -> Result<Vec<Row>> {
        self.ask(request(sql, lock, values)).map(|answer| answer.rows)
    }

    fn next_sequences(&self, last: Option<u64>, count: u32) -> Result<(Vec<u64>, Option<hardware_hal::Timestamp>)> {
        let rows = self.ask(sequences_request(last, count))?.rows;
        let latest = rows.first().map_or(Ok(None), |row| row.optional_time(1))?;
        Ok((rows.iter().map(|row| row.count(0)).collect::<Result<_>>()?, latest))
    }

    fn settled(&self) -> &'static str {
        "writer < pg_snapshot_xmin(pg_current_snapshot())::text::bigint"
    }

    fn locks_rows(&self) -> bool {
        true
    }

    fn lock_name(&self, name: &str) -> Result<()> {
        self.ask(name_request(name)).map(drop)
    }
}

fn request(sql: &str, lock: Lock, values: &[Value<'_>]) -> Request {
    let suffix = match lock {
        Lock::No => "",
        Lock::Wait => " FOR UPDATE",
        Lock::Skip => " FOR UPDATE SKIP LOCKED",
    };
    let mut sql = sql.replace('?', "$");
    sql.push_str(suffix);
    Request::Statement(sql, values.iter().map(owned).collect())
}

fn owned(value: &Value<'_>) -> Cell {
    match *value {
        Value::Null => Cell::Null,
        Value::Integer(number) => Cell::Integer(number),
        Value::Text(text) => Cell::Text(text.to_owned()),
    }
}

fn name_request(name: &str) -> Request {
    request("SELECT pg_advisory_xact_lock(hashtextextended(?1, 0))", Lock::No, &[Value::Text(name)])
}

fn sequences_request(last: Option<u64>, count: u32) -> Request {
    // The units' rows are locked by now, so their numbers rise.
    let sql = match last {
        Some(_) => "SELECT nextval('ledger_sequence'), NULL::bigint FROM generate_series(1::bigint, ?1)",
        None => {
            "SELECT nextval('ledger_sequence'), (SELECT at FROM ledger ORDER BY sequence DESC LIMIT 1) FROM generate_series(1::bigint, ?1)"
        }
    };
    request(sql, Lock::No, &[count.into()])
}

fn connect(config: &Config, trust: &tls::Trust, place: &std::path::Path, busy_timeout: Duration) -> Result<Line> {
    let cannot = |message: String| PoolError::CannotOpen { path: place.to_owned(), message };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|error| cannot(error.to_string()))?;
    let client = runtime.block_on(trust.connect(config)).map_err(|error| match error.downcast::<tokio_postgres::Error>() {
        Ok(error) => cannot(error.as_db_error().map_or_else(|| with_source(&error), |db| db.message().to_owned())),
        Err(error) => cannot(error.to_string()),
    })?;
    let mut line = Line::new(runtime, client);
    // A commit that is reported must be on the medium, whatever the server's default says. Every question of a sale has its index and wants few rows: it is
    // planned once, and never by what the planner believes of a table that grows all day.
    let settings = format!(
        "SET search_path = {SCHEMA}; SET synchronous_commit = on; SET lock_timeout = {}; SET standard_conforming_strings = on;
         SET client_min_messages = warning; SET plan_cache_mode = force_generic_plan; SET jit = off;
         SET enable_seqscan = off; SET enable_bitmapscan = off",
        busy_timeout.as_millis()
    );
    line.batch(&settings).map_err(|error| named(place, error))?;
    Ok(line)
}

/// The address without its password.
fn shown(config: &Config) -> String {
    let host = match config.get_hosts().first() {
        Some(Host::Tcp(name)) => name.clone(),
        Some(Host::Unix(folder)) => folder.display().to_string(),
        None => "localhost".into(),
    };
    let port = config.get_ports().first().copied().unwrap_or(5432);
    let user = config.get_user().map(|user| format!("{user}@")).unwrap_or_default();
    let database = config.get_dbname().or(config.get_user()).unwrap_or_default();
    format!("postgres://{user}{host}:{port}/{database}")
}

fn with_source(error: &tokio_postgres::Error) -> String {
    match std::error::Error::source(error) {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    }
}

/// Collisions with other programs; the division is ours, see [`line::Request::Change`].
const CONFLICTS: [SqlState; 3] = [SqlState::T_R_SERIALIZATION_FAILURE, SqlState::T_R_DEADLOCK_DETECTED, SqlState::DIVISION_BY_ZERO];

/// Sorts the server's errors.
fn named(place: &std::path::Path, error: tokio_postgres::Error) -> PoolError {
    let path = place.to_owned();
    let Some(db) = error.as_db_error() else {
        return if error.is_closed() || std::error::Error::source(&error).is_some_and(|source| source.is::<std::io::Error>()) {
            PoolError::ConnectionLost { path, message: with_source(&error), outcome_known: true }
        } else {
            PoolError::Database { path, source: Box::new(error) }
        };
    };
    match db.code() {
        code if CONFLICTS.contains(code) => PoolError::Conflict { path },
        code if [SqlState::LOCK_NOT_AVAILABLE, SqlState::QUERY_CANCELED].contains(code) => PoolError::Locked { path },
        code if [SqlState::READ_ONLY_SQL_TRANSACTION, SqlState::INSUFFICIENT_PRIVILEGE].contains(code) => PoolError::ReadOnly { path },
        code if [SqlState::DISK_FULL, SqlState::OUT_OF_MEMORY].contains(code) => PoolError::DiskFull { path },
        code if code.code().starts_with("57P") => PoolError::ConnectionLost { path, message: db.message().to_owned(), outcome_known: true },
        _ => PoolError::Database { path, source: format!("{} (SQLSTATE {})", db.message(), db.code().code()).into() },
    }
}
