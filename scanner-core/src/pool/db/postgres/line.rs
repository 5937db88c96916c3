//! The line to the server. Requests whose answers nobody waits for yet are kept back and travel with the next one that somebody does wait for, and so
//! do queries that are foreseen: a sale is four journeys over the network instead of two dozen.
//!
//! What travels together is one message, answered by one: each statement is prepared once per connection (`PREPARE`) and called by name (`EXECUTE`)
//! with its values as literals. A message for each statement would have the server wake us as often, which costs both of us more than the statements.

use std::collections::{HashMap, VecDeque};
use std::fmt::Write as _;
use std::pin::pin;

use futures_util::TryStreamExt as _;
use tokio::runtime::Runtime;
use tokio_postgres::{Client, Error, SimpleQueryMessage};

use super::super::{Cell, Row};

/// So many requests are kept back at most.
const MOST_KEPT: usize = 256;

/// Something for the server.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Request {
    /// Begins or ends a transaction.
    Frame(&'static str),
    /// A statement, prepared once per connection, with its values.
    Statement(String, Vec<Cell>),
    /// A change whose outcome nobody waits for. Its values are `?1`, `?2` …
    Change(Change),
}

/// See [`Request::Change`].
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Change {
    pub sql: String,
    pub values: Vec<Cell>,
    /// Whether it must change exactly one row.
    pub one: bool,
}

impl Change {
    /// The table that it changes.
    fn table(&self) -> &str {
        let name = self.sql.split_whitespace().find(|word| !["INSERT", "INTO", "UPDATE", "DELETE", "FROM"].contains(word));
        name.unwrap_or_default()
    }

    /// Whether it may happen together with these, none of which it then sees.
    fn joins(&self, others: &[Self]) -> bool {
        !self.sql.contains("SELECT") && others.iter().all(|other| other.table() != self.table())
    }
}

/// Makes one statement of several changes. Nobody is there to count their rows, so the server does: anything but one where one is wanted is divided by
/// nothing, which undoes the transaction.
fn joined(changes: Vec<Change>) -> Request {
    let (mut parts, mut counts, mut values) = (Vec::new(), Vec::new(), Vec::new());
    for (change, name) in changes.into_iter().zip('a'..) {
        let mut sql = String::with_capacity(change.sql.len() + 8);
        let mut pieces = change.sql.split('?');
        sql.push_str(pieces.next().unwrap_or_default());
        for piece in pieces {
            let end = piece.find(|c: char| !c.is_ascii_digit()).unwrap_or(piece.len());
            let number: usize = piece[..end].parse().unwrap_or_default();
            // Writing into a string cannot fail.
            let _ = write!(sql, "${}{}", number + values.len(), &piece[end..]);
        }
        if change.one {
            counts.push(format!("(SELECT count(*) FROM {name}) = 1"));
        }
        parts.push(format!("{name} AS ({sql} RETURNING 1)"));
        values.extend(change.values);
    }
    let counted = if counts.is_empty() { "TRUE".to_owned() } else { counts.join(" AND ") };
    Request::Statement(format!("WITH {} SELECT 1 / (CASE WHEN {counted} THEN 1 ELSE 0 END)", parts.join(", ")), values)
}

/// Joins changes that follow each other and may happen together.
fn join(requests: Vec<Request>) -> Vec<Request> {
    let (mut all, mut together) = (Vec::with_capacity(requests.len()), Vec::new());
    for request in requests {
        match request {
            Request::Change(change) => {
                if !together.is_empty() && !change.joins(&together) {
                    all.push(joined(std::mem::take(&mut together)));
                }
                together.push(change);
            }
            other => {
                if !together.is_empty() {
                    all.push(joined(std::mem::take(&mut together)));
                }
                all.push(other);
            }
        }
    }
    if !together.is_empty() {
        all.push(joined(together));
    }
    all
}

/// What came back: rows, and how many were changed.
#[derive(Debug, Default)]
pub(super) struct Answer {
    pub rows: Vec<Row>,
    pub changed: u64,
}

/// A connection. It moves only while somebody waits for an answer.
pub(super) struct Line {
    runtime: Runtime,
    client: Client,
    /// Numbers of the statements that are prepared.
    statements: HashMap<String, u64>,
    prepared: u64,
    kept: Vec<Request>,
    foreseen: Vec<Request>,
    answered: VecDeque<(Request, Answer)>,
}

impl Line {
    pub fn new(runtime: Runtime, client: Client) -> Self {
        Self { runtime, client, statements: HashMap::new(), prepared: 0, kept: Vec::new(), foreseen: Vec::new(), answered: VecDeque::new() }
    }

    pub fn is_closed(&self) -> bool {
        self.client.is_closed()
    }

    /// Keeps a request back. What was foreseen to be asked before it counts no longer.
    pub fn keep(&mut self, request: Request) -> Result<(), Error> {
        self.forget();
        self.kept.push(request);
        if self.kept.len() < MOST_KEPT { Ok(()) } else { self.flush() }
    }

    /// Says what will be asked next.
    pub fn foresee(&mut self, requests: impl IntoIterator<Item = Request>) {
        self.forget();
        self.foreseen.extend(requests);
    }

    /// Asks, after all that was kept back.
    pub fn ask(&mut self, request: Request) -> Result<Answer, Error> {
        if self.answered.front().is_some_and(|(asked, _)| *asked == request) {
            return Ok(self.answered.pop_front().map(|(_, answer)| answer).unwrap_or_default());
        }
        self.answered.clear();
        let mut requests = join(std::mem::take(&mut self.kept));
        let before = requests.len();
        if self.foreseen.first() == Some(&request) {
            requests.append(&mut self.foreseen);
        } else {
            self.foreseen.clear();
            requests.push(request);
        }
        let answers = self.send(&requests)?;
        let mut answered: VecDeque<_> = requests.into_iter().zip(answers).skip(before).collect();
        let first = answered.pop_front().map(|(_, answer)| answer).unwrap_or_default();
        self.answered = answered;
        Ok(first)
    }

    /// Sends what was kept back.
    pub fn flush(&mut self) -> Result<(), Error> {
        self.forget();
        let requests = join(std::mem::take(&mut self.kept));
        self.send(&requests).map(drop)
    }

    /// Throws away what was kept back; whether there was nothing else since the transaction began.
    pub fn discard(&mut self) -> bool {
        self.forget();
        let begun = matches!(self.kept.first(), Some(Request::Frame(_)));
        self.kept.clear();
        begun
    }

    /// Whether all that was done since the transaction began is kept back here.
    pub fn only_begun(&self) -> bool {
        matches!(self.kept[..], [Request::Frame(_)])
    }

    /// Runs several statements without values, at once.
    pub fn batch(&mut self, sql: &str) -> Result<(), Error> {
        self.flush()?;
        self.runtime.block_on(self.client.batch_execute(sql))
    }

    fn forget(&mut self) {
        self.foreseen.clear();
        self.answered.clear();
    }

    /// Sends requests in one go, and waits for all answers. After the first error the server reads no further.
    fn send(&mut self, requests: &[Request]) -> Result<Vec<Answer>, Error> {
        if requests.is_empty() {
            return Ok(Vec::new());
        }
        self.prepare(requests)?;
        let mut message = String::new();
        for request in requests {
            match request {
                Request::Frame(sql) => message.push_str(sql),
                Request::Statement(sql, values) => call(&mut message, self.statements[sql], values),
                // Joined before they are sent.
                Request::Change(_) => continue,
            }
            message.push(';');
        }
        self.runtime.block_on(answers(&self.client, &message))
    }

    /// Prepares what is not yet. It goes ahead of the rest, because nothing may stand before the beginning of a transaction.
    fn prepare(&mut self, requests: &[Request]) -> Result<(), Error> {
        let (mut message, mut new) = (String::new(), HashMap::new());
        for request in requests {
            if let Request::Statement(sql, _) = request
                && !self.statements.contains_key(sql)
                && !new.contains_key(sql)
            {
                // Never the same name twice: what was prepared before an error stays.
                self.prepared += 1;
                // Writing into a string cannot fail.
                let _ = write!(message, "PREPARE {} AS {sql};", Name(self.prepared));
                new.insert(sql.clone(), self.prepared);
            }
        }
        if !new.is_empty() {
            self.runtime.block_on(self.client.batch_execute(&message))?;
            self.statements.extend(new);
        }
        Ok(())
    }
}

/// The name of a prepared statement.
struct Name(u64);

impl std::fmt::Display for Name {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "tracetwin_{}", self.0)
    }
}

/// Writes the call of a prepared statement.
fn call(message: &mut String, statement: u64, values: &[Cell]) {
    let _ = write!(message, "EXECUTE {}", Name(statement));
    for (index, value) in values.iter().enumerate() {
        message.push(if index == 0 { '(' } else { ',' });
        match value {
            Cell::Null => message.push_str("NULL"),
            Cell::Integer(number) => {
                let _ = write!(message, "{number}");
            }
            Cell::Text(text) | Cell::Told(text) => quote(message, text),
        }
    }
    if !values.is_empty() {
        message.push(')');
    }
}

/// Writes a text as a literal. Every connection sets `standard_conforming_strings`, so the quote is the only character that means something.
fn quote(message: &mut String, text: &str) {
    if text.contains('\0') {
        // No message can carry it, and the server would not take it: this makes it say so.
        message.push_str("chr(0)");
        return;
    }
    message.push('\'');
    let mut pieces = text.split('\'');
    message.push_str(pieces.next().unwrap_or_default());
    for piece in pieces {
        message.push_str("''");
        message.push_str(piece);
    }
    message.push('\'');
}

/// Sends a message of several statements; an answer for each.
async fn answers(client: &Client, message: &str) -> Result<Vec<Answer>, Error> {
    let mut stream = pin!(client.simple_query_raw(message).await?);
    let (mut answers, mut rows) = (Vec::new(), Vec::new());
    while let Some(part) = stream.try_next().await? {
        match part {
            SimpleQueryMessage::Row(row) => {
                let cell = |column| row.try_get(column).map(|text| text.map_or(Cell::Null, |text| Cell::Told(text.to_owned())));
                rows.push(Row((0..row.len()).map(cell).collect::<Result<_, _>>()?));
            }
            SimpleQueryMessage::CommandComplete(changed) => answers.push(Answer { rows: std::mem::take(&mut rows), changed }),
            _ => {}
        }
    }
    Ok(answers)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(sql: &str, values: &[i64], one: bool) -> Request {
        Request::Change(Change { sql: sql.into(), values: values.iter().map(|value| Cell::Integer(*value)).collect(), one })
    }

    #[test]
    fn changes_of_different_tables_happen_together_and_those_of_one_table_in_turn() {
        let requests = vec![
            Request::Frame("BEGIN"),
            change("UPDATE unit SET revision = ?2 WHERE key = ?1", &[1, 2], true),
            change("INSERT INTO ledger (a) VALUES (?1)", &[3], false),
            change("UPDATE unit SET revision = ?2 WHERE key = ?1", &[4, 5], true),
            change("INSERT INTO outbox_unit (key) SELECT ?1", &[6], true),
            Request::Frame("COMMIT"),
        ];
        let joined = join(requests);
        let Request::Statement(sql, values) = &joined[1] else { panic!("{joined:?}") };
        assert_eq!(
            sql,
            "WITH a AS (UPDATE unit SET revision = $2 WHERE key = $1 RETURNING 1), b AS (INSERT INTO ledger (a) VALUES ($3) RETURNING 1) \
             SELECT 1 / (CASE WHEN (SELECT count(*) FROM a) = 1 THEN 1 ELSE 0 END)"
        );
        assert_eq!(values[..], [Cell::Integer(1), Cell::Integer(2), Cell::Integer(3)]);
        assert_eq!(joined.len(), 5);
        let Request::Statement(sql, _) = &joined[3] else { panic!("{joined:?}") };
        assert!(sql.starts_with("WITH a AS (INSERT INTO outbox_unit (key) SELECT $1 RETURNING 1)"), "{sql}");
    }
}
