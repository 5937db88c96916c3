//! Who may do what: accounts, sessions, and the pharmacist's half of dual authentication.
//!
//! Passwords are kept as Argon2id hashes, sessions as hashes of their tokens: who reads the database can act for nobody. Everything that is done with
//! accounts stands in the journal.

mod password;

use std::time::Duration;

use hardware_hal::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::json;
use sha2::{Digest, Sha256};

use super::db::{Database, Lock, Row, values};
use super::journal::JournalKind;
use super::model::words;
use super::outbox::{Personal, Settlement};
use super::work::Work;
use super::{Act, Order, Pool, PoolError, Refusal, Result, SoldUnit, ids, patient};

/// How long a session lasts: a shift.
const SESSION: Duration = Duration::from_secs(12 * 3600);

/// So many wrong passwords lock an account.
const FAILURES: u32 = 5;

/// For so long.
const LOCK: Duration = Duration::from_secs(15 * 60);

/// Shortest password, characters.
const SHORTEST_PASSWORD: usize = 8;

/// What an account is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Registers, receives, reserves, counts.
    Technician,
    /// The same, and dispenses to patients.
    Pharmacist,
    /// Keeps accounts; dispenses nothing.
    Manager,
}

words!(Role { Technician = "technician", Pharmacist = "pharmacist", Manager = "manager" });

/// A person's account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    /// What stands in the ledger.
    pub name: String,
    /// The person's name, as a settlement says it (`phar_name`).
    pub full_name: String,
    /// Number of a pharmacist's certificate (`phar_prac_cert_no`).
    pub certificate: Option<String>,
    /// What it is for.
    pub role: Role,
    /// Whether it can be used.
    pub active: bool,
}

impl Account {
    fn check(&self) -> std::result::Result<(), Refusal> {
        let wrong = |field, what| Err(Refusal::BadAccount { field, what });
        let unfit = |text: &str, most: usize| text.trim().is_empty() || text.chars().count() > most || text.chars().any(char::is_control);
        if unfit(&self.name, 30) {
            wrong("name", "1 to 30 printable characters are wanted")
        } else if unfit(&self.full_name, 50) {
            wrong("full name", "1 to 50 printable characters are wanted")
        } else if self.certificate.as_ref().is_some_and(|certificate| unfit(certificate, 50)) {
            wrong("certificate", "1 to 50 printable characters are wanted")
        } else if self.role == Role::Pharmacist && self.certificate.is_none() {
            wrong("certificate", "a pharmacist has one")
        } else {
            Ok(())
        }
    }

    fn may(&self, allowed: bool, action: &'static str) -> Result<()> {
        if allowed { Ok(()) } else { Err(Refusal::NotAllowed { account: self.name.clone(), role: self.role.as_str(), action }.into()) }
    }
}

/// What a session is held by. Whoever has it acts for its account; it is shown nowhere and kept nowhere but with its holder.
#[derive(Clone, PartialEq, Eq)]
pub struct SessionToken(String);

impl SessionToken {
    /// A token as its holder kept it.
    pub fn from_text(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The token, to be handed to its holder.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    fn hash(&self) -> String {
        ids::hex(&Sha256::digest(self.0.as_bytes()))
    }
}

impl std::fmt::Debug for SessionToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SessionToken(not shown)")
    }
}

/// A session that was begun.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// What it is held by.
    pub token: SessionToken,
    /// Whose it is.
    pub account: Account,
    /// When it ends by itself.
    pub expires_at: Timestamp,
}

/// Both halves of dual authentication: the pharmacist's session, and the patient's insurance id, which nothing keeps but its pseudonym.
#[derive(Clone, Copy)]
pub struct DualAuthentication<'a> {
    /// The pharmacist's.
    pub session: &'a SessionToken,
    /// The patient's.
    pub insurance_id: &'a str,
}

impl std::fmt::Debug for DualAuthentication<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("DualAuthentication(not shown)")
    }
}

impl DualAuthentication<'_> {
    /// Whether both halves hold for this order. Says for whom the order is, if nobody has.
    pub(super) fn check(&self, work: &Work<'_>, order: &str) -> Result<()> {
        let account = of_session(work.db, self.session, work.act.at)?;
        account.may(account.role == Role::Pharmacist, "dispense")?;
        let pseudonym = patient::pseudonym_of(work, order, self.insurance_id)?;
        patient::assign(work, order, &pseudonym)
    }

    /// Writes down who sold the order to which pseudonym.
    pub(super) fn note(&self, work: &Work<'_>, order: &str, sold: &[SoldUnit]) -> Result<()> {
        let events: Vec<&str> = sold.iter().map(|unit| unit.event_id.as_str()).collect();
        let patient = patient::of_order(work.db, order)?;
        work.note(JournalKind::Dispense, order, &json!({ "patient": patient, "events": events }))
    }
}

const ACCOUNT: &str = "name, full_name, certificate, role, active, password, failures, locked_until";

/// An account with what only this file may see of it.
struct Stored {
    account: Account,
    password: String,
    failures: u32,
    locked_until: Timestamp,
}

fn stored_of(row: &Row) -> Result<Stored> {
    Ok(Stored {
        account: Account {
            name: row.text(0)?,
            full_name: row.text(1)?,
            certificate: row.optional_text(2)?,
            role: row.word(3, Role::from_name)?,
            active: row.flag(4)?,
        },
        password: row.text(5)?,
        failures: row.small(6)?,
        locked_until: row.time(7)?,
    })
}

fn stored(db: &dyn Database, name: &str, lock: Lock) -> Result<Option<Stored>> {
    let row = db.query_one(&format!("SELECT {ACCOUNT} FROM account WHERE name = ?1"), lock, values![name])?;
    row.as_ref().map(stored_of).transpose()
}

/// The account of a session that holds.
fn of_session(db: &dyn Database, token: &SessionToken, now: Timestamp) -> Result<Account> {
    let sql = format!(
        "SELECT {ACCOUNT} FROM account WHERE active = 1 AND name = (SELECT account FROM session WHERE token = ?1 AND expires_at > ?2)"
    );
    let row = db.query_one(&sql, Lock::No, values![&token.hash(), now])?.ok_or(Refusal::NoSession)?;
    Ok(stored_of(&row)?.account)
}

/// Whether `by` may keep accounts. Nobody is asked for as long as there is none: somebody must make the first.
fn may_keep_accounts(work: &Work<'_>, by: Option<&SessionToken>) -> Result<()> {
    match by {
        Some(token) => {
            let account = of_session(work.db, token, work.act.at)?;
            account.may(account.role == Role::Manager, "keep accounts")
        }
        None if work.db.query_one("SELECT name FROM account LIMIT 1", Lock::No, &[])?.is_none() => Ok(()),
        None => Err(Refusal::NoSession.into()),
    }
}

fn check_password(password: &str) -> std::result::Result<(), Refusal> {
    if password.chars().count() < SHORTEST_PASSWORD {
        return Err(Refusal::BadAccount { field: "password", what: "at least 8 characters are wanted" });
    }
    Ok(())
}

impl Pool {
    /// Makes an account. The first one is a manager's and needs nobody's leave; all others need a manager's session.
    ///
    /// # Errors
    /// [`Refusal::BadAccount`], [`Refusal::AccountName`], [`Refusal::NoSession`], [`Refusal::NotAllowed`].
    pub fn add_account(&mut self, account: &Account, password: &str, by: Option<&SessionToken>, act: Act<'_>) -> Result<()> {
        account.check()?;
        check_password(password)?;
        let hash = password::hash(password)?;
        self.write(act, |work| {
            work.db.lock_name("accounts")?;
            may_keep_accounts(work, by)?;
            if by.is_none() && account.role != Role::Manager {
                return Err(Refusal::BadAccount { field: "role", what: "the first account is a manager's" }.into());
            }
            let made = work.db.execute(
                "INSERT INTO account (name, full_name, certificate, role, password, active) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
                 ON CONFLICT (name) DO NOTHING",
                values![&account.name, &account.full_name, account.certificate.as_ref(), account.role.as_str(), &hash, account.active],
            )?;
            if made == 0 {
                return Err(Refusal::AccountName { account: account.name.clone(), what: "is there already" }.into());
            }
            work.note(JournalKind::Account, &account.name, &json!({ "made": account }))
        })
    }

    /// Gives an account another password, and takes back a lock. All its sessions end.
    ///
    /// # Errors
    /// As [`Pool::add_account`].
    pub fn set_password(&mut self, name: &str, password: &str, by: &SessionToken, act: Act<'_>) -> Result<()> {
        check_password(password)?;
        let hash = password::hash(password)?;
        let sql = "UPDATE account SET password = ?2, failures = 0, locked_until = 0 WHERE name = ?1";
        self.change_account(name, by, act, &json!({ "password": "changed" }), |work| work.db.execute(sql, values![name, &hash]))
    }

    /// Switches an account on or off. What it did stays in the ledger under its name. Its sessions end.
    ///
    /// # Errors
    /// As [`Pool::add_account`].
    pub fn set_account_active(&mut self, name: &str, active: bool, by: &SessionToken, act: Act<'_>) -> Result<()> {
        let sql = "UPDATE account SET active = ?2 WHERE name = ?1";
        self.change_account(name, by, act, &json!({ "active": active }), |work| work.db.execute(sql, values![name, active]))
    }

    fn change_account(
        &mut self,
        name: &str,
        by: &SessionToken,
        act: Act<'_>,
        note: &serde_json::Value,
        change: impl Fn(&Work<'_>) -> Result<u64>,
    ) -> Result<()> {
        self.write(act, |work| {
            may_keep_accounts(work, Some(by))?;
            if change(work)? == 0 {
                return Err(Refusal::AccountName { account: name.into(), what: "is unknown" }.into());
            }
            work.db.execute("DELETE FROM session WHERE account = ?1", values![name])?;
            work.note(JournalKind::Account, name, note)
        })
    }

    /// All accounts, by name.
    ///
    /// # Errors
    /// The database's.
    pub fn accounts(&self) -> Result<Vec<Account>> {
        self.read(|db| {
            let rows = db.query(&format!("SELECT {ACCOUNT} FROM account ORDER BY name"), Lock::No, &[])?;
            rows.iter().map(|row| stored_of(row).map(|stored| stored.account)).collect()
        })
    }

    /// Begins a session. Five wrong passwords in a row lock an account for a quarter of an hour.
    ///
    /// # Errors
    /// [`Refusal::WrongPassword`], [`Refusal::AccountLocked`].
    pub fn log_in(&mut self, name: &str, password: &str, act: Act<'_>) -> Result<Session> {
        // Hashing takes long on purpose, so nobody waits for it in a transaction; and an unknown account takes as long as a known one.
        let before = self.read(|db| stored(db, name, Lock::No))?;
        let right = password::matches(password, before.as_ref().map(|stored| stored.password.as_str()))?;
        let mut bytes = [0; 32];
        getrandom::fill(&mut bytes).map_err(|error| PoolError::NoRandomness { message: error.to_string() })?;
        let token = SessionToken(ids::hex(&bytes));
        let now = act.at;
        let known = before.as_ref().map(|stored| stored.password.as_str());
        let outcome = self.write(act, |work| {
            let wrong = || Refusal::WrongPassword { account: name.into() };
            // A password that was changed meanwhile is another one than was compared.
            let stored =
                stored(work.db, name, Lock::Wait)?.filter(|stored| stored.account.active && Some(stored.password.as_str()) == known);
            let Some(stored) = stored else {
                work.note(JournalKind::LogInRefused, name, &json!({ "rule": "wrong_password" }))?;
                return Ok(Err(wrong()));
            };
            if stored.locked_until > now {
                let minutes = stored.locked_until.since(now).as_secs().div_ceil(60);
                work.note(JournalKind::LogInRefused, name, &json!({ "rule": "account_locked" }))?;
                return Ok(Err(Refusal::AccountLocked { account: name.into(), minutes }));
            }
            let (failures, locked_until) = match (right, stored.failures + 1) {
                (true, _) => (0, Timestamp(0)),
                (false, FAILURES..) => (0, now.plus(LOCK)),
                (false, failures) => (failures, Timestamp(0)),
            };
            let sql = "UPDATE account SET failures = ?2, locked_until = ?3 WHERE name = ?1";
            work.db.execute(sql, values![name, failures, locked_until])?;
            if !right {
                work.note(JournalKind::LogInRefused, name, &json!({ "rule": "wrong_password" }))?;
                return Ok(Err(wrong()));
            }
            let expires_at = now.plus(SESSION);
            work.db.execute("DELETE FROM session WHERE expires_at <= ?1", values![now])?;
            let sql = "INSERT INTO session (token, account, expires_at) VALUES (?1, ?2, ?3)";
            work.db.execute(sql, values![&token.hash(), name, expires_at])?;
            work.note(JournalKind::LogIn, name, &json!({}))?;
            Ok(Ok(Session { token: token.clone(), account: stored.account, expires_at }))
        })?;
        Ok(outcome?)
    }

    /// Ends a session.
    ///
    /// # Errors
    /// [`Refusal::NoSession`] if there is none.
    pub fn log_out(&mut self, token: &SessionToken, act: Act<'_>) -> Result<()> {
        self.write(act, |work| {
            let account = of_session(work.db, token, work.act.at)?;
            work.db.execute("DELETE FROM session WHERE token = ?1", values![&token.hash()])?;
            work.note(JournalKind::LogOut, &account.name, &json!({}))
        })
    }

    /// Whose session this is.
    ///
    /// # Errors
    /// [`Refusal::NoSession`] if there is none, or it ran out by `now`.
    pub fn session_account(&self, token: &SessionToken, now: Timestamp) -> Result<Account> {
        self.read(|db| of_session(db, token, now))
    }

    /// Sells everything that is reserved for an order, by a pharmacist to a patient. The ledger's actor is the pharmacist's account; the settlement,
    /// where there is one, names the pharmacist, whatever it said before.
    ///
    /// # Errors
    /// As [`Pool::dispense_settled`]; [`Refusal::NoSession`], [`Refusal::NotAllowed`], [`Refusal::OtherPatient`], [`Refusal::BadInsuranceId`].
    pub fn dispense_authenticated(
        &mut self,
        order: &Order,
        settlement: Option<(&Settlement, Option<&Personal>)>,
        authentication: &DualAuthentication<'_>,
        act: Act<'_>,
    ) -> Result<Vec<SoldUnit>> {
        let account = match self.session_account(authentication.session, act.at) {
            Ok(account) => account,
            Err(error) => {
                if let Some(refusal) = error.refusal() {
                    self.note_refusal(act, &refusal.clone());
                }
                return Err(error);
            }
        };
        let act = Act { actor: &account.name, ..act };
        let named = settlement.map(|(settlement, personal)| {
            let named = Settlement {
                phar_name: account.full_name.clone(),
                phar_prac_cert_no: account.certificate.clone().unwrap_or_else(|| settlement.phar_prac_cert_no.clone()),
                ..settlement.clone()
            };
            (named, personal)
        });
        let named = named.as_ref().map(|(settlement, personal)| (settlement, *personal));
        self.sell_order(&order.id, Some(order), named, Some(authentication), act)
    }
}
