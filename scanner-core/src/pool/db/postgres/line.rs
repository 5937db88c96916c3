//! The line to the server. Requests whose answers nobody waits for yet are kept back and travel with the next one that somebody does wait for, and so
//! do queries that are foreseen: a sale is two journeys over the network instead of a dozen.

use std::collections::{HashMap, VecDeque};
use std::fmt::Write as _;
use std::future::Future;
use std::pin::{Pin, pin};
use std::task::Poll;

use futures_util::TryStreamExt as _;
use tokio::runtime::Runtime;
use tokio_postgres::types::private::BytesMut;
use tokio_postgres::types::{IsNull, ToSql, Type, to_sql_checked};
use tokio_postgres::{Client, Error, Statement};

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
    statements: HashMap<String, Statement>,
    kept: Vec<Request>,
    foreseen: Vec<Request>,
    answered: VecDeque<(Request, Answer)>,
}

impl Line {
    pub fn new(runtime: Runtime, client: Client) -> Self {
        Self { runtime, client, statements: HashMap::new(), kept: Vec::new(), foreseen: Vec::new(), answered: VecDeque::new() }
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

    /// Sends requests in one go, and waits for all answers. The first error counts: in a transaction, nothing after it has any effect.
    fn send(&mut self, requests: &[Request]) -> Result<Vec<Answer>, Error> {
        for request in requests {
            if let Request::Statement(sql, _) = request
                && !self.statements.contains_key(sql)
            {
                let statement = self.runtime.block_on(self.client.prepare(sql))?;
                self.statements.insert(sql.clone(), statement);
            }
        }
        let (client, statements) = (&self.client, &self.statements);
        let answers = requests.iter().map(|request| -> Pin<Box<dyn Future<Output = Result<Answer, Error>> + '_>> {
            match request {
                Request::Frame(sql) => Box::pin(async move { client.batch_execute(sql).await.map(|()| Answer::default()) }),
                Request::Statement(sql, values) => Box::pin(run(client, &statements[sql], values)),
                // Joined before they are sent.
                Request::Change(_) => Box::pin(async { Ok(Answer::default()) }),
            }
        });
        self.runtime.block_on(in_one_go(answers.collect())).into_iter().collect()
    }
}

async fn run(client: &Client, statement: &Statement, values: &[Cell]) -> Result<Answer, Error> {
    let mut stream = pin!(client.query_raw(statement, values.iter()).await?);
    let mut rows = Vec::new();
    while let Some(row) = stream.try_next().await? {
        rows.push(Row((0..row.len()).map(|column| cell(&row, column)).collect::<Result<_, _>>()?));
    }
    Ok(Answer { rows, changed: stream.rows_affected().unwrap_or_default() })
}

/// Waits for all of them. Each is begun before any is waited for, in order: a client of tokio-postgres sends when it is first polled.
async fn in_one_go<T>(mut futures: Vec<Pin<Box<dyn Future<Output = T> + '_>>>) -> Vec<T> {
    let mut outputs: Vec<Option<T>> = std::future::poll_fn(|context| {
        let first = |future: &mut Pin<Box<dyn Future<Output = T> + '_>>| match future.as_mut().poll(context) {
            Poll::Ready(output) => Some(output),
            Poll::Pending => None,
        };
        Poll::Ready(futures.iter_mut().map(first).collect())
    })
    .await;
    for (output, future) in outputs.iter_mut().zip(futures) {
        if output.is_none() {
            *output = Some(future.await);
        }
    }
    outputs.into_iter().flatten().collect()
}

impl ToSql for Cell {
    fn to_sql(&self, ty: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn std::error::Error + Sync + Send>> {
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

fn cell(row: &tokio_postgres::Row, column: usize) -> Result<Cell, Error> {
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
