//! PostgreSQL: many windows at once. Transactions run under READ COMMITTED and lock the rows that they are going to change.
//!
//! Everything lies in a schema of its own, so a database may hold other things beside the pool.

use std::cell::RefCell;
use std::collections::HashMap;
use std::path::PathBuf;
use std::time::Duration;

use postgres::config::{Host, SslMode};
use postgres::error::SqlState;
use postgres::types::private::BytesMut;
use postgres::types::{IsNull, ToSql, Type, to_sql_checked};
use postgres::{Client, Config, NoTls, Statement};

use super::{Access, Cell, Database, Lock, PoolError, Result, Row, SCHEMA_VERSION, Value};

/// The schema that holds the pool's tables.
const SCHEMA: &str = "tracetwin";

/// What brings a database from one version to the next: (version before, statements).
const MIGRATIONS: [(i64, &str); 2] = [(0, include_str!("../migrations/postgres-2.sql")), (2, include_str!("../migrations/postgres-3.sql"))];

/// A connection to a server.
pub(crate) struct Postgres {
    config: Config,
    place: PathBuf,
    busy_timeout: Duration,
    session: RefCell<Session>,
}

struct Session {
    client: Client,
    statements: HashMap<String, Statement>,
    in_transaction: bool,
}

impl Postgres {
    pub fn open(url: &str, busy_timeout: Duration) -> Result<Self> {
        // What cannot be read is not shown either: it may hold a password.
        let mut config: Config = url.parse().map_err(|error: postgres::Error| PoolError::CannotOpen {
            path: PathBuf::from("postgres://…"),
            message: format!(
                "this address cannot be read: {}",
                std::error::Error::source(&error).map_or_else(String::new, ToString::to_string)
            ),
        })?;
        let patience = config.get_connect_timeout().copied().unwrap_or(Duration::from_secs(10));
        config.application_name("tracetwin").connect_timeout(patience);
        let place = PathBuf::from(shown(&config));
        if config.get_ssl_mode() == SslMode::Require {
            let message = "TLS to the database is not built in; use a local tunnel, or a socket on the same machine".into();
            return Err(PoolError::CannotOpen { path: place, message });
        }
        let session = Session { client: connect(&config, &place, busy_timeout)?, statements: HashMap::new(), in_transaction: false };
        let store = Self { config, place, busy_timeout, session: RefCell::new(session) };
        store.set_up()?;
        Ok(store)
    }

    fn named(&self, error: postgres::Error) -> PoolError {
        named(&self.place, error)
    }

    fn batch(&self, sql: &str) -> Result<()> {
        self.session.borrow_mut().client.batch_execute(sql).map_err(|error| self.named(error))
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
        if session.client.is_closed() {
            *session = Session {
                client: connect(&self.config, &self.place, self.busy_timeout)?,
                statements: HashMap::new(),
                in_transaction: false,
            };
        }
        let sql = match access {
            Access::Snapshot => "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
            Access::Change => "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE",
        };
        session.client.batch_execute(sql).map_err(|error| self.named(error))?;
        session.in_transaction = true;
        Ok(())
    }

    fn commit(&self) -> Result<()> {
        let mut session = self.session.borrow_mut();
        session.in_transaction = false;
        session.client.batch_execute("COMMIT").map_err(|error| match self.named(error) {
            // Whether it happened before the line was cut, nobody here can know.
            PoolError::ConnectionLost { path, message, .. } => PoolError::ConnectionLost { path, message, outcome_known: false },
            other => other,
        })
    }

    fn rollback(&self) {
        let mut session = self.session.borrow_mut();
        if std::mem::take(&mut session.in_transaction) {
            let _ = session.client.batch_execute("ROLLBACK");
        }
    }

    fn execute(&self, sql: &str, values: &[Value<'_>]) -> Result<u64> {
        let session = &mut *self.session.borrow_mut();
        let statement = session.statement(sql, Lock::No).map_err(|error| self.named(error))?;
        session.client.execute(&statement, &parameters(values)).map_err(|error| self.named(error))
    }

    fn query(&self, sql: &str, lock: Lock, values: &[Value<'_>]) -> Result<Vec<Row>> {
        let session = &mut *self.session.borrow_mut();
        let statement = session.statement(sql, lock).map_err(|error| self.named(error))?;
        let rows = session.client.query(&statement, &parameters(values)).map_err(|error| self.named(error))?;
        let cells = |row: &postgres::Row| (0..row.len()).map(|column| cell(row, column)).collect::<std::result::Result<_, _>>().map(Row);
        rows.iter().map(cells).collect::<std::result::Result<_, _>>().map_err(|error| self.named(error))
    }

    fn next_sequence(&self, last: Option<u64>) -> Result<(u64, Option<hardware_hal::Timestamp>)> {
        // The unit's row is locked by now, so its numbers rise.
        let sql = match last {
            Some(_) => "SELECT nextval('ledger_sequence'), NULL::bigint",
            None => "SELECT nextval('ledger_sequence'), (SELECT at FROM ledger ORDER BY sequence DESC LIMIT 1)",
        };
        let row = self.query_one(sql, Lock::No, &[])?;
        let row = row.ok_or_else(|| PoolError::Damaged { what: "the ledger's sequence gives no number".into() })?;
        Ok((row.count(0)?, row.optional_time(1)?))
    }

    fn settled(&self) -> &'static str {
        "writer < pg_snapshot_xmin(pg_current_snapshot())::text::bigint"
    }

    fn locks_rows(&self) -> bool {
        true
    }

    fn lock_name(&self, name: &str) -> Result<()> {
        self.query("SELECT pg_advisory_xact_lock(hashtextextended(?1, 0))", Lock::No, &[Value::Text(name)]).map(drop)
    }
}

impl Session {
    /// Each statement is parsed once per connection.
    fn statement(&mut self, sql: &str, lock: Lock) -> std::result::Result<Statement, postgres::Error> {
        let suffix = match lock {
            Lock::No => "",
            Lock::Wait => " FOR UPDATE",
            Lock::Skip => " FOR UPDATE SKIP LOCKED",
        };
        let whole = format!("{}{suffix}", sql.replace('?', "$"));
        if let Some(statement) = self.statements.get(&whole) {
            return Ok(statement.clone());
        }
        let statement = self.client.prepare(&whole)?;
        self.statements.insert(whole, statement.clone());
        Ok(statement)
    }
}

fn connect(config: &Config, place: &std::path::Path, busy_timeout: Duration) -> Result<Client> {
    let mut client = config.connect(NoTls).map_err(|error| {
        let message = error.as_db_error().map_or_else(|| with_source(&error), |db| db.message().to_owned());
        PoolError::CannotOpen { path: place.to_owned(), message }
    })?;
    // A commit that is reported must be on the medium, whatever the server's default says.
    client
        .batch_execute(&format!(
            "SET search_path = {SCHEMA}; SET synchronous_commit = on; SET lock_timeout = {}; SET standard_conforming_strings = on;
             SET client_min_messages = warning",
            busy_timeout.as_millis()
        ))
        .map_err(|error| named(place, error))?;
    Ok(client)
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

fn with_source(error: &postgres::Error) -> String {
    match std::error::Error::source(error) {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    }
}

/// Sorts the server's errors.
fn named(place: &std::path::Path, error: postgres::Error) -> PoolError {
    let path = place.to_owned();
    let Some(db) = error.as_db_error() else {
        return if error.is_closed() || std::error::Error::source(&error).is_some_and(|source| source.is::<std::io::Error>()) {
            PoolError::ConnectionLost { path, message: with_source(&error), outcome_known: true }
        } else {
            PoolError::Database { path, source: Box::new(error) }
        };
    };
    match db.code() {
        code if [SqlState::T_R_SERIALIZATION_FAILURE, SqlState::T_R_DEADLOCK_DETECTED].contains(code) => PoolError::Conflict { path },
        code if [SqlState::LOCK_NOT_AVAILABLE, SqlState::QUERY_CANCELED].contains(code) => PoolError::Locked { path },
        code if [SqlState::READ_ONLY_SQL_TRANSACTION, SqlState::INSUFFICIENT_PRIVILEGE].contains(code) => PoolError::ReadOnly { path },
        code if [SqlState::DISK_FULL, SqlState::OUT_OF_MEMORY].contains(code) => PoolError::DiskFull { path },
        code if code.code().starts_with("57P") => PoolError::ConnectionLost { path, message: db.message().to_owned(), outcome_known: true },
        _ => PoolError::Database { path, source: format!("{} (SQLSTATE {})", db.message(), db.code().code()).into() },
    }
}

fn parameters<'p>(values: &'p [Value<'_>]) -> Vec<&'p (dyn ToSql + Sync)> {
    values.iter().map(|value| value as &(dyn ToSql + Sync)).collect()
}

impl ToSql for Value<'_> {
    fn to_sql(&self, ty: &Type, out: &mut BytesMut) -> std::result::Result<IsNull, Box<dyn std::error::Error + Sync + Send>> {
        match self {
            Self::Null => Ok(IsNull::Yes),
            Self::Integer(number) if *ty == Type::INT4 => i32::try_from(*number)?.to_sql(ty, out),
            Self::Integer(number) => number.to_sql(ty, out),
            Self::Text(text) => text.to_sql(ty, out),
        }
    }

    fn accepts(ty: &Type) -> bool {
        [Type::INT8, Type::INT4, Type::TEXT, Type::VARCHAR].contains(ty)
    }

    to_sql_checked!();
}

fn cell(row: &postgres::Row, column: usize) -> std::result::Result<Cell, postgres::Error> {
    let ty = row.columns()[column].type_();
    Ok(if *ty == Type::VOID {
        Cell::Null
    } else if *ty == Type::INT8 {
        row.try_get::<_, Option<i64>>(column)?.map_or(Cell::Null, Cell::Integer)
    } else if *ty == Type::INT4 {
        row.try_get::<_, Option<i32>>(column)?.map_or(Cell::Null, |number| Cell::Integer(number.into()))
    } else {
        row.try_get::<_, Option<String>>(column)?.map_or(Cell::Null, Cell::Text)
    })
}
