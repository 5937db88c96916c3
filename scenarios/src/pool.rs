//! `tracetwin pool`: a code pool from the command line, wherever it is stored.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Subcommand;
use hardware_hal::{Clock, SystemClock};
use scanner_core::exchange::epcis;
use scanner_core::pool::{Act, Institution, OsIds, Outcome, Pool, PoolError, PoolOptions, UploadState, Verdict};
use scanner_core::upload::{Dialect, HttpOptions, HttpTransport, Step, Unsigned, UploadOptions, Uploader};
use serde_json::json;

use crate::error::{Failure, Result};
use crate::output;

/// What `pool` can do.
#[derive(Debug, Clone, Subcommand)]
#[allow(missing_docs, reason = "flattened arguments say themselves what they are")]
pub enum PoolCommand {
    /// Make a pool, and say whose it is, so that its sales are uploaded.
    Init {
        #[command(flatten)]
        store: Store,
        /// The institution's code, 12 characters; without it, nothing is uploaded.
        #[arg(long, requires_all = ["name", "region"])]
        institution: Option<String>,
        /// The institution's name.
        #[arg(long)]
        name: Option<String>,
        /// The region, 6 digits.
        #[arg(long)]
        region: Option<String>,
    },
    /// Units and pieces by product, level and state, and what waits in the outbox.
    Status {
        #[command(flatten)]
        store: Store,
    },
    /// Replay the ledger and compare it with the tables.
    Verify {
        #[command(flatten)]
        store: Store,
    },
    /// Everything that happened to a unit.
    History {
        #[command(flatten)]
        store: Store,
        /// The code.
        code: String,
    },
    /// Print the ledger as EPCIS 2.0 (JSON-LD).
    Export {
        #[command(flatten)]
        store: Store,
        /// Only entries after this number.
        #[arg(long, default_value_t = 0)]
        after: u64,
    },
    /// Send what is in the outbox, until nothing is due or the line is down.
    Sync {
        #[command(flatten)]
        store: Store,
        /// The platform's address.
        #[arg(long, value_name = "URL")]
        url: String,
        /// A dialect file, or `national` or `batched`.
        #[arg(long, default_value = "national")]
        dialect: String,
        /// Certificates to trust (PEM); those of the system if none are named.
        #[arg(long, value_name = "FILE")]
        ca: Option<PathBuf>,
    },
    /// Say what became of an upload that is unknown or failed.
    Reconcile {
        #[command(flatten)]
        store: Store,
        /// The event's id.
        event: String,
        /// What was found out.
        #[arg(value_enum)]
        verdict: Found,
        /// Who found out.
        #[arg(long)]
        actor: String,
        /// How.
        #[arg(long, default_value = "looked up at the platform")]
        cause: String,
    },
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

/// What was found out about an upload.
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
pub enum Found {
    /// The platform has it.
    Done,
    /// The platform does not have it: send it.
    SendAgain,
    /// It is not to be sent any more.
    Drop,
}

impl Store {
    fn open(&self, create: bool) -> Result<Pool> {
        // Looking at a pool that is not there must not make one.
        let on_server = self.store.starts_with("postgres://") || self.store.starts_with("postgresql://");
        if !create && !on_server && !Path::new(&self.store).exists() {
            return Err(Failure::input(&self.store, "there is no such file").with_help("tracetwin pool init --store FILE makes a pool"));
        }
        Pool::open_store(&self.store, PoolOptions::default(), Box::new(OsIds)).map_err(failure)
    }
}

/// A pool's error with its exit code.
fn failure(error: PoolError) -> Failure {
    match error {
        PoolError::Refused(_) => Failure::FellShort(error.to_string()),
        PoolError::NotAPool { ref path, .. } | PoolError::Newer { ref path, .. } => {
            let message = error.to_string();
            Failure::input(path.clone(), message.split_once(": ").map_or(message.as_str(), |(_, what)| what))
        }
        PoolError::Damaged { what } => Failure::input("the pool", format!("damaged: {what}")),
        other => Failure::environment(other.to_string()),
    }
}

/// Does what the command line says.
///
/// # Errors
/// The pool's, with their exit codes.
pub fn command(command: &PoolCommand) -> Result<()> {
    let clock = SystemClock::new();
    match command {
        PoolCommand::Init { store, institution, name, region } => {
            let mut pool = store.open(true)?;
            if let (Some(code), Some(name), Some(region)) = (institution, name, region) {
                let institution = Institution { code: code.clone(), name: name.clone(), region: region.clone() };
                pool.set_institution(&institution).map_err(failure)?;
            }
            say(store.json, &json!({ "institution": pool.institution().map_err(failure)? }), || "the pool is ready".into())
        }
        PoolCommand::Status { store } => {
            let pool = store.open(false)?;
            let (rows, uploads) = (pool.status().map_err(failure)?, pool.upload_counts().map_err(failure)?);
            say(store.json, &json!({ "stock": rows, "uploads": uploads }), || {
                let stock = rows.iter().map(|row| {
                    format!("{} {} {}: {} units, {} pieces", row.product, row.level.as_str(), row.state.as_str(), row.units, row.pieces)
                });
                let uploads = uploads.iter().map(|(state, count)| format!("uploads {}: {count}", state.as_str()));
                stock.chain(uploads).collect::<Vec<_>>().join("\n")
            })
        }
        PoolCommand::Verify { store } => {
            let pool = store.open(false)?;
            pool.verify_ledger().map_err(failure)?;
            let hash = pool.ledger_hash().map_err(failure)?;
            say(store.json, &json!({ "ledger_hash": hash }), || format!("the ledger and the tables agree; ledger {hash}"))
        }
        PoolCommand::History { store, code } => {
            let entries = store.open(false)?.history(code).map_err(failure)?;
            if entries.is_empty() {
                return Err(Failure::FellShort(format!("code {} is unknown to the pool", output::printable(code))));
            }
            say(store.json, &json!(entries), || {
                let line = |e: &scanner_core::pool::LedgerEntry| {
                    format!("{} {} {} ({}): {}", e.at.0, e.kind.as_str(), e.to.as_str(), e.actor, e.cause)
                };
                entries.iter().map(line).collect::<Vec<_>>().join("\n")
            })
        }
        PoolCommand::Export { store, after } => {
            let (document, last) =
                epcis::export(&store.open(false)?, *after, &epcis::EpcisOptions::default(), clock.now()).map_err(failure)?;
            output::note(&format!("the last entry is number {last}"));
            output::line(&serde_json::to_string_pretty(&document).unwrap_or_default())
        }
        PoolCommand::Sync { store, url, dialect, ca } => sync(store, url, dialect, ca.clone(), &clock),
        PoolCommand::Reconcile { store, event, verdict, actor, cause } => {
            let verdict = match verdict {
                Found::Done => Verdict::Done,
                Found::SendAgain => Verdict::SendAgain,
                Found::Drop => Verdict::Drop,
            };
            store.open(false)?.reconcile(event, verdict, Act::new(actor, cause, clock.now())).map_err(failure)?;
            say(store.json, &json!({ "event_id": event, "verdict": verdict }), || "noted".into())
        }
    }
}

fn sync(store: &Store, url: &str, dialect: &str, ca_file: Option<PathBuf>, clock: &SystemClock) -> Result<()> {
    let dialect = match dialect {
        "national" => Dialect::national(),
        "batched" => Dialect::batched(),
        file => {
            let text = std::fs::read_to_string(file).map_err(|error| Failure::input(file, format!("cannot be read: {error}")))?;
            Dialect::parse(&text).map_err(|error| Failure::input(file, error.to_string()))?
        }
    };
    let mut pool = store.open(false)?;
    let options = HttpOptions { url: url.to_owned(), ca_file, headers: Vec::new(), timeout: Duration::from_secs(60) };
    let transport = HttpTransport::new(options).map_err(|error| Failure::environment(error.to_string()))?;
    // Two senders of one pool must not share a name.
    let options = UploadOptions { name: format!("sync {}", std::process::id()), ..UploadOptions::default() };
    let mut uploader = Uploader::new(transport, dialect, Box::new(Unsigned), options);
    let line_down = loop {
        match uploader.step(&mut pool, clock).map_err(failure)? {
            Step::Sent { claim, outcome } => {
                if let Outcome::Refused { note } | Outcome::Unknown { note, .. } = &outcome {
                    output::note(&format!("message {}: {note}", claim.message_id));
                }
            }
            Step::Idle { .. } => break false,
            Step::LineDown { .. } => break true,
        }
    };
    let counts = pool.upload_counts().map_err(failure)?;
    say(store.json, &json!({ "uploads": counts, "line_down": line_down }), || {
        counts.iter().map(|(state, count)| format!("uploads {}: {count}", state.as_str())).collect::<Vec<_>>().join("\n")
    })?;
    if line_down {
        return Err(Failure::environment("the platform cannot be reached; what waits is kept"));
    }
    match counts.get(&UploadState::Failed).or(counts.get(&UploadState::Unknown)) {
        Some(_) => Err(Failure::FellShort("uploads are failed or unknown; tracetwin pool reconcile decides about them".into())),
        None => Ok(()),
    }
}

fn say(as_json: bool, value: &serde_json::Value, words: impl FnOnce() -> String) -> Result<()> {
    output::line(&if as_json { value.to_string() } else { words() })
}
