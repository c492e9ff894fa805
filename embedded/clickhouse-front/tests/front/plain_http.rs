//! What other clients send: curl, clickhouse-go, a browser.

use crate::running::{Fresh, READER_PASSWORD};
use std::io::{Read, Write};
use std::net::TcpStream;

#[test]
fn plain_requests_are_answered_as_a_server_answers_them() {
    let Some(fresh) = Fresh::start() else { return };
    let front = &fresh.front;
    let get = |path: &str, headers: &str| {
        front.raw(
            format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{headers}\r\n")
                .as_bytes(),
        )
    };
    assert!(get("/ping", "").ends_with("Ok.\n"));
    assert!(get("/", "").ends_with("Ok.\n"));

    let refused = get("/?query=SELECT+1", "");
    assert!(refused.starts_with("HTTP/1.1 403"), "{refused}");
    assert!(
        refused.contains("x-clickhouse-exception-code: 516"),
        "{refused}"
    );

    let reader = format!("X-ClickHouse-User: reader\r\nX-ClickHouse-Key: {READER_PASSWORD}\r\n");
    let json = get("/?query=SELECT+1+AS+one+FORMAT+JSON", &reader);
    assert!(json.starts_with("HTTP/1.1 200"), "{json}");
    assert!(json.contains("content-type: application/json") && json.contains("\"one\": 1"));

    // A GET changes nothing, even with the writer's password.
    let password = crate::running::WRITER_PASSWORD.replace(' ', "+");
    let changed = get(
        &format!("/?user=writer&password={password}&query=CREATE+DATABASE+x"),
        "",
    );
    assert!(
        changed.contains("x-clickhouse-exception-code: 164"),
        "{changed}"
    );

    let statements = [
        ("", "", "62"),
        ("session_id=1", "SELECT 1", "48"),
        ("", "SELECT 1; SELECT 2", "497"),
        (
            "decompress=1",
            "not a frame, but long enough for one",
            "271",
        ),
        ("", "SELECT 1 FORMAT Nosuch", "73"),
    ];
    for (parameters, statement, code) in statements {
        let answer = front.post(parameters, statement);
        let header = format!("x-clickhouse-exception-code: {code}\r\n");
        assert!(answer.contains(&header), "{statement}: {answer}");
    }
}

#[test]
fn inserts_take_their_data_from_body_or_statement() {
    let Some(fresh) = Fresh::start() else { return };
    let front = &fresh.front;
    let ok = |answer: String| assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    ok(front.post(
        "",
        "CREATE TABLE t (a UInt32, b String) ENGINE = MergeTree ORDER BY a",
    ));
    ok(front.post("", "INSERT INTO t VALUES (1, 'FORMAT x'), (2, 'b');"));
    ok(front.post(
        "query=INSERT+INTO+t+FORMAT+JSONEachRow",
        "{\"a\": 3, \"b\": \"c\"}\n",
    ));
    ok(front.post("", "INSERT INTO t FORMAT CSV\n4,d\n5,e\n"));
    ok(front.post("", "INSERT INTO t SELECT number, 'n' FROM numbers(6, 2)"));
    let rows = front.post("", "SELECT groupArray(a) FROM (SELECT a FROM t ORDER BY a)");
    assert!(rows.contains("[1,2,3,4,5,6,7]"), "{rows}");

    let wrong = front.post(
        "query=INSERT+INTO+t+FORMAT+JSONEachRow",
        "{\"a\": \"no number\"}\n",
    );
    assert!(!wrong.starts_with("HTTP/1.1 200"), "{wrong}");
    let count = front.post("", "SELECT count() FROM t");
    assert!(count.contains("\r\n7\n"), "{count}");
}

/// Neither body ever arrives: what is answered does not depend on it.
#[test]
fn a_stranger_is_refused_before_the_body_is_read() {
    let Some(fresh) = Fresh::start() else { return };
    for content_type in ["text/plain", "multipart/form-data; boundary=x"] {
        let refused = fresh.front.raw(
            format!(
                "POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\
                 Content-Type: {content_type}\r\nContent-Length: 1000\r\n\r\n"
            )
            .as_bytes(),
        );
        assert!(refused.starts_with("HTTP/1.1 403"), "{refused}");
    }
}

#[test]
fn a_form_holds_statement_parameters_and_settings() {
    let Some(fresh) = Fresh::start() else { return };
    let ask = |setting: &str| {
        let fields = [
            ("query", "SELECT {a:UInt8} + 1"),
            ("param_a", "41"),
            (setting, "1"),
        ];
        let form: String = fields
            .iter()
            .map(|(name, value)| {
                format!("--x\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
            })
            .collect();
        fresh.front.raw(
            format!(
                "POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nX-ClickHouse-User: reader\r\n\
                 X-ClickHouse-Key: {READER_PASSWORD}\r\nContent-Length: {}\r\n\
                 Content-Type: multipart/form-data; boundary=x\r\n\r\n{form}--x--\r\n",
                form.len() + 7
            )
            .as_bytes(),
        )
    };
    let answer = ask("max_threads");
    assert!(
        answer.starts_with("HTTP/1.1 200") && answer.contains("\r\n42\n"),
        "{answer}"
    );
    let refused = ask("readonly");
    assert!(
        refused.contains("x-clickhouse-exception-code: 497"),
        "{refused}"
    );
}

#[test]
fn an_answer_that_fails_midway_does_not_end_as_a_whole_one_does() {
    let Some(fresh) = Fresh::start() else { return };
    let last_chunk = "\r\n0\r\n\r\n";
    let whole = fresh.front.post("", "SELECT number FROM numbers(4000000)");
    assert!(whole.ends_with(last_chunk), "{}", &whole[..600]);
    // More than fits between the two: the error waits behind rows that were not sent yet.
    for parameters in ["", "compress=1"] {
        let sql = "SELECT throwIf(number = 3000000) FROM numbers(4000000)";
        let broken = fresh.front.post(parameters, sql);
        assert!(broken.starts_with("HTTP/1.1 200"), "{}", &broken[..600]);
        assert!(
            !broken.ends_with(last_chunk),
            "taken for whole: {parameters}"
        );
        if parameters.is_empty() {
            let end = &broken[broken.len() - 600..];
            assert!(end.contains("Code: 395"), "{end}");
            assert!(end.ends_with("\r\n__exception__\r\n\r\n"), "{end}");
        }
    }
}

/// clickhouse-go asks for Native blocks of its own revision; Grafana's data source uses it.
#[test]
fn native_blocks_come_at_the_clients_revision() {
    let Some(fresh) = Fresh::start() else { return };
    let body = |answer: &str| answer.split_once("\r\n\r\n").expect("a body").1.to_string();
    let sql = "SELECT toUInt8(7) AS seven";
    let plain = body(&fresh.front.post("default_format=Native", sql));
    assert!(
        plain.contains("\u{1}\u{1}\u{5}seven\u{5}UInt8\u{7}"),
        "{plain:?}"
    );
    let parameters = "default_format=Native&client_protocol_version=54460";
    let upgraded = body(&fresh.front.post(parameters, sql));
    assert!(
        upgraded.contains("\u{0}\u{1}\u{1}\u{5}seven\u{5}UInt8\u{0}\u{7}"),
        "{upgraded:?}"
    );

    // Every type that tables or dashboards use passes the walk.
    let sql = "SELECT toDate(0), toDateTime64(0, 3, 'UTC'), [toLowCardinality('a')], \
               map('k', 1), (1, 'x'), toNullable(1.5), toDecimal64(1, 2), CAST('a', 'Enum8(\\'a\\' = 1)'), \
               toLowCardinality(toNullable('z')), generateUUIDv4(), toFixedString('ab', 2), \
               [[1, 2], []], toIntervalDay(1), true FROM numbers(3)";
    let answer = fresh.front.post(parameters, sql);
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    let states = fresh.front.post(parameters, "SELECT uniqState(1)");
    assert!(
        states.contains("x-clickhouse-exception-code: 48"),
        "{states}"
    );
}

#[test]
fn a_stop_lets_the_running_statement_end() {
    let Some(fresh) = Fresh::start() else { return };
    let Fresh { front, .. } = fresh;
    let mut connection = TcpStream::connect(front.address).expect("it listens");
    let request = format!(
        "GET /?query=SELECT+number+FROM+numbers(10000000) HTTP/1.1\r\nHost: x\r\n\
         Connection: close\r\nX-ClickHouse-User: reader\r\nX-ClickHouse-Key: {READER_PASSWORD}\r\n\r\n"
    );
    connection.write_all(request.as_bytes()).expect("sent");
    // More than fits between the two: it runs for as long as nobody reads.
    let mut answer = vec![0];
    connection.read_exact(&mut answer).expect("answering");
    front.terminate();
    connection.read_to_end(&mut answer).expect("answered");
    let end = String::from_utf8_lossy(&answer[answer.len() - 64..]).into_owned();
    assert!(end.contains("\n9999999\n"), "{end}");
    assert!(front.ends(), "not ended with success");
}
