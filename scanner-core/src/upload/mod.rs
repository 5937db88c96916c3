//! From the outbox to the platform: sent once, answered for, whatever the line does.
//!
//! [`Uploader::step`] takes what is due, sends it as one message and books what became of it. It never blocks a sale: the pool's outbox fills while the
//! line is down, for days if need be. Whoever drives it calls it again and again, with whatever clock; transport and clock are injected, so that a week
//! can pass in a second.
//!
//! # What may have happened to a message
//! Surely not received (no connection came about): sent again. Answered: booked. Anything else, be it a cut line, a time-out, a 5xx or an answer that is
//! no answer, leaves it *unknown*. Where the platform recognises a message that it had before, the same message is sent again; where it does not, a
//! person decides ([`crate::pool::Pool::reconcile`]), since a second sending may become a second sale.

mod dialect;
mod http;
mod request;
mod sm3;

use std::time::Duration;

use hardware_hal::{Clock, Timestamp};
use serde_json::Value;
use sha2::{Digest, Sha256};

pub use dialect::{Condition, Dialect, DialectError, RequestForm, Signature, SignatureMethod};
pub use http::{HttpOptions, HttpTransport};
pub use request::{Signer, Site, Sm3Signer, Unsayable, Unsigned, Voice, Worded};

use crate::pool::{Claim, ClaimPolicy, Outcome, Pool, PoolError, Refusal};
use dialect::text_at;

/// What a platform sent back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Response {
    /// HTTP status.
    pub status: u16,
    /// The body.
    pub body: Vec<u8>,
}

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TransportError {
    /// The message has not left: no connection came about.
    #[error("not sent: {0}")]
    NotSent(String),
    /// It may have been received.
    #[error("no answer: {0}")]
    NoAnswer(String),
}

/// Carries a message to the platform and its answer back. One message at a time.
pub trait Transport: Send {
    /// Sends, and waits for the answer.
    ///
    /// # Errors
    /// [`TransportError::NotSent`] only where it is certain that nothing was received.
    fn send(&mut self, request: &Worded) -> Result<Response, TransportError>;
}

/// How long is waited between attempts: doubled each time, spread by half to either side, so that many senders do not come back at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backoff {
    /// After the first.
    pub first: Duration,
    /// At most.
    pub most: Duration,
}

impl Default for Backoff {
    fn default() -> Self {
        Self { first: Duration::from_secs(2), most: Duration::from_secs(15 * 60) }
    }
}

impl Backoff {
    /// The time after attempt number `attempt` (from 1). `salt` spreads: the same one gives the same time.
    pub fn after(&self, attempt: u32, salt: &str) -> Duration {
        let doubled = self.first.saturating_mul(1u32 << attempt.saturating_sub(1).min(20)).min(self.most);
        let mut hash = Sha256::new();
        hash.update(salt.as_bytes());
        hash.update(attempt.to_le_bytes());
        let digest = hash.finalize();
        let spread = f64::from(u16::from_le_bytes([digest[0], digest[1]])) / f64::from(u16::MAX);
        doubled.mul_f64(0.5 + spread)
    }
}

/// How an uploader goes about it.
#[derive(Debug, Clone)]
pub struct UploadOptions {
    /// Its name in claims; no two uploaders of a pool share one.
    pub name: String,
    /// What the envelope says.
    pub site: Site,
    /// Pauses between attempts.
    pub backoff: Backoff,
    /// After this time, a claim whose sender fell silent is unknown. Longer than the transport's time-out.
    pub lease: Duration,
}

impl Default for UploadOptions {
    fn default() -> Self {
        Self { name: "uploader".into(), site: Site::default(), backoff: Backoff::default(), lease: Duration::from_secs(300) }
    }
}

/// What a step did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// A message was sent, and this became of it.
    Sent {
        /// The message.
        claim: Claim,
        /// What became of it.
        outcome: Outcome,
    },
    /// Nothing to do before this moment, or at all for now.
    Idle {
        /// When something will be due.
        until: Option<Timestamp>,
    },
    /// The platform cannot be reached; it is tried again at this moment.
    LineDown {
        /// When.
        until: Timestamp,
    },
}

/// Sends what is in a pool's outbox.
pub struct Uploader<T> {
    transport: T,
    dialect: Dialect,
    signer: Box<dyn Signer>,
    options: UploadOptions,
    policy: ClaimPolicy,
    /// Failures in a row, and when the line is tried again.
    line: Option<(u32, Timestamp)>,
}

impl<T> std::fmt::Debug for Uploader<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Neither the transport nor the signer: they hold secrets.
        f.debug_struct("Uploader").field("name", &self.options.name).field("dialect", &self.dialect.name).finish_non_exhaustive()
    }
}

impl<T: Transport> Uploader<T> {
    /// An uploader that speaks a dialect.
    pub fn new(transport: T, dialect: Dialect, signer: Box<dyn Signer>, options: UploadOptions) -> Self {
        let batches = dialect.requests.iter().filter_map(|(kind, form)| Some((*kind, form.batch?))).collect();
        let policy = ClaimPolicy { batches, resend_unknown: dialect.recognises_repeats, lease: options.lease };
        Self { transport, dialect, signer, options, policy, line: None }
    }

    /// What it may claim.
    pub fn policy(&self) -> &ClaimPolicy {
        &self.policy
    }

    /// The transport.
    pub fn transport(&mut self) -> &mut T {
        &mut self.transport
    }

    /// Sends one message, if one is due.
    ///
    /// # Errors
    /// The pool's; what the platform does is no error.
    pub fn step(&mut self, pool: &mut Pool, clock: &dyn Clock) -> Result<Step, PoolError> {
        let now = clock.now();
        if let Some((_, until)) = self.line.filter(|(_, until)| now < *until) {
            return Ok(Step::LineDown { until });
        }
        let Some(claim) = pool.claim_upload(&self.options.name, &self.policy, now)? else {
            return Ok(Step::Idle { until: pool.next_upload_due(&self.policy)? });
        };
        let institution = pool.institution()?.ok_or(Refusal::NoInstitution)?;
        let voice = Voice {
            dialect: &self.dialect,
            site: &self.options.site,
            institution: &institution,
            utc_offset_minutes: pool.options().utc_offset_minutes,
        };
        let outcome = match voice.word(&claim, self.signer.as_ref(), now) {
            Ok(request) => {
                let answer = self.transport.send(&request);
                let now = clock.now();
                let due_at = now.plus(self.options.backoff.after(claim.entries[0].attempts, &claim.message_id));
                self.note_line(&answer, now);
                self.judge(&claim, answer, due_at)
            }
            Err(unsayable) => Outcome::Refused { note: unsayable.to_string() },
        };
        pool.settle_upload(&claim, &outcome, clock.now())?;
        Ok(Step::Sent { claim, outcome })
    }

    /// Sends until nothing is due or the line is down. Returns how many messages were sent.
    ///
    /// # Errors
    /// The pool's.
    pub fn drain(&mut self, pool: &mut Pool, clock: &dyn Clock) -> Result<u64, PoolError> {
        let mut sent = 0;
        while let Step::Sent { .. } = self.step(pool, clock)? {
            sent += 1;
        }
        Ok(sent)
    }

    fn note_line(&mut self, answer: &Result<Response, TransportError>, now: Timestamp) {
        self.line = match answer {
            Ok(response) if response.status < 500 => None,
            _ => {
                let failures = self.line.map_or(1, |(failures, _)| failures + 1);
                Some((failures, now.plus(self.options.backoff.after(failures, &self.options.name))))
            }
        };
    }

    /// What an answer, or none, means for what was sent.
    fn judge(&self, claim: &Claim, answer: Result<Response, TransportError>, due_at: Timestamp) -> Outcome {
        let response = match answer {
            Ok(response) => response,
            // The line is waited for as a whole; the entries keep their place.
            Err(TransportError::NotSent(note)) => return Outcome::NotReceived { due_at: Timestamp(0), note },
            Err(TransportError::NoAnswer(note)) => return Outcome::Unknown { due_at, note },
        };
        let status = response.status;
        match status {
            200..=299 => {}
            429 => return Outcome::NotReceived { due_at, note: "the platform asks for patience (429)".into() },
            // Refused before it was looked at.
            400..=499 => return Outcome::Refused { note: format!("HTTP status {status}") },
            _ => return Outcome::Unknown { due_at, note: format!("HTTP status {status}") },
        }
        let Ok(answer) = serde_json::from_slice::<Value>(&response.body) else {
            return Outcome::Unknown { due_at, note: "the answer is not JSON".into() };
        };
        if let Some(pointer) = &self.dialect.answers_to
            && text_at(&answer, pointer).as_deref() != Some(&claim.message_id)
        {
            return Outcome::Unknown { due_at, note: "the answer is to another message".into() };
        }
        let Some(code) = text_at(&answer, "/infcode") else {
            return Outcome::Unknown { due_at, note: "the answer has no infcode".into() };
        };
        let said: String = text_at(&answer, "/err_msg").unwrap_or_default().chars().take(200).collect();
        if self.dialect.success.iter().all(|c| text_at(&answer, &c.at).as_deref() == Some(&c.is)) {
            Outcome::Done { note: said }
        } else if self.dialect.already_sold.contains(&code) && self.is_ours(claim, &answer) {
            Outcome::Done { note: format!("booked before, under our own id: {said}") }
        } else if self.dialect.retry_later.contains(&code) {
            Outcome::NotReceived { due_at, note: said }
        } else {
            Outcome::Refused { note: format!("infcode {code}: {said}") }
        }
    }

    /// Whether the sale that has the code is the very one that was sent.
    fn is_ours(&self, claim: &Claim, answer: &Value) -> bool {
        let holder = self.dialect.holder.as_ref().and_then(|pointer| text_at(answer, pointer));
        matches!(claim.entries.as_slice(), [entry] if holder.as_deref() == Some(&entry.event_id))
    }
}
