//! The line to the platform: sending, and deciding about what hangs.

use std::path::PathBuf;
use std::time::Duration;

use hardware_hal::Clock;
use scanner_core::pool::{Act, Outcome, UploadState, Verdict};
use scanner_core::upload::{Dialect, HttpOptions, HttpTransport, Signer, Sm3Signer, Step, Unsigned, UploadOptions, Uploader};
use serde_json::json;

use super::{Store, secret};
use crate::error::{Failure, Result};
use crate::output;

/// Arguments of `pool sync`.
#[derive(Debug, Clone, clap::Args)]
pub struct Sync {
    #[command(flatten)]
    store: Store,
    /// The platform's address.
    #[arg(long, value_name = "URL")]
    url: String,
    /// A dialect file, or `national`, `batched` or `signed`.
    #[arg(long, default_value = "national")]
    dialect: String,
    /// A file with the secret that requests are signed with, or - for standard input; where the dialect asks for signatures.
    #[arg(long, value_name = "FILE")]
    secret_from: Option<PathBuf>,
    /// Certificates to trust (PEM); those of the system if none are named.
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
}

impl Sync {
    pub(super) fn run(&self) -> Result<()> {
        let dialect = match self.dialect.as_str() {
            "national" => Dialect::national(),
            "batched" => Dialect::batched(),
            "signed" => Dialect::signed(),
            file => {
                let text = std::fs::read_to_string(file).map_err(|error| Failure::input(file, format!("cannot be read: {error}")))?;
                Dialect::parse(&text).map_err(|error| Failure::input(file, error.to_string()))?
            }
        };
        let signer: Box<dyn Signer> = match (dialect.signature, &self.secret_from) {
            (Some(signature), Some(path)) => Box::new(Sm3Signer::new(signature, secret(path)?)),
            (Some(_), None) => {
                let message = format!("the dialect '{}' wants signed requests", dialect.name);
                return Err(Failure::input("--secret-from", message).with_help("--secret-from FILE names the secret"));
            }
            (None, Some(_)) => {
                return Err(Failure::input("--secret-from", format!("the dialect '{}' has no [signature]", dialect.name)));
            }
            (None, None) => Box::new(Unsigned),
        };
        let mut desk = self.store.open(false)?;
        let options =
            HttpOptions { url: self.url.clone(), ca_file: self.ca.clone(), headers: Vec::new(), timeout: Duration::from_secs(60) };
        let transport = HttpTransport::new(options).map_err(|error| Failure::environment(error.to_string()))?;
        // Two senders of one pool must not share a name.
        let options = UploadOptions { name: format!("sync {}", std::process::id()), ..UploadOptions::default() };
        let mut uploader = Uploader::new(transport, dialect, signer, options);
        let line_down = loop {
            match uploader.step(&mut desk.pool, &desk.clock).map_err(|error| desk.refused(error))? {
                Step::Sent { claim, outcome } => {
                    if let Outcome::Refused { note } | Outcome::Unknown { note, .. } = &outcome {
                        output::note(&format!("message {}: {note}", claim.message_id));
                    }
                }
                Step::Idle { .. } => break false,
                Step::LineDown { .. } => break true,
            }
        };
        let counts = desk.pool.upload_counts().map_err(|error| desk.refused(error))?;
        desk.say(&json!({ "uploads": counts, "line_down": line_down }), || {
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

/// Arguments of `pool reconcile`.
#[derive(Debug, Clone, clap::Args)]
pub struct Reconcile {
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
}

impl Reconcile {
    pub(super) fn run(&self) -> Result<()> {
        let verdict = match self.verdict {
            Found::Done => Verdict::Done,
            Found::SendAgain => Verdict::SendAgain,
            Found::Drop => Verdict::Drop,
        };
        let mut desk = self.store.open(false)?;
        let act = Act::new(&self.actor, &self.cause, desk.clock.now());
        desk.pool.reconcile(&self.event, verdict, act).map_err(|error| desk.refused(error))?;
        desk.say(&json!({ "event_id": self.event, "verdict": verdict }), || "noted".into())
    }
}
