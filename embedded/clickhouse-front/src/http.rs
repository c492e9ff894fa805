//! The HTTP side: a request becomes a job, a reply becomes a response.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::body::{Body, HttpBody as _};
use axum::extract::{ConnectInfo, State};
use axum::http::{HeaderMap, Request as HttpRequest, StatusCode};
use axum::response::Response;
use axum::routing::get;
use axum::{Router, http};
use bytes::Bytes;
use futures_util::{Stream, StreamExt};
use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};
use tokio_stream::wrappers::ReceiverStream;

use crate::exception::{Exception, Refusal};
use crate::execute::{Executor, Head, InsertData, Job, Piece, Reply};
use crate::flushes::Flushes;
use crate::framing::Unframer;
use crate::options::{Access, Credentials};
use crate::request::Request;
use crate::sql::{self, Statement};

/// The writer's statement with what belongs to it, but for streamed data, is at most this long;
/// ClickHouse would stop at `max_query_size` earlier, but inserts with inline data come this way too.
const STATEMENT_MAX_BYTES: usize = 1 << 30;
/// A reader's statement, and with it a form that holds it and its parameters.
const READER_STATEMENT_MAX_BYTES: usize = 1 << 20;
/// The writer's form, which holds a statement and its parameters but no data.
const FORM_MAX_BYTES: u64 = 16 << 20;
/// Pieces of a body, and blocks of an answer, that wait between the client and the engine. At
/// the bound the faster of the two waits.
const PIECES_WAITING: usize = 4;
/// A body that is read whole, by then in its statement's turn, arrives within this time.
const BODY_WITHIN: Duration = Duration::from_secs(60);

/// What every request needs.
pub(crate) struct Front {
    pub(crate) executor: Executor,
    pub(crate) writer: Credentials,
    pub(crate) reader: Credentials,
    /// One for each of the writer's statements that may run; requests wait here for their turn.
    pub(crate) writer_slots: Arc<Semaphore>,
    /// The same for readers: the writer never waits for them.
    pub(crate) reader_slots: Arc<Semaphore>,
    /// Runs what blocks for readers, on threads that give way to all others.
    pub(crate) reader_threads: Handle,
}

/// The routes of ClickHouse's HTTP interface that are served.
pub(crate) fn routes(front: Arc<Front>) -> Router {
    Router::new()
        .route("/ping", get(|| async { "Ok.\n" }))
        .fallback(answer)
        .with_state(front)
}

async fn answer(
    State(front): State<Arc<Front>>,
    ConnectInfo(flushes): ConnectInfo<Flushes>,
    request: HttpRequest<Body>,
) -> Response {
    let started = Instant::now();
    match begin(&front, &flushes, request).await {
        Ok(None) => Response::new(Body::from("Ok.\n")),
        Ok(Some(begun)) => run(front, *begun, flushes, started).await,
        Err(error) => refusal(&front, &error),
    }
}

/// A statement that may run.
struct Begun {
    job: Job,
    query_id: String,
    slot: OwnedSemaphorePermit,
}

/// Nothing for a GET without a query, a sign of life. Of a body nothing is read before it is known
/// who sends it and that its statement's turn has come: bodies that wait take no memory.
async fn begin(
    front: &Front,
    flushes: &Flushes,
    request: HttpRequest<Body>,
) -> Result<Option<Box<Begun>>, Exception> {
    let (parts, mut body) = request.into_parts();
    let mut asked = Request::from_headers(&parts.headers);
    let url = parts.uri.query().unwrap_or_default();
    for (name, value) in url::form_urlencoded::parse(url.as_bytes()).into_owned() {
        asked.take(name, value)?;
    }
    let boundary = form_boundary(&parts.headers)?;
    if parts.method != http::Method::POST && asked.sql.is_empty() && boundary.is_none() {
        return Ok(None);
    }
    let authorise = |asked: &Request| asked.authorise(&parts.method, &front.writer, &front.reader);
    let mut access = authorise(&asked)?;
    if parts.headers.contains_key("content-encoding") {
        return Err(Exception::refuse(
            Refusal::NotImplemented,
            "Content-Encoding is not understood; use decompress=1",
        ));
    }
    let slots = match access {
        Access::Write | Access::Look => {
            flushes.are_the_writers();
            &front.writer_slots
        }
        Access::Read => {
            flushes.are_a_readers();
            check_reader(&asked, &body)?;
            &front.reader_slots
        }
    };
    let Ok(slot) = slots.clone().acquire_owned().await else {
        return Err(Exception::engine("the front is stopping"));
    };
    let reading = async {
        if let Some(boundary) = boundary {
            let max_bytes = match access {
                Access::Write | Access::Look => FORM_MAX_BYTES,
                Access::Read => READER_STATEMENT_MAX_BYTES as u64,
            };
            take_form(&mut asked, body, boundary, max_bytes).await?;
            body = Body::empty();
            // Its fields may name another user, or settings.
            access = authorise(&asked)?;
        }
        job(asked, access, body).await
    };
    let Ok(read) = tokio::time::timeout(BODY_WITHIN, reading).await else {
        return Err(Exception::refuse(
            Refusal::NetworkError,
            format!("the body did not arrive within {BODY_WITHIN:?}"),
        ));
    };
    let (job, query_id) = read?;
    let query_id = Some(query_id)
        .filter(|id| !id.is_empty())
        .unwrap_or_else(new_query_id);
    Ok(Some(Box::new(Begun {
        job,
        query_id,
        slot,
    })))
}

fn form_boundary(headers: &HeaderMap) -> Result<Option<String>, Exception> {
    let content_type = headers
        .get("content-type")
        .and_then(|v| v.to_str().ok())
        .unwrap_or_default();
    if !content_type.starts_with("multipart/form-data") {
        return Ok(None);
    }
    multer::parse_boundary(content_type)
        .map(Some)
        .map_err(|e| Exception::refuse(Refusal::BadArguments, e))
}

/// What can be said of a reader's statement before its turn, of which nothing is read before.
fn check_reader(asked: &Request, body: &Body) -> Result<(), Exception> {
    if asked.framed_body {
        return Err(Exception::refuse(
            Refusal::NotImplemented,
            "a reader's statement comes as it is: leave out decompress=1",
        ));
    }
    let announced = usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX);
    match announced.saturating_add(asked.sql.len()) > READER_STATEMENT_MAX_BYTES {
        true => Err(too_long(READER_STATEMENT_MAX_BYTES)),
        false => Ok(()),
    }
}

fn too_long(max_bytes: usize) -> Exception {
    Exception::refuse(
        Refusal::TooLong,
        format!("the statement is longer than {max_bytes} bytes"),
    )
}

/// Clients send parameters that are too long for a URL as a form.
async fn take_form(
    asked: &mut Request,
    body: Body,
    boundary: String,
    max_bytes: u64,
) -> Result<(), Exception> {
    let bad = |e: multer::Error| Exception::refuse(Refusal::BadArguments, e);
    let limit = multer::SizeLimit::new().whole_stream(max_bytes);
    let limits = multer::Constraints::new().size_limit(limit);
    let mut form = multer::Multipart::with_constraints(body.into_data_stream(), boundary, limits);
    while let Some(field) = form.next_field().await.map_err(bad)? {
        let name = field.name().unwrap_or_default().to_string();
        asked.take(name, field.text().await.map_err(bad)?)?;
    }
    Ok(())
}

/// Puts statement and body together. The body of an insert whose statement stands in the URL is
/// streamed; anything else is read whole first, for the statement may be in it.
async fn job(asked: Request, access: Access, body: Body) -> Result<(Job, String), Exception> {
    let mut sql = asked.sql;
    // What is done with a reader's statement is done on its own thread.
    let is_reader = access == Access::Read;
    let streamed = !is_reader && matches!(sql::classify(&sql), Statement::Insert { .. });
    let (pieces, rest) = mpsc::channel(PIECES_WAITING);
    if streamed {
        tokio::spawn(forward(body, pieces));
    } else {
        let max_bytes = match access {
            Access::Write | Access::Look => STATEMENT_MAX_BYTES,
            Access::Read => READER_STATEMENT_MAX_BYTES,
        };
        let left = max_bytes.saturating_sub(sql.len());
        let body = whole(body, asked.framed_body, left)
            .await?
            .ok_or_else(|| too_long(max_bytes))?;
        if !sql.is_empty() && !body.is_empty() {
            sql.push(b'\n');
        }
        sql.extend(body);
        drop(pieces);
    }
    if sql.iter().all(u8::is_ascii_whitespace) {
        return Err(Exception::refuse(
            Refusal::SyntaxError,
            "Syntax error: failed at position 1 (end of query): Empty query",
        ));
    }
    let statement = match access {
        Access::Read => Statement::Other,
        Access::Write | Access::Look => {
            if let Some(reason) = sql::refusal(&sql) {
                return Err(Exception::refuse(Refusal::AccessDenied, reason));
            }
            sql::classify(&sql)
        }
    };
    let data = match statement {
        Statement::Insert {
            head_end,
            format,
            data_start,
        } if access == Access::Write => {
            let first = sql.split_off(data_start);
            sql.truncate(head_end);
            Some(InsertData {
                format,
                first,
                rest,
                framed: streamed && asked.framed_body,
            })
        }
        Statement::Insert { .. } | Statement::Select | Statement::Other => None,
    };
    let default_format = match asked.default_format {
        format if format.is_empty() => "TabSeparated".to_string(),
        format => format,
    };
    let job = Job {
        access,
        sql,
        database: asked.database,
        settings: asked.settings,
        parameters: asked.parameters,
        default_format,
        whole_answer: asked.whole_answer,
        frame_answer: asked.frame_answer,
        native_revision: asked.native_revision,
        data,
    };
    Ok((job, asked.query_id))
}

/// None when it is longer than `max_bytes`.
async fn whole(body: Body, framed: bool, max_bytes: usize) -> Result<Option<Vec<u8>>, Exception> {
    let mut bytes = Vec::new();
    let mut body = body.into_data_stream();
    while let Some(piece) = body.next().await {
        let piece = piece.map_err(|e| Exception::refuse(Refusal::NetworkError, e))?;
        if bytes.len() + piece.len() > max_bytes {
            return Ok(None);
        }
        bytes.extend_from_slice(&piece);
    }
    if !framed {
        return Ok(Some(bytes));
    }
    let mut unframer = Unframer::default();
    let contents = unframer.push(&bytes)?;
    unframer.finish()?;
    Ok(Some(contents))
}

/// Hands a body to the engine's thread. A client that breaks off becomes an error there, which
/// cancels its insert.
async fn forward(body: Body, pieces: mpsc::Sender<Result<Bytes, Exception>>) {
    let mut body = body.into_data_stream();
    while let Some(piece) = body.next().await {
        let broken = piece.is_err();
        let piece = piece.map_err(|e| {
            Exception::refuse(Refusal::NetworkError, format!("the client went away: {e}"))
        });
        if pieces.send(piece).await.is_err() || broken {
            return;
        }
    }
}

async fn run(front: Arc<Front>, begun: Begun, flushes: Flushes, started: Instant) -> Response {
    let Begun {
        job,
        query_id,
        slot,
    } = begun;
    let (head_sender, head) = oneshot::channel();
    // And one for the end of an answer that breaks off.
    let (body_sender, body) = mpsc::channel(PIECES_WAITING + 1);
    let reply = Reply::new(&job, head_sender, body_sender);
    let worker = front.clone();
    let threads = match job.access {
        Access::Write | Access::Look => Handle::current(),
        Access::Read => front.reader_threads.clone(),
    };
    threads.spawn_blocking(move || {
        worker.executor.execute(job, reply);
        drop(slot);
    });
    match head.await {
        Ok(head) => response(&head, &query_id, pieces(body, flushes), started),
        Err(_) => refusal(&front, &Exception::engine("the statement's thread died")),
    }
}

/// An answer's body. Where it breaks off, the server ends the connection without the body's last
/// chunk, but not before the pieces before are flushed.
fn pieces(body: mpsc::Receiver<Piece>, flushes: Flushes) -> impl Stream<Item = Piece> {
    ReceiverStream::new(body).then(move |piece| {
        let mut flushes = flushes.clone();
        async move {
            if piece.is_err() {
                flushes.next().await;
            }
            piece
        }
    })
}

fn response(
    head: &Head,
    query_id: &str,
    body: impl Stream<Item = Piece> + Send + 'static,
    started: Instant,
) -> Response {
    let status = head
        .error
        .as_ref()
        .map_or(StatusCode::OK, Exception::status);
    let mut response = Response::builder()
        .status(status)
        .header("Content-Type", content_type(&head.format))
        .header("X-ClickHouse-Server-Display-Name", "gapless")
        .header("X-ClickHouse-Query-Id", query_id)
        .header("X-ClickHouse-Format", &head.format)
        .header("X-ClickHouse-Timezone", "UTC")
        .header("X-ClickHouse-Exception-Tag", &head.exception_tag)
        .header("X-ClickHouse-Summary", summary(head, started));
    if let Some(error) = &head.error {
        response = response.header("X-ClickHouse-Exception-Code", error.code());
    }
    response
        .body(Body::from_stream(body))
        .unwrap_or_else(|error| {
            // A query id or format with bytes that no header may hold.
            let text = format!("the answer's headers cannot be written: {error}\n");
            with_status(StatusCode::BAD_REQUEST, text)
        })
}

fn summary(head: &Head, started: Instant) -> String {
    let s = head.statistics;
    format!(
        r#"{{"read_rows":"{}","read_bytes":"{}","written_rows":"{}","written_bytes":"{}","total_rows_to_read":"0","result_rows":"{}","result_bytes":"{}","elapsed_ns":"{}"}}"#,
        s.read_rows,
        s.read_bytes,
        s.written_rows,
        s.written_bytes,
        s.result_rows,
        s.result_bytes,
        started.elapsed().as_nanos(),
    )
}

fn content_type(format: &str) -> &'static str {
    match format {
        json if json.starts_with("JSON") && json.contains("EachRow") => {
            "application/x-ndjson; charset=UTF-8"
        }
        json if json.starts_with("JSON") => "application/json; charset=UTF-8",
        "TabSeparated" | "TSV" => "text/tab-separated-values; charset=UTF-8",
        csv if csv.starts_with("CSV") => "text/csv; charset=UTF-8; header=absent",
        pretty if pretty.starts_with("Pretty") => "text/plain; charset=UTF-8",
        _ => "application/octet-stream",
    }
}

fn refusal(front: &Front, error: &Exception) -> Response {
    let mut response = with_status(error.status(), error.body(&front.executor.version));
    response
        .headers_mut()
        .insert("X-ClickHouse-Exception-Code", error.code().into());
    response
}

fn with_status(status: StatusCode, text: String) -> Response {
    let mut response = Response::new(Body::from(text));
    *response.status_mut() = status;
    response
}

fn new_query_id() -> String {
    let number: u128 = rand::random();
    let hex = format!("{number:032x}");
    format!(
        "{}-{}-{}-{}-{}",
        &hex[..8],
        &hex[8..12],
        &hex[12..16],
        &hex[16..20],
        &hex[20..]
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::stream;

    #[tokio::test]
    async fn a_form_without_end_is_refused() {
        let head = "--x\r\nContent-Disposition: form-data; name=\"query\"\r\n\r\n";
        let more = stream::repeat(Bytes::from(vec![b'x'; 1 << 16]));
        let endless = stream::iter([Bytes::from(head)]).chain(more);
        let body = Body::from_stream(endless.map(Ok::<_, std::convert::Infallible>));
        let mut asked = Request::from_headers(&HeaderMap::new());
        let refused = take_form(&mut asked, body, "x".into(), FORM_MAX_BYTES).await;
        let refused = refused.expect_err("it never ends").body("1");
        assert!(refused.starts_with("Code: 36."), "{refused}");
    }
}
