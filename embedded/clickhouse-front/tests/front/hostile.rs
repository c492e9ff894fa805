//! A reader who wants to take the machine, beside a writer: the writer writes on, in its time, and
//! the front's memory stays within its bound.
//!
//! What is asserted is what holds on a busy machine, too. The times are printed
//! (`--nocapture`); `GAPLESS_HOSTILE_SECONDS` makes the run longer.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crate::running::{Fresh, MEMORY_BYTES, READER_PASSWORD, Running};

/// As many events a second as a busy organisation sends at its worst.
const INSERTS_PER_SECOND: u32 = 200;
/// The engine's code, its threads' stacks and what the front holds of requests and answers.
const BESIDE_THE_BOUND_BYTES: u64 = 768 << 20;
/// However busy the machine: a second is a writer who waits for readers.
const INSERT_WITHIN: Duration = Duration::from_secs(5);
const CONNECTIONS: usize = 1_000;

fn seconds() -> u64 {
    let seconds = std::env::var("GAPLESS_HOSTILE_SECONDS").ok();
    seconds.map_or(6, |seconds| seconds.parse().expect("a number"))
}

/// What is measured is the front, not who of this program's threads gets a core.
fn give_way() {
    rustix::process::setpriority_process(None, 19).expect("always allowed");
}

/// How long each insert took, the shortest first.
fn inserts(front: &Running, seconds: u64) -> Vec<Duration> {
    let mut took = Vec::new();
    let began = Instant::now();
    for number in 0..u64::from(INSERTS_PER_SECOND) * seconds {
        let due = began + Duration::from_secs(1) / INSERTS_PER_SECOND * number as u32;
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
        let at = Instant::now();
        let answer = front.post("", &format!("INSERT INTO gapless.t VALUES ({number}, 'x')"));
        took.push(at.elapsed());
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        if began.elapsed() > Duration::from_secs(4 * seconds) {
            break;
        }
    }
    took.sort_unstable();
    took
}

fn percentile(took: &[Duration], percent: usize) -> Duration {
    took[(took.len() - 1) * percent / 100]
}

/// Statements that cost as much as a reader can make them cost.
fn costly() -> Vec<String> {
    let long = 1 << 20;
    let fill = |head: &str, piece: &str, tail: &str| {
        let count = (long - head.len() - tail.len()) / piece.len();
        format!("{head}{}{tail}", piece.repeat(count))
    };
    vec![
        fill("SELECT ", "[", ""),
        fill("SELECT ", "(", ""),
        fill("SELECT [", "1,", "1]"),
        fill("SELECT ", "a,", "a"),
        fill("SELECT ", "1+", "1"),
        fill("SELECT ", "NOT ", "1"),
        fill("SELECT 1", " UNION ALL SELECT 1", ""),
        fill("SELECT ", "(SELECT ", "1"),
        fill("SELECT '", "x", "'"),
        fill("SELECT 1 -- ", "x", ""),
        format!("SELECT {}1{}", "(".repeat(250), ")".repeat(250)),
        format!("SELECT {}1{}", "abs(".repeat(2_000), ")".repeat(2_000)),
        "SELECT number % 10000000 AS k, count(), groupArray(toString(number)) FROM numbers(1000000000) GROUP BY k".into(),
        "SELECT uniqExact(number) FROM numbers(1000000000)".into(),
        "SELECT a.number FROM numbers(100000000) AS a JOIN numbers(100000000) AS b ON a.number = b.number".into(),
        "SELECT cityHash64(number) AS h FROM numbers(1000000000) ORDER BY h LIMIT 1 BY h % 1000000".into(),
        "SELECT groupArray(number) FROM numbers(1000000000)".into(),
        "SELECT repeat('x', 1000000) FROM numbers(100000) FORMAT JSON".into(),
        "SELECT arrayMap(x -> arrayMap(y -> x * y, range(10000)), range(10000))".into(),
        "SELECT count() FROM numbers(1000000000000)".into(),
    ]
}

/// Sends a head that announces a body of 40 MB, and as much of it as is taken; returns the answer.
fn announce(front: &Running) -> String {
    let mut connection = TcpStream::connect(front.address).expect("it listens");
    let head = format!(
        "POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nX-ClickHouse-User: reader\r\n\
         X-ClickHouse-Key: {READER_PASSWORD}\r\nContent-Length: {}\r\n\r\n",
        40 << 20
    );
    connection.write_all(head.as_bytes()).expect("sent");
    let mut answer = vec![0; 64];
    let count = connection.read(&mut answer).expect("answered at once");
    String::from_utf8_lossy(&answer[..count]).into_owned()
}

/// A query without end of which nothing is taken.
fn take_nothing(front: &Running) -> TcpStream {
    let mut connection = TcpStream::connect(front.address).expect("it listens");
    let request = format!(
        "GET /?query=SELECT+number+FROM+system.numbers HTTP/1.1\r\nHost: x\r\n\
         X-ClickHouse-User: reader\r\nX-ClickHouse-Key: {READER_PASSWORD}\r\n\r\n"
    );
    // It may be ended at once, for those that came later.
    let _ = connection.write_all(request.as_bytes());
    connection
}

/// Sends a statement; whatever becomes of it.
fn send(front: &Running, statement: &str) {
    let Ok(mut connection) = TcpStream::connect(front.address) else {
        return;
    };
    let request = format!(
        "POST /?max_execution_time=2 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\
         X-ClickHouse-User: reader\r\nX-ClickHouse-Key: {READER_PASSWORD}\r\n\
         Content-Length: {}\r\n\r\n{statement}",
        statement.len()
    );
    if connection.write_all(request.as_bytes()).is_ok() {
        let _ = std::io::copy(&mut connection, &mut std::io::sink());
    }
}

#[test]
fn a_statement_is_bounded_before_it_is_read() {
    let Some(fresh) = Fresh::start() else { return };
    let front = &fresh.front;
    let refused = announce(front);
    assert!(refused.starts_with("HTTP/1.1 413"), "{refused}");
    let in_url = front.ask("query=SELECT+1+", &"-- x\n".repeat((1 << 20) / 5));
    assert!(in_url.starts_with("HTTP/1.1 413"), "{in_url}");
    assert!(in_url.contains("Code: 307."), "{in_url}");
    let whole = front.ask("", &format!("SELECT length('{}')", "x".repeat(900_000)));
    assert!(whole.contains("\r\n900000\n"), "{whole}");
    let framed = front.ask("decompress=1", "SELECT 1");
    assert!(
        framed.contains("x-clickhouse-exception-code: 48"),
        "{framed}"
    );
    for nested in [
        format!("SELECT {}1{}", "abs(".repeat(2_000), ")".repeat(2_000)),
        format!("SELECT {}1{}", "(SELECT ".repeat(2_000), ")".repeat(2_000)),
        format!("SELECT {}", "[".repeat(1_000_000)),
        format!("SELECT {}1", "NOT ".repeat(200_000)),
    ] {
        let answer = front.ask("", &nested);
        let is_bounded = ["code: 306", "code: 167", "code: 718", "code: 62"]
            .iter()
            .any(|code| answer.contains(&format!("x-clickhouse-exception-{code}")));
        assert!(is_bounded, "{}: {answer}", &nested[..20]);
    }
}

#[test]
fn the_writers_connection_stays_when_there_are_too_many() {
    let Some(fresh) = Fresh::start() else { return };
    let front = &fresh.front;
    let mut writers = TcpStream::connect(front.address).expect("it listens");
    let mut ask = || {
        let request = format!(
            "POST / HTTP/1.1\r\nHost: x\r\nX-ClickHouse-User: writer\r\nX-ClickHouse-Key: {}\r\n\
             Content-Length: 8\r\n\r\nSELECT 1",
            crate::running::WRITER_PASSWORD
        );
        writers.write_all(request.as_bytes()).expect("sent");
        // To its end, in however many pieces it comes: the next answer follows on the same connection.
        let mut answer = String::new();
        let is_whole = |answer: &str| {
            answer.ends_with("0\r\n\r\n")
                || answer.to_lowercase().contains("content-length:") && answer.ends_with("\r\n1\n")
        };
        while !is_whole(&answer) {
            let mut piece = [0; 4_096];
            let count = writers.read(&mut piece).expect("answered");
            assert!(count > 0, "the connection stays: {answer}");
            answer.push_str(&String::from_utf8_lossy(&piece[..count]));
        }
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    };
    ask();
    let others: Vec<TcpStream> = (0..CONNECTIONS)
        .map(|_| TcpStream::connect(front.address).expect("it listens"))
        .collect();
    // None of them says whose it is; once it had the time to, the oldest makes room for a new one.
    let mut oldest = &others[0];
    let patience = Some(Duration::from_millis(100));
    oldest.set_read_timeout(patience).expect("set");
    loop {
        let _new = TcpStream::connect(front.address).expect("it listens");
        match oldest.read(&mut [0]) {
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
            ended => break assert!(ended.is_err() || ended.is_ok_and(|count| count == 0)),
        }
    }
    ask();
    assert!(front.ask("", "SELECT 1").contains("\r\n1\n"));
}

#[test]
fn a_hostile_reader_neither_stops_the_writer_nor_takes_the_memory() {
    let Some(fresh) = Fresh::start() else { return };
    let front = &fresh.front;
    let table = "CREATE TABLE gapless.t (a UInt64, b String) ENGINE = MergeTree ORDER BY a \
                 SETTINGS parts_to_delay_insert = 100000, parts_to_throw_insert = 100000";
    assert!(front.post("", table).starts_with("HTTP/1.1 200"));
    let seconds = seconds();
    let alone = inserts(front, seconds);
    let is_over = AtomicBool::new(false);
    let sent = AtomicUsize::new(0);
    let statements = costly();
    let beside = std::thread::scope(|scope| {
        for first in 0..24 {
            let (statements, is_over, sent) = (&statements, &is_over, &sent);
            scope.spawn(move || {
                give_way();
                for statement in statements.iter().cycle().skip(first) {
                    if is_over.load(Ordering::Relaxed) {
                        return;
                    }
                    send(front, statement);
                    sent.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        scope.spawn(|| {
            give_way();
            let mut held = Vec::new();
            while !is_over.load(Ordering::Relaxed) {
                held.push(take_nothing(front));
                if held.len() > CONNECTIONS {
                    held.clear();
                }
                assert!(announce(front).starts_with("HTTP/1.1 413"));
            }
        });
        let took = std::panic::catch_unwind(|| inserts(front, seconds));
        is_over.store(true, Ordering::Relaxed);
        took.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    });
    let peak_bytes = front.memory_bytes("VmHWM");
    for (name, took) in [("alone", &alone), ("beside a hostile reader", &beside)] {
        println!(
            "{} inserts {name}: p50 {:?}, p99 {:?}, longest {:?}",
            took.len(),
            percentile(took, 50),
            percentile(took, 99),
            percentile(took, 100)
        );
    }
    let sent = sent.load(Ordering::Relaxed);
    println!(
        "{sent} hostile statements; {} MB at the most",
        peak_bytes >> 20
    );
    assert!(percentile(&beside, 100) < INSERT_WITHIN);
    assert!(peak_bytes < MEMORY_BYTES + BESIDE_THE_BOUND_BYTES);
    let count = front.post("", "SELECT count() FROM gapless.t");
    assert!(
        count.contains(&format!("\r\n{}\n", alone.len() + beside.len())),
        "{count}"
    );
    assert!(
        front.ask("", "SELECT 1").contains("\r\n1\n"),
        "readers are served again"
    );
}
