//! A payload has two readers: the webhook, which judges and routes it, and the processors' parser, by
//! which it takes effect. On generated JSON that is doubled, escaped, contradicting, too large, too deep
//! or no JSON at all they find the same, or the delivery is refused.

use gapless_core::payload::Payload;
use gapless_ingest::webhook::{Limits, Outcome, Webhook, sign};
use gapless_ingest::{AppendError, Appended, EventLog, Secret, SourceConfig, SystemClock};
use gapless_schemas::Event;
use http::{HeaderMap, HeaderValue, Method};
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::collections::BTreeMap;
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};

const PAYLOADS: u64 = 100_000;
const SECRET: &str = "a secret of tests";

/// Keeps the last event.
#[derive(Default)]
struct Last(Mutex<Option<Event>>);

impl Last {
    fn take(&self) -> Option<Event> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl EventLog for Last {
    async fn append(&self, event: Event) -> Result<Appended, AppendError> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(event);
        Ok(Appended {
            partition: 0,
            offset: 0,
        })
    }
}

/// Writes payloads: mostly what GitHub sends, here and there what it never would.
struct Writer {
    random: ChaCha8Rng,
    /// One in so many members is odd.
    rarity: u32,
}

impl Writer {
    fn is_odd(&mut self) -> bool {
        self.random.random_ratio(1, self.rarity)
    }

    fn one_of(&mut self, texts: &[&str]) -> String {
        (*texts.choose(&mut self.random).expect("some")).to_owned()
    }

    /// Some of `fields`, each with a value of its kind, now and then one of them twice.
    fn object(&mut self, fields: &[(&str, Kind)]) -> String {
        let mut members = Vec::new();
        for (key, kind) in fields {
            if self.random.random_ratio(1, 4 + self.rarity / 8) {
                continue;
            }
            members.push((*key, *kind));
            if self.is_odd() {
                members.push((*key, *kind));
            }
        }
        if self.random.random_bool(0.3) {
            let place = self.random.random_range(0..=members.len());
            members.insert(place, ("unread", Kind::Anything));
        }
        let written: Vec<String> = members
            .into_iter()
            .map(|(key, kind)| {
                let (key, value) = (self.key(key), self.value(kind));
                let gap = self.one_of(&["", "", " ", "\n\t"]);
                format!("\"{key}\"{gap}:{gap}{value}")
            })
            .collect();
        format!("{{{}}}", written.join(","))
    }

    /// A key, now and then with letters as escapes.
    fn key(&mut self, key: &str) -> String {
        if !self.is_odd() {
            return key.to_owned();
        }
        if self.random.random_ratio(1, 20) {
            return "\\ud800".to_owned();
        }
        let written = key.chars().map(|letter| {
            if self.random.random_bool(0.3) {
                format!("\\u{:04x}", u32::from(letter))
            } else {
                letter.to_string()
            }
        });
        written.collect()
    }

    fn value(&mut self, kind: Kind) -> String {
        if self.is_odd() {
            return self.odd();
        }
        match kind {
            Kind::Object(fields) => self.object(fields),
            // One for all, mostly.
            Kind::Number if self.random.random_ratio(1, self.rarity) => "2".to_owned(),
            Kind::Number => "1".to_owned(),
            Kind::Owner if self.random.random_ratio(1, self.rarity) => "\"b\"".to_owned(),
            Kind::Owner => self.one_of(&["\"a\"", "\"A\"", "\"\\u0061\""]),
            Kind::FullName => self.one_of(&["\"a/r\"", "\"a\\/r\"", "\"b/r\"", "\"r\""]),
            Kind::Text => self.one_of(&["\"opened\"", "\"\\u00e9\"", "\"\"", "\"closed\""]),
            Kind::Time => self.one_of(&[
                "\"2020-03-28T17:06:26Z\"",
                "\"2020-03-28T19:06:26+02:00\"",
                "1585415186",
                "null",
                "\"2020-03-28T17:06:2\\u0036Z\"",
            ]),
            Kind::Anything => self.odd(),
        }
    }

    fn odd(&mut self) -> String {
        let text = self.one_of(&[
            "null",
            "true",
            "7",
            "-7",
            "-0",
            "7.0",
            "7e0",
            "1e999",
            "9223372036854775807",
            "9223372036854775808",
            "18446744073709551615",
            "18446744073709551616",
            "\"7\"",
            "\"\"",
            "\"\\ud800\"",
            "\"\\ud83d\\ude00\"",
            "\"\\u0000\"",
            "[]",
            "{}",
            "[1,7,null,\"open\"]",
            "[\"a/r\",{\"login\":\"b\"}]",
            "[7]",
            "{\"id\":1,\"id\":2}",
            "{\"id\":1,\"\\u0069d\":2}",
            "{\"id\":2,\"number\":2}",
            "{\"login\":\"b\",\"id\":2}",
            "[[[]]]",
            "\"2020-02-30T00:00:00Z\"",
            "01",
            "nul",
            "",
            "\"a",
            "1585415186.5",
            "-99999999999999999",
        ]);
        if self.random.random_ratio(1, 50) {
            let depth = self.random.random_range(120..135);
            return format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        }
        text
    }

    fn payload(&mut self) -> Vec<u8> {
        let mut bytes = self.object(ROOT).into_bytes();
        if self.is_odd() {
            match self.random.random_range(0..4) {
                0 => drop(bytes.splice(0..0, *b"\xef\xbb\xbf")),
                1 => {
                    let place = self.random.random_range(0..bytes.len());
                    bytes[place] = 0xff;
                }
                2 => bytes.truncate(bytes.len() - 1),
                _ => bytes.extend(b"{}"),
            }
        }
        bytes
    }
}

#[derive(Clone, Copy)]
enum Kind {
    Object(&'static [(&'static str, Kind)]),
    Number,
    Owner,
    FullName,
    Text,
    Time,
    Anything,
}

const ACCOUNT: Kind = Kind::Object(&[
    ("login", Kind::Owner),
    ("id", Kind::Number),
    ("name", Kind::Owner),
]);
const ITEM: Kind = Kind::Object(&[
    ("id", Kind::Number),
    ("number", Kind::Number),
    ("updated_at", Kind::Time),
    ("created_at", Kind::Time),
    ("state", Kind::Text),
    ("user", ACCOUNT),
]);
const ROOT: &[(&str, Kind)] = &[
    ("action", Kind::Text),
    ("number", Kind::Number),
    ("pull_request", ITEM),
    ("issue", ITEM),
    (
        "repository",
        Kind::Object(&[
            ("id", Kind::Number),
            ("full_name", Kind::FullName),
            ("owner", ACCOUNT),
            ("updated_at", Kind::Time),
        ]),
    ),
    ("organization", ACCOUNT),
    ("sender", ACCOUNT),
    (
        "installation",
        Kind::Object(&[("id", Kind::Number), ("account", ACCOUNT)]),
    ),
];

#[test]
fn webhook_and_processors_read_the_same_or_the_delivery_is_refused() {
    let log = Arc::new(Last::default());
    let source = SourceConfig {
        host: "github.com".to_owned(),
        owner: None,
        secrets: vec![Secret::new(SECRET)],
        api_base_url: String::new(),
        token: None,
    };
    let webhook = Webhook::new(&[source], Limits::default(), Arc::clone(&log), SystemClock);
    let mut ends = BTreeMap::<&str, u64>::new();
    for seed in 0..PAYLOADS {
        let mut writer = Writer {
            random: ChaCha8Rng::seed_from_u64(seed),
            rarity: [8, 20, 60, 300][seed as usize % 4],
        };
        let payload = writer.payload();
        let is_form = seed % 16 == 0;
        let body = if is_form {
            form(&payload)
        } else {
            payload.clone()
        };
        let headers = headers(&body, seed, is_form);
        let outcome = at_once(webhook.deliver(&Method::POST, &headers, body));
        let text = String::from_utf8_lossy(&payload);
        let end = match log.take() {
            None => {
                assert!(outcome.status() >= 400, "seed {seed}: {outcome:?} {text}");
                outcome.name()
            }
            Some(event) => {
                assert_eq!(outcome, Outcome::Accepted, "seed {seed}: {text}");
                assert_eq!(event.payload, payload, "seed {seed}: {text}");
                compare(&event, &format!("seed {seed}: {text}"))
            }
        };
        *ends.entry(end).or_default() += 1;
    }
    println!("{ends:?}");
    // It is worth something only where each end is met often.
    for end in [
        "agreed",
        "a dead letter",
        "ambiguous",
        "not_json",
        "not_utf8",
    ] {
        let met = ends.get(end).copied().unwrap_or(0);
        assert!(met > PAYLOADS / 100, "{end} is met {met} times: {ends:?}");
    }
}

/// Holds what the webhook took from the payload to what the processors take from it.
fn compare(event: &Event, place: &str) -> &'static str {
    // A third reader, which keeps the last of two keys.
    let value: serde_json::Value = serde_json::from_slice(&event.payload).unwrap_or_default();
    if value.is_object() {
        assert_eq!(
            event.repository_id,
            value["repository"]["id"].as_i64(),
            "{place}"
        );
        assert_eq!(event.action.as_deref(), value["action"].as_str(), "{place}");
    }
    let (told, end) = match Payload::read(event) {
        Ok((Payload::Webhook(told), odd)) if odd.is_empty() => (told, "agreed"),
        // What could be read of it counts, and so has to agree; what could not is asked about.
        Ok((Payload::Webhook(told), _)) => (told, "a dead letter"),
        Err(_) => return "a dead letter",
        Ok((Payload::Unread, _)) => return "of a kind that is not interpreted",
        Ok((other, _)) => panic!("{place}: {other:?} is no webhook"),
    };
    let pull = told.pull_request.as_ref();
    let issue = told.issue.as_ref();
    for number in [
        pull.map(|pull| pull.number),
        issue.map(|issue| issue.number),
    ] {
        assert!(number.is_none() || number == event.number, "{place}");
    }
    let at = pull.and_then(|pull| pull.updated_at);
    let at = at.or(issue.and_then(|issue| issue.updated_at));
    // Where nobody interprets the kind, what cannot be read is passed over; and a time out of range,
    // which only the webhook took, orders nothing.
    let is_in_range = event.in_range(event.occurred_at).is_some();
    let is_whole = value["pull_request"].is_object() == pull.is_some()
        && value["issue"].is_object() == issue.is_some();
    if at.is_some() && is_whole && is_in_range {
        assert_eq!(event.occurred_at, at, "{place}");
    }
    let repository = told.repository.as_ref();
    let full_name = repository.map(|repository| repository.full_name.as_str());
    // Where a kind is interpreted and nothing in there was odd, neither reader may find one alone.
    let is_interpreted = ["issues", "pull_request"].contains(&event.kind.as_str());
    if full_name.is_some() || (end == "agreed" && is_interpreted) {
        assert_eq!(event.repository.as_deref(), full_name, "{place}");
    }
    if let Some(owner) = repository.and_then(|repository| repository.owner.as_ref()) {
        let name = owner.login.as_ref().or(owner.name.as_ref());
        if name.is_some() || owner.id.is_some() {
            assert_eq!(
                (event.owner.as_ref(), event.owner_id),
                (name, owner.id),
                "{place}"
            );
        }
    }
    end
}

/// The output of a future that waits for nothing.
fn at_once<F: Future>(future: F) -> F::Output {
    let mut context = Context::from_waker(Waker::noop());
    match pin!(future).poll(&mut context) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("a small delivery waits for something"),
    }
}

fn form(payload: &[u8]) -> Vec<u8> {
    let encoded = payload.iter().map(|byte| format!("%{byte:02x}"));
    let encoded: String = encoded.collect();
    format!("payload={encoded}").into_bytes()
}

fn headers(body: &[u8], seed: u64, is_form: bool) -> HeaderMap {
    let content_type = match is_form {
        true => "application/x-www-form-urlencoded",
        false => "application/json",
    };
    let kind = ["issues", "pull_request", "push", "brand_new"][seed as usize / 4 % 4];
    let values = [
        ("x-github-event", kind.to_owned()),
        ("x-github-delivery", format!("guid-{seed}")),
        ("content-type", content_type.to_owned()),
        ("x-hub-signature-256", sign(&Secret::new(SECRET), body)),
    ];
    let values = values.map(|(name, value)| {
        let value = HeaderValue::from_str(&value).expect("a header's value");
        (http::HeaderName::from_static(name), value)
    });
    values.into_iter().collect()
}
