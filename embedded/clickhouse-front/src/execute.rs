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

use crate::configuration::READER_ROLE;
use crate::exception::{Exception, Refusal};
use crate::ffi::{Connection, Engine, Statistics};
use crate::framing::{self, Unframer};
use crate::judge::{self, Judge, Judged};
use crate::native;
use crate::options::{Access, DATABASE, ReaderBounds};
use crate::request::SECONDS_OF_A_READER;
use crate::sql::{self, Statement};

/// A reader takes a piece of an answer within this time: the engine's own bound on a query's time
/// does not end one that waits for its client, and so would never give its slot back.
const READER_TAKES_WITHIN: Duration = Duration::from_secs(60);
/// An answer goes out in pieces of at most this many bytes, so that little of it is held twice.
const PIECE_MAX_BYTES: usize = 1 << 20;
/// A reader's statement in the engine's own writing, which has more blanks than the reader's.
const NORMAL_MAX_BYTES: usize = 4 << 20;
/// How deep a reader's statement may nest; what parses, judges or plans it recurses.
const READER_DEPTH_MAX: u32 = 300;
/// Readers' threads give way to the writer's; the engine's own only where the process may say so
/// (`CAP_SYS_NICE`).
pub(crate) const READER_NICE: i32 = 15;

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
        let format = match (&job.data, job.access) {
            // A reader's is told by its tree.
            (Some(_), _) | (None, Access::Read) => None,
            (None, Access::Write | Access::Look) => sql::output_format(&job.sql),
        }
        .unwrap_or_else(|| job.default_format.clone());
        Self {
            head: Some(head),
            end: body.clone().try_reserve_owned().ok(),
            body,
            taken_within: match job.access {
                Access::Read => READER_TAKES_WITHIN,
                Access::Write | Access::Look => Duration::MAX,
            },
            framed: job.frame_answer,
            native_revision: job.native_revision,
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
        let upgraded = (self.native_revision > 0 && self.format == "Native")
            .then(|| native::upgrade(rows, self.native_revision))
            .transpose()?;
        self.send_head(None, statistics);
        if rows.is_empty() {
            return Ok(Client::Listens);
        }
        for piece in upgraded.as_deref().unwrap_or(rows).chunks(PIECE_MAX_BYTES) {
            if self.send(piece) == Client::Gone {
                return Ok(Client::Gone);
            }
        }
        Ok(Client::Listens)
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

/// The engine, and what a reader's statement may take of it.
#[derive(Debug)]
pub(crate) struct Executor {
    pub(crate) engine: &'static Engine,
    pub(crate) version: String,
    /// None in a test that shows that all else holds without it.
    pub(crate) judge: Option<Judge>,
    pub(crate) reader_bounds: ReaderBounds,
}

impl Executor {
    /// Runs the statement and answers it. Blocks; every outcome ends in the reply.
    pub(crate) fn execute(&self, job: Job, mut reply: Reply) {
        if let Err(error) = self.run(job, &mut reply) {
            reply.error(error, &self.version);
        }
    }

    fn run(&self, mut job: Job, reply: &mut Reply) -> Result<(), Exception> {
        let mut is_select = None;
        if let (Some(judge), Access::Read) = (&self.judge, job.access) {
            let bare = || {
                let connection = self.engine.connect()?;
                self.prepare(&connection, &job, &[])?;
                Ok(connection)
            };
            let judged = judge.judge(bare, &job.sql, &job.parameters)?;
            let Judged {
                sql,
                format,
                is_select: judged,
            } = judged;
            job.sql = sql.into_bytes();
            reply.format = format.unwrap_or_else(|| job.default_format.clone());
            is_select = Some(judged);
        }
        let connection = self.engine.connect()?;
        self.prepare(&connection, &job, &job.settings)?;
        if let Some(data) = job.data.take() {
            let statistics = insert(&connection, &job, data)?;
            reply.send_head(None, statistics);
            return Ok(());
        }
        let is_select =
            is_select.unwrap_or_else(|| matches!(sql::classify(&job.sql), Statement::Select));
        select(&connection, &job, is_select, reply)
    }

    /// Gives the session its database, these settings and, last, its bounds: what comes last holds.
    fn prepare(
        &self,
        connection: &Connection,
        job: &Job,
        asked: &[(String, String)],
    ) -> Result<(), Exception> {
        let run = |sql: String| connection.query(sql.as_bytes(), "Null", &[]).map(drop);
        let database = match job.access {
            Access::Read => readers_database(&job.database)?,
            Access::Write | Access::Look => &job.database,
        };
        if !database.is_empty() {
            run(format!("USE {}", quoted(database, '`')))?;
        }
        let mut settings = Vec::with_capacity(asked.len() + 16);
        if job.access == Access::Read {
            // The engine cannot cancel what has not begun to answer: a reader who went away must
            // not hold its slot for ever.
            let seconds = SECONDS_OF_A_READER.end();
            settings.push(format!("max_execution_time = {seconds}"));
            settings.push(format!("max_threads = {}", self.reader_bounds.threads));
        }
        settings.extend(
            asked
                .iter()
                .filter(|(name, value)| job.access != Access::Read || !self.is_more(name, value))
                .map(|(name, value)| format!("{} = {}", quoted(name, '`'), quoted(value, '\''))),
        );
        // An insert is stored when its call returns, whatever the engine's default.
        settings.push("async_insert = 0".into());
        if job.access == Access::Read {
            settings.extend(self.bounds());
            run(format!("SET ROLE {READER_ROLE}"))?;
        }
        if job.access != Access::Write {
            settings.push("readonly = 1".into());
        }
        run(format!("SET {}", settings.join(", ")))
    }

    /// Whether a reader asks for more threads than it gets.
    fn is_more(&self, setting: &str, value: &str) -> bool {
        let is_less = |threads| (1..=self.reader_bounds.threads).contains(&threads);
        setting == "max_threads" && !value.parse().is_ok_and(is_less)
    }

    /// What a reader's statement may take, whatever it asks for.
    ///
    /// It keeps nothing on disk: what one reader spills, the disk writes before the writer's next
    /// parts (p99 of the writer's inserts beside large sorts: three times its own; without, 1.3).
    fn bounds(&self) -> [String; 10] {
        [
            format!("max_memory_usage = {}", self.reader_bounds.memory_bytes),
            "max_bytes_before_external_group_by = 0".into(),
            "max_bytes_ratio_before_external_group_by = 0".into(),
            "max_bytes_before_external_sort = 0".into(),
            "max_bytes_ratio_before_external_sort = 0".into(),
            "max_temporary_data_on_disk_size_for_query = 1".into(),
            format!("max_query_size = {NORMAL_MAX_BYTES}"),
            format!("max_parser_depth = {READER_DEPTH_MAX}"),
            format!("max_ast_depth = {READER_DEPTH_MAX}"),
            format!("os_threads_nice_value_query = {READER_NICE}"),
        ]
    }
}

/// The database of a reader's session.
fn readers_database(asked: &str) -> Result<&str, Exception> {
    match asked {
        // What clients say who have none in mind.
        "" | "default" => Ok(DATABASE),
        asked if judge::is_readable(asked) => Ok(asked),
        asked => Err(Exception::refuse(
            Refusal::AccessDenied,
            format!("{asked} is no database that a reader may select from"),
        )),
    }
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

fn select(
    connection: &Connection,
    job: &Job,
    is_select: bool,
    reply: &mut Reply,
) -> Result<(), Exception> {
    let format = reply.format.clone();
    let streaming = match is_select && !job.whole_answer {
        true => streaming(&format),
        false => Streaming::No,
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
