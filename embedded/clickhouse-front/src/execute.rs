//! Runs one statement on a connection of its own, on a blocking thread.
//!
//! Rows leave as the engine makes them and data enters as it arrives, through bounded channels:
//! a slow client slows the engine, and memory stays bounded by a few blocks. When the client
//! goes away, the channel closes, and the query or insert is cancelled; so is the query of a reader
//! who stays and takes nothing. An insert is stored as a
//! whole or, for one that spans several table partitions, by partition; its answer is sent only
//! after it was stored.

use std::time::Duration;

use bytes::Bytes;
use rand::distr::{Alphanumeric, SampleString};
use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot};

use crate::exception::Exception;
use crate::ffi::{Connection, Engine, Statistics};
use crate::framing::{self, Unframer};
use crate::native;
use crate::options::Access;
use crate::request::SECONDS_OF_A_READER;
use crate::sql::{self, Statement};

/// A reader takes a piece of an answer within this time: the engine's own bound on a query's time
/// does not end one that waits for its client, and so would never give its slot back.
const READER_TAKES_WITHIN: Duration = Duration::from_secs(60);

/// A statement, ready to run.
#[derive(Debug)]
pub(crate) struct Job {
    pub(crate) access: Access,
    /// The statement; for an insert with data, up to its FORMAT clause.
    pub(crate) sql: Vec<u8>,
    pub(crate) database: String,
    pub(crate) settings: Vec<(String, String)>,
    pub(crate) parameters: Vec<(String, String)>,
    /// The format of an answer whose statement names none.
    pub(crate) default_format: String,
    pub(crate) whole_answer: bool,
    pub(crate) frame_answer: bool,
    pub(crate) native_revision: u64,
    pub(crate) data: Option<InsertData>,
}

/// The data of an insert.
#[derive(Debug)]
pub(crate) struct InsertData {
    pub(crate) format: String,
    /// What came with the statement; not framed.
    pub(crate) first: Vec<u8>,
    /// The body, piece by piece; an error when it broke off.
    pub(crate) rest: mpsc::Receiver<Result<Bytes, Exception>>,
    /// The body is framed.
    pub(crate) framed: bool,
}

/// What is known when the answer begins: all that goes into its headers.
#[derive(Debug)]
pub(crate) struct Head {
    /// The error, when it came before any row.
    pub(crate) error: Option<Exception>,
    pub(crate) format: String,
    pub(crate) statistics: Statistics,
    /// Marks an error that comes after the first rows.
    pub(crate) exception_tag: String,
}

/// The rows that were sent are not the whole answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the answer broke off")]
pub(crate) struct BrokeOff;

/// A piece of an answer's body; an error after the last piece of one that is not whole.
pub(crate) type Piece = Result<Bytes, BrokeOff>;

/// Where an answer goes: its head once, then its body.
pub(crate) struct Reply {
    head: Option<oneshot::Sender<Head>>,
    body: mpsc::Sender<Piece>,
    /// A place in `body` for the end of one that breaks off: to say so never waits.
    end: Option<mpsc::OwnedPermit<Piece>>,
    taken_within: Duration,
    framed: bool,
    format: String,
    native_revision: u64,
    exception_tag: String,
}

/// Whether the client is still there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Client {
    Listens,
    Gone,
}

impl Reply {
    /// An answer to `job`, through these channels.
    pub(crate) fn new(job: &Job, head: oneshot::Sender<Head>, body: mpsc::Sender<Piece>) -> Self {
        let format = match &job.data {
            Some(_) => None,
            None => sql::output_format(&job.sql),
        }
        .unwrap_or_else(|| job.default_format.clone());
        Self {
            head: Some(head),
            end: body.clone().try_reserve_owned().ok(),
            body,
            taken_within: match job.access {
                Access::Read => READER_TAKES_WITHIN,
                Access::Write => Duration::MAX,
            },
            framed: job.frame_answer,
            native_revision: if format == "Native" {
                job.native_revision
            } else {
                0
            },
            format,
            exception_tag: Alphanumeric.sample_string(&mut rand::rng(), 16),
        }
    }

    fn send_head(&mut self, error: Option<Exception>, statistics: Statistics) {
        if let Some(head) = self.head.take() {
            // A client that is gone needs no head.
            let _ = head.send(Head {
                error,
                format: self.format.clone(),
                statistics,
                exception_tag: self.exception_tag.clone(),
            });
        }
    }

    fn send(&mut self, bytes: &[u8]) -> Client {
        let bytes = if self.framed {
            framing::frame(bytes)
        } else {
            bytes.to_vec()
        };
        let sending = self.body.send_timeout(Ok(bytes.into()), self.taken_within);
        match Handle::current().block_on(sending) {
            Ok(()) => Client::Listens,
            Err(_) => {
                self.break_off();
                Client::Gone
            }
        }
    }

    /// Without this, the body would end as a whole one does.
    fn break_off(&mut self) {
        if let Some(end) = self.end.take() {
            end.send(Err(BrokeOff));
        }
    }

    fn rows(&mut self, rows: &[u8], statistics: Statistics) -> Result<Client, Exception> {
        let upgraded = (self.native_revision > 0)
            .then(|| native::upgrade(rows, self.native_revision))
            .transpose()?;
        self.send_head(None, statistics);
        if rows.is_empty() {
            return Ok(Client::Listens);
        }
        Ok(self.send(upgraded.as_deref().unwrap_or(rows)))
    }

    /// Before the first row an error is the answer; after it, ClickHouse's clients look for a
    /// marked text at the end, and all others see that the body does not end as a whole one does.
    fn error(&mut self, error: Exception, version: &str) {
        let text = error.body(version);
        if self.head.is_some() {
            self.send_head(Some(error), Statistics::default());
            self.send(text.as_bytes());
            return;
        }
        let (tag, length) = (&self.exception_tag, text.len());
        let marked =
            format!("\r\n__exception__\r\n{tag}\r\n{text}{length} {tag}\r\n__exception__\r\n");
        self.send(marked.as_bytes());
        self.break_off();
    }
}

/// Runs the statement and answers it. Blocks; every outcome ends in the reply.
pub(crate) fn execute(engine: &'static Engine, version: &str, job: Job, mut reply: Reply) {
    if let Err(error) = run(engine, job, &mut reply) {
        reply.error(error, version);
    }
}

fn run(engine: &'static Engine, mut job: Job, reply: &mut Reply) -> Result<(), Exception> {
    let connection = engine.connect()?;
    prepare(&connection, &job)?;
    if let Some(data) = job.data.take() {
        let statistics = insert(&connection, &job, data)?;
        reply.send_head(None, statistics);
        return Ok(());
    }
    select(&connection, &job, reply)
}

/// Gives the session its database, its settings and, last, its bounds: what comes last holds.
fn prepare(connection: &Connection, job: &Job) -> Result<(), Exception> {
    let run = |sql: String| connection.query(sql.as_bytes(), "Null", &[]).map(drop);
    if !job.database.is_empty() {
        run(format!("USE {}", quoted(&job.database, '`')))?;
    }
    let mut settings = Vec::with_capacity(job.settings.len() + 3);
    if job.access == Access::Read {
        // The engine cannot cancel what has not begun to answer: a reader who went away must
        // not hold its slot for ever.
        let seconds = SECONDS_OF_A_READER.end();
        settings.push(format!("max_execution_time = {seconds}"));
    }
    settings.extend(
        job.settings
            .iter()
            .map(|(name, value)| format!("{} = {}", quoted(name, '`'), quoted(value, '\''))),
    );
    // An insert is stored when its call returns, whatever the engine's default.
    settings.push("async_insert = 0".into());
    if job.access == Access::Read {
        settings.push("readonly = 1".into());
    }
    run(format!("SET {}", settings.join(", ")))
}

fn insert(
    connection: &Connection,
    job: &Job,
    mut data: InsertData,
) -> Result<Statistics, Exception> {
    // Dropped on any error below, an insert that has not finished is cancelled.
    let insert = connection.insert(&job.sql, &data.format, &job.parameters)?;
    if !data.first.is_empty() {
        insert.append(&data.first)?;
    }
    let mut unframer = data.framed.then(Unframer::default);
    while let Some(piece) = data.rest.blocking_recv() {
        let piece = piece?;
        match &mut unframer {
            Some(unframer) => insert.append(&unframer.push(&piece)?)?,
            None => insert.append(&piece)?,
        }
    }
    if let Some(unframer) = &unframer {
        unframer.finish()?;
    }
    insert.finish()
}

/// How an answer's blocks are put together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Streaming {
    /// Blocks simply follow one another.
    Plain,
    /// Each block repeats the header of names and types, wanted once.
    WithHeader,
    /// The engine must write the answer as a whole.
    No,
}

fn streaming(format: &str) -> Streaming {
    match format {
        "RowBinary" | "Native" | "JSONEachRow" | "JSONCompactEachRow" | "TabSeparated" | "TSV"
        | "CSV" => Streaming::Plain,
        "RowBinaryWithNamesAndTypes" => Streaming::WithHeader,
        _ => Streaming::No,
    }
}

fn select(connection: &Connection, job: &Job, reply: &mut Reply) -> Result<(), Exception> {
    let format = reply.format.clone();
    let streaming = match sql::classify(&job.sql) {
        Statement::Select if !job.whole_answer => streaming(&format),
        _ => Streaming::No,
    };
    if streaming == Streaming::No {
        let answer = connection.query(&job.sql, &format, &job.parameters)?;
        reply.rows(answer.data(), answer.statistics())?;
        return Ok(());
    }
    let mut rows = connection.stream(&job.sql, &format, &job.parameters)?;
    let mut header_bytes = 0;
    while let Some(block) = rows.next()? {
        let data = block.data();
        let body = data.get(header_bytes..).unwrap_or_default();
        if reply.rows(body, block.statistics())? == Client::Gone {
            return Ok(());
        }
        if streaming == Streaming::WithHeader && header_bytes == 0 {
            header_bytes = native::names_and_types_bytes(data)?;
        }
    }
    reply.send_head(None, Statistics::default());
    Ok(())
}

/// A name or a string literal, quoted for SQL.
fn quoted(text: &str, quote: char) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push(quote);
    for character in text.chars() {
        if character == quote || character == '\\' {
            quoted.push('\\');
        }
        quoted.push(character);
    }
    quoted.push(quote);
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_answer_that_nobody_takes_is_given_up_and_not_taken_for_whole() {
        let job = Job {
            access: Access::Read,
            sql: b"SELECT 1".to_vec(),
            database: String::new(),
            settings: Vec::new(),
            parameters: Vec::new(),
            default_format: "CSV".into(),
            whole_answer: false,
            frame_answer: false,
            native_revision: 0,
            data: None,
        };
        let (head, _head) = oneshot::channel();
        let (body, mut pieces) = mpsc::channel(2);
        let mut reply = Reply::new(&job, head, body);
        assert_eq!(reply.taken_within, READER_TAKES_WITHIN);
        reply.taken_within = Duration::from_millis(1);
        let sent = tokio::task::spawn_blocking(move || [b"1", b"2"].map(|it| reply.send(it)));
        assert_eq!(sent.await.expect("sent"), [Client::Listens, Client::Gone]);
        assert_eq!(pieces.recv().await, Some(Ok("1".into())));
        assert_eq!(pieces.recv().await, Some(Err(BrokeOff)));
        assert_eq!(pieces.recv().await, None);
    }

    #[test]
    fn quotes_cannot_be_left() {
        assert_eq!(
            quoted("a'; DROP TABLE t --", '\''),
            r"'a\'; DROP TABLE t --'"
        );
        assert_eq!(quoted(r"a\", '`'), r"`a\\`");
    }
}
