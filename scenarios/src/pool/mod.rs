//! `tracetwin pool`: a code pool from the command line, wherever it is stored; and `tracetwin verify`.

mod books;
mod goods;
mod line;
mod people;
mod sales;

use std::io::Read;
use std::path::{Path, PathBuf};

use clap::Subcommand;
use hardware_hal::{Clock, SystemClock, Timestamp};
use scanner_core::pool::{Act, OsIds, Pool, PoolError, PoolOptions, SessionToken};
use serde_json::json;

use crate::error::{Failure, Result};
use crate::output;

pub use books::{VerifyArguments, verify};

/// What `pool` can do.
#[derive(Debug, Clone, Subcommand)]
pub enum PoolCommand {
    /// Make a pool; say what products there are and whose it is, so that its sales are uploaded.
    Init(goods::Init),
    /// Register the units of manufacturers' parent/child files (XML).
    Import(goods::Import),
    /// Register codes that were scanned when the goods arrived.
    Register(goods::Register),
    /// Take what is registered into stock.
    Receive(goods::Receive),
    /// Take a lot without codes into stock.
    Lot(goods::Lot),
    /// Set units aside.
    Quarantine(goods::SetAside),
    /// Take returned or set aside units back into stock.
    Restock(goods::SetAside),
    /// Send packs back to the supplier, under a delivery note.
    SupplierReturn(goods::SupplierReturn),
    /// Write packs off: destroyed, lost, expired.
    WriteOff(goods::WriteOff),
    /// Call a batch back.
    Recall(goods::Recall),
    /// Compare codes that were counted with the books.
    Stocktake(goods::Stocktake),
    /// Reserve an order: the codes that were read, or from stock.
    Reserve(sales::Reserve),
    /// Let go of what is reserved for an order.
    Release(sales::Release),
    /// Sell what is reserved for an order.
    Dispense(sales::Dispense),
    /// Take a sale back.
    Return(sales::Return),
    /// Let go of reservations whose time has run out, and mark units that are past their date: for a timer, once a minute.
    Expire(sales::Expire),
    /// Units and pieces by product, level and state, and what waits in the outbox.
    Status(books::Look),
    /// Replay the ledger and compare it with the tables.
    Verify(books::Look),
    /// Everything that happened to a unit.
    History(books::History),
    /// What was done that changed no unit: refusals, log-ins, rules, countings.
    Journal(books::Journal),
    /// Print the ledger as EPCIS 2.0 (JSON-LD).
    Export(books::Export),
    /// Upload rate, stocktaking error, errors caught by rule and dispensing errors a day, from the ledger.
    Kpi(books::KpiArguments),
    /// Send what is in the outbox, until nothing is due or the line is down.
    Sync(line::Sync),
    /// Say what became of an upload that is unknown or failed.
    Reconcile(line::Reconcile),
    /// Show the pool's rules, or set them.
    Rules(people::RulesArguments),
    /// Accounts of pharmacists and others.
    #[command(subcommand)]
    Account(people::AccountCommand),
    /// Begin a session; its token is printed.
    Login(people::Login),
    /// End a session.
    Logout(people::Logout),
}

/// Where the pool is.
#[derive(Debug, Clone, clap::Args)]
pub struct Store {
    /// A SQLite file, or postgres://user@host:port/database.
    #[arg(long, value_name = "STORE", env = "TRACETWIN_STORE", hide_env_values = true)]
    store: String,
    /// Print it as JSON.
    #[arg(long)]
    json: bool,
}

/// Who does it, and why.
#[derive(Debug, Clone, clap::Args)]
pub struct Who {
    /// Who does it, as it shall stand in the ledger; with a session, its account does it.
    #[arg(long, env = "TRACETWIN_ACTOR", required_unless_present = "session_from")]
    actor: Option<String>,
    /// Why.
    #[arg(long, default_value = "by hand")]
    cause: String,
    /// A file with the session's token, or - for standard input.
    #[arg(long, value_name = "FILE")]
    session_from: Option<PathBuf>,
}

/// Codes: named one by one, in a file, or both.
#[derive(Debug, Clone, clap::Args)]
pub struct Codes {
    /// Codes.
    #[arg(value_name = "CODE")]
    code: Vec<String>,
    /// A file with a code on each line, or - for standard input.
    #[arg(long, value_name = "FILE")]
    codes: Option<PathBuf>,
}

impl Codes {
    /// All of them, in their order.
    fn all(&self) -> Result<Vec<String>> {
        let mut codes = self.code.clone();
        if let Some(path) = &self.codes {
            codes.extend(read(path)?.lines().map(str::trim_end).filter(|line| !line.is_empty()).map(str::to_owned));
        }
        Ok(codes)
    }

    /// All of them, at least one.
    fn some(&self) -> Result<Vec<String>> {
        let codes = self.all()?;
        if codes.is_empty() { Err(Failure::input("--codes", "no codes were given")) } else { Ok(codes) }
    }
}

/// A text file, or standard input for `-`.
fn read(path: &Path) -> Result<String> {
    let mut text = String::new();
    let outcome = if path == Path::new("-") {
        std::io::stdin().lock().read_to_string(&mut text).map(drop)
    } else {
        std::fs::read_to_string(path).map(|content| text = content)
    };
    outcome.map_err(|error| Failure::input(path, format!("cannot be read: {error}")))?;
    Ok(text)
}

/// What must not stand on the command line, where others on the machine can read it: the first line of a file or of standard input.
pub(crate) fn secret(path: &Path) -> Result<String> {
    let text = read(path)?;
    match text.lines().next().filter(|line| !line.is_empty()) {
        Some(line) => Ok(line.to_owned()),
        None => Err(Failure::input(path, "there is nothing on its first line")),
    }
}

/// A record in a JSON or TOML file, by its name.
fn record<T: serde::de::DeserializeOwned>(path: &Path) -> Result<T> {
    let text = read(path)?;
    let parsed = if path.extension().is_some_and(|extension| extension == "toml") {
        toml::from_str(&text).map_err(|error| error.to_string())
    } else {
        serde_json::from_str(&text).map_err(|error| error.to_string())
    };
    parsed.map_err(|message| Failure::input(path, message))
}

/// An open pool with the clock of this machine.
struct Desk {
    pool: Pool,
    clock: SystemClock,
    json: bool,
}

impl Store {
    fn open(&self, create: bool) -> Result<Desk> {
        // Looking at a pool that is not there must not make one.
        let on_server = self.store.starts_with("postgres://") || self.store.starts_with("postgresql://");
        if !create && !on_server && !Path::new(&self.store).exists() {
            return Err(Failure::input(&self.store, "there is no such file").with_help("tracetwin pool init --store FILE makes a pool"));
        }
        let pool = Pool::open_store(&self.store, PoolOptions::default(), Box::new(OsIds)).map_err(failure)?;
        Ok(Desk { pool, clock: SystemClock::new(), json: self.json })
    }
}

/// Who acts: the name, and the session where there is one.
struct Acting {
    name: String,
    cause: String,
    session: Option<SessionToken>,
    at: Timestamp,
}

impl Acting {
    fn act(&self) -> Act<'_> {
        Act::new(&self.name, &self.cause, self.at)
    }
}

impl Desk {
    /// Whose name stands in the ledger.
    fn acting(&self, who: &Who) -> Result<Acting> {
        let at = self.clock.now();
        let session = who.session_from.as_deref().map(secret).transpose()?.map(SessionToken::from_text);
        let name = match (&session, &who.actor) {
            (Some(token), _) => self.pool.session_account(token, at).map_err(|error| self.refused(error))?.name,
            (None, Some(actor)) => actor.clone(),
            (None, None) => return Err(Failure::input("--actor", "nobody was named")),
        };
        Ok(Acting { name, cause: who.cause.clone(), session, at })
    }

    /// Prints a result.
    fn say(&self, value: &serde_json::Value, words: impl FnOnce() -> String) -> Result<()> {
        output::line(&if self.json { value.to_string() } else { words() })
    }

    /// A pool's error as a failure. A refusal is a result: with `--json` it is printed as one.
    fn refused(&self, error: PoolError) -> Failure {
        if let Some(refusal) = error.refusal().filter(|_| self.json) {
            let printed = output::line(&json!({ "refused": refusal, "message": refusal.to_string() }).to_string());
            if let Err(failure) = printed {
                return failure;
            }
        }
        failure(error)
    }
}

/// A pool's error with its exit code.
fn failure(error: PoolError) -> Failure {
    if error.refusal().is_some() {
        return Failure::FellShort(error.to_string());
    }
    match error {
        PoolError::NotAPool { ref path, .. } | PoolError::Newer { ref path, .. } => {
            let message = error.to_string();
            Failure::input(path.clone(), message.split_once(": ").map_or(message.as_str(), |(_, what)| what))
        }
        PoolError::Damaged { what } => Failure::input("the pool", format!("damaged: {what}")),
        PoolError::RelationFile(error) => {
            Failure::input(error.file.clone(), format!("line {}, column {}: {}", error.line, error.column, error.what))
        }
        PoolError::Product(error) => Failure::input("the products", error.to_string()),
        other => Failure::environment(other.to_string()),
    }
}

/// Does what the command line says.
///
/// # Errors
/// The pool's, with their exit codes.
pub fn command(command: &PoolCommand) -> Result<()> {
    match command {
        PoolCommand::Init(arguments) => arguments.run(),
        PoolCommand::Import(arguments) => arguments.run(),
        PoolCommand::Register(arguments) => arguments.run(),
        PoolCommand::Receive(arguments) => arguments.run(),
        PoolCommand::Lot(arguments) => arguments.run(),
        PoolCommand::Quarantine(arguments) => arguments.quarantine(),
        PoolCommand::Restock(arguments) => arguments.restock(),
        PoolCommand::SupplierReturn(arguments) => arguments.run(),
        PoolCommand::WriteOff(arguments) => arguments.run(),
        PoolCommand::Recall(arguments) => arguments.run(),
        PoolCommand::Stocktake(arguments) => arguments.run(),
        PoolCommand::Reserve(arguments) => arguments.run(),
        PoolCommand::Release(arguments) => arguments.run(),
        PoolCommand::Dispense(arguments) => arguments.run(),
        PoolCommand::Return(arguments) => arguments.run(),
        PoolCommand::Expire(arguments) => arguments.run(),
        PoolCommand::Status(arguments) => arguments.status(),
        PoolCommand::Verify(arguments) => arguments.verify(),
        PoolCommand::History(arguments) => arguments.run(),
        PoolCommand::Journal(arguments) => arguments.run(),
        PoolCommand::Export(arguments) => arguments.run(),
        PoolCommand::Kpi(arguments) => arguments.run(),
        PoolCommand::Sync(arguments) => arguments.run(),
        PoolCommand::Reconcile(arguments) => arguments.run(),
        PoolCommand::Rules(arguments) => arguments.run(),
        PoolCommand::Account(command) => command.run(),
        PoolCommand::Login(arguments) => arguments.run(),
        PoolCommand::Logout(arguments) => arguments.run(),
    }
}
