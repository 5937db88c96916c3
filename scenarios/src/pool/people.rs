//! Rules, accounts and sessions.

use std::path::PathBuf;

use clap::Subcommand;
use hardware_hal::Clock;
use scanner_core::pool::{Account, Act, Role, Rules, SessionToken};
use serde_json::json;

use super::{Store, Who, record, secret};
use crate::error::{Failure, Result};

/// Arguments of `pool rules`.
#[derive(Debug, Clone, clap::Args)]
pub struct RulesArguments {
    #[command(flatten)]
    store: Store,
    /// Set what this file says (TOML or JSON: dual_authentication, uncoded_stock, split_dose_exempt).
    #[arg(long, value_name = "FILE", requires = "actor")]
    set: Option<PathBuf>,
    /// Who sets them.
    #[arg(long, env = "TRACETWIN_ACTOR")]
    actor: Option<String>,
}

impl RulesArguments {
    pub(super) fn run(&self) -> Result<()> {
        let rules: Option<Rules> = self.set.as_deref().map(record).transpose()?;
        let mut desk = self.store.open(false)?;
        if let Some(rules) = rules {
            let act = Act::new(self.actor.as_deref().unwrap_or_default(), "rules set", desk.clock.now());
            desk.pool.set_rules(&rules, act).map_err(|error| desk.refused(error))?;
        }
        let rules = desk.pool.rules().map_err(|error| desk.refused(error))?;
        desk.say(&json!(rules), || toml::to_string(&rules).unwrap_or_default().trim_end().to_owned())
    }
}

/// What `pool account` can do.
#[derive(Debug, Clone, Subcommand)]
pub enum AccountCommand {
    /// Make an account. The first one is a manager's; the others need a manager's session.
    Add(Add),
    /// Give an account another password.
    Password(Change),
    /// Switch an account off.
    Off(Change),
    /// Switch an account on again.
    On(Change),
    /// All accounts.
    List(List),
}

/// Arguments of `pool account add`.
#[derive(Debug, Clone, clap::Args)]
pub struct Add {
    #[command(flatten)]
    store: Store,
    #[command(flatten)]
    who: Who,
    /// What it is called, as it stands in the ledger.
    name: String,
    /// The person's name.
    #[arg(long)]
    full_name: String,
    /// technician, pharmacist or manager.
    #[arg(long, value_parser = role)]
    role: Role,
    /// Number of the pharmacist's certificate.
    #[arg(long)]
    certificate: Option<String>,
    /// A file with the password, or - for standard input.
    #[arg(long, value_name = "FILE")]
    password_from: PathBuf,
}

fn role(name: &str) -> std::result::Result<Role, String> {
    Role::from_name(name).ok_or_else(|| "one of technician, pharmacist, manager".to_owned())
}

/// Arguments of `pool account password`, `off` and `on`.
#[derive(Debug, Clone, clap::Args)]
pub struct Change {
    #[command(flatten)]
    store: Store,
    #[command(flatten)]
    who: Who,
    /// The account.
    name: String,
    /// A file with the new password, or - for standard input.
    #[arg(long, value_name = "FILE")]
    password_from: Option<PathBuf>,
}

/// Arguments of `pool account list`.
#[derive(Debug, Clone, clap::Args)]
pub struct List {
    #[command(flatten)]
    store: Store,
}

impl AccountCommand {
    pub(super) fn run(&self) -> Result<()> {
        match self {
            Self::Add(arguments) => arguments.run(),
            Self::Password(arguments) => arguments.password(),
            Self::Off(arguments) => arguments.switch(false),
            Self::On(arguments) => arguments.switch(true),
            Self::List(arguments) => arguments.run(),
        }
    }
}

impl Add {
    fn run(&self) -> Result<()> {
        let password = secret(&self.password_from)?;
        let mut desk = self.store.open(false)?;
        let acting = desk.acting(&self.who)?;
        let account = Account {
            name: self.name.clone(),
            full_name: self.full_name.clone(),
            certificate: self.certificate.clone(),
            role: self.role,
            active: true,
        };
        let added = desk.pool.add_account(&account, &password, acting.session.as_ref(), acting.act());
        added.map_err(|error| desk.refused(error))?;
        desk.say(&json!({ "account": account }), || format!("account {} is a {}'s", account.name, account.role.as_str()))
    }
}

impl Change {
    fn password(&self) -> Result<()> {
        let Some(path) = &self.password_from else { return Err(Failure::input("--password-from", "the new password is wanted")) };
        let password = secret(path)?;
        let mut desk = self.store.open(false)?;
        let acting = desk.acting(&self.who)?;
        let Some(session) = &acting.session else { return Err(Failure::input("--session-from", "a manager's session is wanted")) };
        desk.pool.set_password(&self.name, &password, session, acting.act()).map_err(|error| desk.refused(error))?;
        desk.say(&json!({ "account": self.name }), || format!("account {} has another password", self.name))
    }

    fn switch(&self, active: bool) -> Result<()> {
        let mut desk = self.store.open(false)?;
        let acting = desk.acting(&self.who)?;
        let Some(session) = &acting.session else { return Err(Failure::input("--session-from", "a manager's session is wanted")) };
        desk.pool.set_account_active(&self.name, active, session, acting.act()).map_err(|error| desk.refused(error))?;
        desk.say(&json!({ "account": self.name, "active": active }), || {
            format!("account {} is {}", self.name, if active { "on" } else { "off" })
        })
    }
}

impl List {
    fn run(&self) -> Result<()> {
        let desk = self.store.open(false)?;
        let accounts = desk.pool.accounts().map_err(|error| desk.refused(error))?;
        desk.say(&json!(accounts), || {
            let line = |a: &Account| format!("{} ({}): {}{}", a.name, a.full_name, a.role.as_str(), if a.active { "" } else { ", off" });
            accounts.iter().map(line).collect::<Vec<_>>().join("\n")
        })
    }
}

/// Arguments of `pool login`.
#[derive(Debug, Clone, clap::Args)]
pub struct Login {
    #[command(flatten)]
    store: Store,
    /// The account.
    name: String,
    /// A file with the password, or - for standard input.
    #[arg(long, value_name = "FILE")]
    password_from: PathBuf,
}

impl Login {
    pub(super) fn run(&self) -> Result<()> {
        let password = secret(&self.password_from)?;
        let mut desk = self.store.open(false)?;
        let act = Act::new(&self.name, "log in", desk.clock.now());
        let session = desk.pool.log_in(&self.name, &password, act).map_err(|error| desk.refused(error))?;
        let value = json!({ "token": session.token.reveal(), "account": session.account, "expires_at": session.expires_at });
        desk.say(&value, || session.token.reveal().to_owned())
    }
}

/// Arguments of `pool logout`.
#[derive(Debug, Clone, clap::Args)]
pub struct Logout {
    #[command(flatten)]
    store: Store,
    /// A file with the session's token, or - for standard input.
    #[arg(long, value_name = "FILE")]
    session_from: PathBuf,
}

impl Logout {
    pub(super) fn run(&self) -> Result<()> {
        let token = SessionToken::from_text(secret(&self.session_from)?);
        let mut desk = self.store.open(false)?;
        let now = desk.clock.now();
        let account = desk.pool.session_account(&token, now).map_err(|error| desk.refused(error))?;
        desk.pool.log_out(&token, Act::new(&account.name, "log out", now)).map_err(|error| desk.refused(error))?;
        desk.say(&json!({ "account": account.name }), || format!("{} is logged out", account.name))
    }
}
