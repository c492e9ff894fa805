//! The webhook over real sockets: every status code, and every kind of bad input.

mod connections;
#[path = "../support/mod.rs"]
mod support;

use gapless_ingest::Secret;
use gapless_ingest::webhook::{BODY_MAX_BYTES, Limits, Outcome, sign};
use gapless_schemas::Source;
use std::time::Duration;
use support::{Mood, SECRET, TestServer};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const BODY: &[u8] = br#"{"action":"opened","number":7,"repository":{"id":2,"full_name":"o/r","owner":{"login":"o","id":1}},"issue":{"number":7,"updated_at":"2020-03-28T17:06:26Z"}}"#;

/// A request before it is sent: right in every respect until a case changes something.
#[derive(Clone)]
struct Given {
    method: &'static str,
    headers: Vec<(&'static str, String)>,
    body: Vec<u8>,
}

impl Given {
    fn with(body: &[u8]) -> Self {
        let headers = vec![
            ("X-GitHub-Event", "issues".to_owned()),
            ("X-GitHub-Delivery", "guid-1".to_owned()),
            ("Content-Type", "application/json".to_owned()),
            ("X-Hub-Signature-256", sign(&Secret::new(SECRET), body)),
        ];
        Self {
            method: "POST",
            headers,
            body: body.to_vec(),
        }
    }

    fn right() -> Self {
        Self::with(BODY)
    }

    fn method(mut self, method: &'static str) -> Self {
        self.method = method;
        self
    }

    fn without(mut self, name: &str) -> Self {
        self.headers.retain(|(found, _)| *found != name);
        self
    }

    fn and(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    fn instead(self, name: &'static str, value: impl Into<String>) -> Self {
        self.without(name).and(name, value)
    }

    fn body(mut self, body: &[u8]) -> Self {
        self.body = body.to_vec();
        self
    }

    async fn send(self, server: &TestServer) -> (u16, reqwest::header::HeaderMap, String) {
        let method = self.method.parse().unwrap();
        let mut request = support::client().request(method, server.url());
        for (name, value) in self.headers {
            request = request.header(name, value);
        }
        let response = request.body(self.body).send().await.unwrap();
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        (status, headers, response.text().await.unwrap())
    }
}

#[tokio::test]
async fn every_bad_request_gets_its_documented_answer_and_harms_no_other() {
    let server = TestServer::start(Limits::default()).await;
    let signed = |body: &[u8]| sign(&Secret::new(SECRET), body);
    let upper = signed(BODY).to_uppercase().replace("SHA256", "sha256");
    let nest = format!("{{\"a\":{}{}}}", "[".repeat(1 << 20), "]".repeat(1 << 20));
    let right = Given::right;
    let signature = "X-Hub-Signature-256";
    let table = [
        (right().method("GET"), Outcome::MethodNotAllowed),
        (right().method("PUT"), Outcome::MethodNotAllowed),
        (right().method("DELETE"), Outcome::MethodNotAllowed),
        (right().without("X-GitHub-Event"), Outcome::EventHeader),
        (right().and("X-GitHub-Event", "push"), Outcome::EventHeader),
        (right().instead("X-GitHub-Event", ""), Outcome::EventHeader),
        (
            right().instead("X-GitHub-Event", "a b"),
            Outcome::EventHeader,
        ),
        (
            right().without("X-GitHub-Delivery"),
            Outcome::DeliveryHeader,
        ),
        (
            right().instead("X-GitHub-Delivery", "g".repeat(129)),
            Outcome::DeliveryHeader,
        ),
        (
            right().and("Content-Encoding", "gzip"),
            Outcome::ContentEncoding,
        ),
        (right().without("Content-Type"), Outcome::ContentType),
        (
            right().instead("Content-Type", "text/plain"),
            Outcome::ContentType,
        ),
        (
            right().and("X-GitHub-Enterprise-Host", "evil.example.com"),
            Outcome::UnknownHost,
        ),
        (
            right().and("X-GitHub-Enterprise-Host", "ghes.example.com"),
            Outcome::SignatureWrong,
        ),
        (right().without(signature), Outcome::SignatureMissing),
        (
            right().without(signature).and("X-Hub-Signature", "sha1=00"),
            Outcome::SignatureSha1Only,
        ),
        (
            right().and(signature, signed(BODY)),
            Outcome::SignatureRepeated,
        ),
        (
            right().instead(signature, &signed(BODY)[..70]),
            Outcome::SignatureLength,
        ),
        (right().instead(signature, upper), Outcome::SignatureDigits),
        (
            right().instead(signature, signed(b"other")),
            Outcome::SignatureWrong,
        ),
        (right().body(b"other"), Outcome::SignatureWrong),
        (Given::with(b""), Outcome::NotJson),
        (Given::with(b"not json"), Outcome::NotJson),
        (Given::with(b"{\"a\":\"\xff\"}"), Outcome::NotUtf8),
        (Given::with(b"[{}]"), Outcome::NotAnObject),
        (
            Given::with(br#"{"repository":{"id":1},"repositor\u0079":{"id":2}}"#),
            Outcome::Ambiguous,
        ),
        (Given::with(nest.as_bytes()), Outcome::NotJson),
        (
            Given::with(b"payload=%7").instead("Content-Type", "application/x-www-form-urlencoded"),
            Outcome::FormPayload,
        ),
    ];
    for (given, outcome) in table {
        let before = server.webhook.counters().count(outcome);
        let (status, headers, text) = given.clone().send(&server).await;
        assert_eq!(status, outcome.status(), "{:?}", given.headers);
        assert!(text.contains(outcome.message()), "{text} for {outcome:?}");
        assert_eq!(headers.contains_key("allow"), status == 405);
        assert_eq!(server.webhook.counters().count(outcome), before + 1);
    }
    assert_eq!(server.log.taken(), []);
    assert_eq!(server.post("issues", "guid-1", BODY).await, 202);
    server.stop().await;
}

#[tokio::test]
async fn checks_stand_in_the_documented_order() {
    let server = TestServer::start(Limits::default()).await;
    // Everything is wrong at first; each step mends the check that answered.
    let mut given = Given::with(b"[")
        .method("GET")
        .without("X-GitHub-Event")
        .without("X-GitHub-Delivery")
        .instead("Content-Type", "text/plain")
        .and("Content-Encoding", "gzip")
        .and("X-GitHub-Enterprise-Host", "evil.example.com")
        .without("X-Hub-Signature-256");
    type Mend = fn(Given) -> Given;
    let steps: [(Outcome, Mend); 9] = [
        (Outcome::MethodNotAllowed, |given| given.method("POST")),
        (Outcome::EventHeader, |given| {
            given.and("X-GitHub-Event", "issues")
        }),
        (Outcome::DeliveryHeader, |given| {
            given.and("X-GitHub-Delivery", "g")
        }),
        (Outcome::ContentEncoding, |given| {
            given.without("Content-Encoding")
        }),
        (Outcome::ContentType, |given| {
            given.instead("Content-Type", "application/json")
        }),
        (Outcome::UnknownHost, |given| {
            given.without("X-GitHub-Enterprise-Host")
        }),
        (Outcome::SignatureMissing, |given| {
            given.and("X-Hub-Signature-256", sign(&Secret::new(SECRET), b"{"))
        }),
        (Outcome::SignatureWrong, |given| {
            given.instead("X-Hub-Signature-256", sign(&Secret::new(SECRET), b"["))
        }),
        (Outcome::NotJson, |given| given),
    ];
    for (outcome, mend) in steps {
        let (status, _, text) = given.clone().send(&server).await;
        assert_eq!(status, outcome.status());
        assert!(text.contains(outcome.message()), "{text} for {outcome:?}");
        given = mend(given);
    }
    server.stop().await;
}

#[tokio::test]
async fn an_accepted_delivery_is_in_the_log_with_its_bytes_untouched() {
    let server = TestServer::start(Limits::default()).await;
    let given = Given::right()
        .and("X-GitHub-Hook-Installation-Target-ID", "77")
        .and("X-GitHub-Hook-ID", "88")
        .and("X-Forwarded-For", "1.2.3.4");
    assert_eq!(given.send(&server).await.0, 202);
    let [event] = &server.log.taken()[..] else {
        panic!("one event")
    };
    assert_eq!(event.payload, BODY);
    assert_eq!(event.source, Source::Webhook);
    assert_eq!(
        (event.kind.as_str(), event.action.as_deref()),
        ("issues", Some("opened"))
    );
    assert_eq!(
        (event.repository_id, event.owner_id, event.number),
        (Some(2), Some(1), Some(7))
    );
    assert_eq!(event.occurred_at, "2020-03-28T17:06:26Z".parse().ok());
    assert_eq!(event.hook_target_id, Some(77));
    assert_eq!(event.host, "github.com");
    assert_eq!(event.headers["x-github-hook-id"], "88");
    assert!(!event.headers.contains_key("x-forwarded-for"));
    server.stop().await;
}

#[tokio::test]
async fn unknown_kinds_missing_fields_and_odd_numbers_are_kept() {
    let server = TestServer::start(Limits::default()).await;
    let bodies: [&[u8]; 4] = [
        b"{}",
        br#"{"repository":{"id":1e400},"number":18446744073709551616}"#,
        br#"{"repository":{"id":9007199254740993}}"#,
        br#"{"zen":"\ud800"}"#,
    ];
    for (index, body) in bodies.into_iter().enumerate() {
        assert_eq!(
            server
                .post("brand_new_kind", &format!("g{index}"), body)
                .await,
            202
        );
    }
    let events = server.log.taken();
    assert_eq!(events.len(), bodies.len());
    assert_eq!(events[1].repository_id, None);
    assert_eq!(events[2].repository_id, Some(9_007_199_254_740_993));
    server.stop().await;
}

#[tokio::test]
async fn a_form_is_verified_raw_and_kept_decoded() {
    let server = TestServer::start(Limits::default()).await;
    let given = Given::with(b"payload=%7B%22zen%22%3A%22a+b%22%7D").instead(
        "Content-Type",
        "application/x-www-form-urlencoded; charset=utf-8",
    );
    assert_eq!(given.send(&server).await.0, 202);
    assert_eq!(server.log.taken()[0].payload, br#"{"zen":"a b"}"#);
    server.stop().await;
}

#[tokio::test]
async fn either_secret_of_a_rotation_holds_and_each_host_has_its_own() {
    let server = TestServer::start(Limits::default()).await;
    let next = sign(&Secret::new("the next secret"), BODY);
    let ghes = sign(&Secret::new("the secret of the GHES"), BODY);
    let header = "X-Hub-Signature-256";
    let given = Given::right().instead(header, next);
    assert_eq!(given.send(&server).await.0, 202);
    let given = Given::right().instead(header, &ghes);
    assert_eq!(given.clone().send(&server).await.0, 401);
    let given = given.and("X-GitHub-Enterprise-Host", "GHES.example.com");
    assert_eq!(given.send(&server).await.0, 202);
    assert_eq!(server.log.taken()[1].host, "ghes.example.com");
    server.stop().await;
}

#[tokio::test]
async fn a_ping_is_answered_and_kept() {
    let server = TestServer::start(Limits::default()).await;
    let given = Given::with(b"{\"zen\":\"x\"}").instead("X-GitHub-Event", "ping");
    let (status, _, text) = given.send(&server).await;
    assert_eq!((status, text.as_str()), (200, "{\"msg\":\"pong\"}"));
    assert_eq!(server.log.taken()[0].kind, "ping");
    server.stop().await;
}

#[tokio::test]
async fn a_redelivery_is_acknowledged_and_a_guid_stands_for_one_body_only() {
    let server = TestServer::start(Limits::default()).await;
    for _ in 0..3 {
        assert_eq!(server.post("issues", "g", b"{}").await, 202);
    }
    assert_eq!(server.webhook.counters().count(Outcome::Duplicate), 2);
    assert_eq!(server.post("issues", "g", b"{ }").await, 202);
    assert_eq!(server.log.taken().len(), 2);
    server.stop().await;
}

#[tokio::test]
async fn what_the_log_has_not_acknowledged_is_not_acknowledged_to_github() {
    let server = TestServer::start(Limits::default()).await;
    for (mood, status) in [
        (Mood::IsSlow, 503),
        (Mood::IsStopped, 503),
        (Mood::Refuses, 500),
    ] {
        server.log.set(mood);
        let (found, headers, _) = Given::right().send(&server).await;
        assert_eq!(found, status);
        assert_eq!(headers.contains_key("retry-after"), status == 503);
    }
    server.log.set(Mood::Takes);
    assert_eq!(Given::right().send(&server).await.0, 202);
    assert_eq!(server.webhook.counters().count(Outcome::Duplicate), 0);
    server.stop().await;
}

#[tokio::test]
async fn at_the_memory_bound_a_delivery_gets_503_and_the_others_go_on() {
    let limits = Limits {
        in_flight_max_bytes: 1_000,
        stop_timeout: Duration::from_millis(10),
        ..Limits::default()
    };
    let server = TestServer::start(limits).await;
    server.log.set(Mood::Hangs);
    let large = format!("{{\"a\":\"{}\"}}", "x".repeat(600)).into_bytes();
    let hanging = {
        let given = Given::with(&large);
        let url = server.url();
        tokio::spawn(async move {
            let mut request = support::client().post(url);
            for (name, value) in given.headers {
                request = request.header(name, value);
            }
            request.body(given.body).send().await
        })
    };
    while !server.metrics().contains("in_flight_bytes 608") {
        tokio::task::yield_now().await;
    }
    server.log.set(Mood::Takes);
    let (status, headers, _) = Given::with(&large).send(&server).await;
    assert_eq!(status, 503);
    assert!(headers.contains_key("retry-after"));
    assert_eq!(server.post("issues", "small", BODY).await, 202);
    hanging.abort();
    while !server.metrics().contains("in_flight_bytes 0") {
        tokio::task::yield_now().await;
    }
    assert_eq!(server.post("issues", "large", &large).await, 202);
    server.stop().await;
}

#[tokio::test]
async fn twenty_five_megabytes_are_taken_and_a_byte_more_is_not() {
    let server = TestServer::start(Limits::default()).await;
    let frame = "{\"a\":\"\"}".len();
    let fitting = format!("{{\"a\":\"{}\"}}", "x".repeat(BODY_MAX_BYTES - frame)).into_bytes();
    assert_eq!(fitting.len(), BODY_MAX_BYTES);
    assert_eq!(server.post("issues", "fits", &fitting).await, 202);
    let mut larger = fitting.clone();
    larger.push(b' ');
    assert_eq!(server.post("issues", "declared", &larger).await, 413);

    let mut stream = TcpStream::connect(server.address).await.unwrap();
    let head = format!(
        "POST /webhook HTTP/1.1\r\nHost: h\r\nX-GitHub-Event: issues\r\nX-GitHub-Delivery: g\r\n\
         Content-Type: application/json\r\nX-Hub-Signature-256: {}\r\n\
         Transfer-Encoding: chunked\r\n\r\n{:x}\r\n",
        sign(&Secret::new(SECRET), &larger),
        larger.len()
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(&larger).await.unwrap();
    stream.write_all(b"\r\n0\r\n\r\n").await.unwrap();
    assert_eq!(status_of(&mut stream).await, Some(413));
    assert_eq!(server.log.taken().len(), 1);
    server.stop().await;
}

#[tokio::test]
async fn what_is_refused_is_answered_before_its_body_comes() {
    // Who waits for the body waits for this long.
    let limits = Limits {
        body_timeout: Duration::from_secs(600),
        ..Limits::default()
    };
    let server = TestServer::start(limits).await;
    let head = |headers: &str| {
        format!(
            "POST /webhook HTTP/1.1\r\nHost: h\r\nX-GitHub-Event: issues\r\nX-GitHub-Delivery: g\r\n\
             Content-Type: application/json\r\nX-Hub-Signature-256: {}\r\n{headers}\r\n",
            sign(&Secret::new(SECRET), BODY)
        )
    };
    let larger = BODY_MAX_BYTES + 1;
    let declared = head(&format!("Content-Length: {larger}\r\n"));
    let expecting = head(&format!(
        "Content-Length: {larger}\r\nExpect: 100-continue\r\n"
    ));
    let huge = head("Content-Length: 18446744073709551600\r\n");
    let unknown = declared
        .replace("X-GitHub-Event", "X-Other")
        .replace("26214401", "7");
    // A chunk beyond the limit of which all but the last byte has come.
    let chunked = head("Transfer-Encoding: chunked\r\n") + &format!("{:x}\r\n", larger + 1);
    let chunked = [chunked.as_bytes(), &vec![b' '; larger]].concat();
    for (sent, status) in [
        (declared.as_bytes(), 413),
        (expecting.as_bytes(), 413),
        (huge.as_bytes(), 413),
        (unknown.as_bytes(), 400),
        (&chunked, 413),
    ] {
        let mut stream = TcpStream::connect(server.address).await.unwrap();
        stream.write_all(sent).await.unwrap();
        let answer = tokio::time::timeout(Duration::from_secs(30), status_of(&mut stream)).await;
        assert_eq!(answer.ok().flatten(), Some(status));
    }
    // One that fits is asked for, and answered once it is there.
    let fitting = head(&format!(
        "Content-Length: {}\r\nExpect: 100-continue\r\n",
        BODY.len()
    ));
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    stream.write_all(fitting.as_bytes()).await.unwrap();
    assert_eq!(status_of(&mut stream).await, Some(100));
    stream.write_all(BODY).await.unwrap();
    assert_eq!(status_of(&mut stream).await, Some(202));
    server.stop().await;
}

#[tokio::test]
async fn other_paths_do_not_exist() {
    let server = TestServer::start(Limits::default()).await;
    let url = server.url().replace("/webhook", "/metrics");
    assert_eq!(
        support::client()
            .get(url)
            .send()
            .await
            .unwrap()
            .status()
            .as_u16(),
        404
    );
    server.stop().await;
}

/// The status of the answer, or none where the connection ended without one.
async fn status_of(stream: &mut TcpStream) -> Option<u16> {
    let mut answer = Vec::new();
    let mut buffer = [0; 1024];
    while !answer.windows(4).any(|window| window == b"\r\n\r\n") {
        match stream.read(&mut buffer).await {
            Ok(0) | Err(_) => break,
            Ok(count) => answer.extend_from_slice(&buffer[..count]),
        }
    }
    let text = String::from_utf8_lossy(&answer);
    text.split(' ').nth(1)?.parse().ok()
}
