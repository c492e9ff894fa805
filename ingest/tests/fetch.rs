//! Items fetched from the simulated GitHub, in one process and over HTTP.

mod support;

use gapless_ingest::fetch::{
    AnswerError, Batch, Clients, FetchError, Placed, ResourceKey, Target, answer, fetch_item,
};
use gapless_ingest::github::{Answer, GitHub, OctocrabGitHub, Paced, TransportError};
use gapless_ingest::{Clock, Secret, SourceConfig, SystemClock};
use gapless_schemas::{Event, ItemSnapshot, Refetch, Resource, Source, Timestamp};
use gapless_simulator::truth::Explanation;
use gapless_simulator::{ApiFaults, ApiServer, Feed, Options, SimulatedClock, World};
use serde_json::Value;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use support::world::{TestClock, WorldGitHub};
use support::{MemoryLog, Mood};

fn small(seed: u64) -> Options {
    Options {
        seed,
        repositories: 3,
        changes: 1_500,
        span_days: 60,
        ..Options::default()
    }
}

fn target(repository_id: u64) -> Target {
    Target {
        repository_id: repository_id as i64,
        repository: Some("o/told".into()),
        gap_ids: ["b".to_owned(), "a".to_owned()].into(),
    }
}

fn snapshot(event: &Event) -> ItemSnapshot {
    serde_json::from_slice(&event.payload).unwrap()
}

#[tokio::test]
async fn every_number_of_a_world_is_answered_as_the_truth_has_it() {
    let github = WorldGitHub::at_rest(Options {
        changes: 6_000,
        ..small(1)
    });
    let truth = github.world.lock().unwrap().truth();
    let clock = github.clock();
    for pull in &truth.pull_requests {
        let event = fetch_item(
            &github,
            &clock,
            &target(pull.item.repository_id),
            pull.item.number.into(),
        )
        .await
        .unwrap();
        assert_eq!(
            (event.source, event.kind.as_str()),
            (Source::Snapshot, "item")
        );
        assert_eq!(event.headers["gapless-gaps"], "a,b");
        assert_eq!(event.occurred_at, Some(pull.item.updated_at));
        assert!(event.requested_at.unwrap() < event.received_at);
        assert!(event.owner.is_some() && event.repository.as_deref() != Some("o/told"));
        let found = snapshot(&event);
        assert_eq!(found.status, 200);
        let object: Value = serde_json::from_str(found.pull_request.unwrap().get()).unwrap();
        assert_eq!(object["head"]["sha"], pull.head_sha.as_str());
        assert_eq!(object["base"]["repo"]["id"], pull.item.repository_id);
        assert_eq!(found.reviews.unwrap().len(), pull.reviews.len());
        assert!(found.timeline.is_some());
    }
    for issue in &truth.issues {
        let event = fetch_item(
            &github,
            &clock,
            &target(issue.item.repository_id),
            issue.item.number.into(),
        )
        .await
        .unwrap();
        let found = snapshot(&event);
        assert!(found.pull_request.is_none() && found.reviews.is_none());
        let object: Value = serde_json::from_str(found.issue.unwrap().get()).unwrap();
        assert_eq!(object["title"], issue.item.title.as_str());
        assert!(found.timeline.is_some());
    }
    let mut kinds = [0; 3];
    for explained in &truth.explained {
        let event = fetch_item(
            &github,
            &clock,
            &target(explained.repository_id),
            explained.number.into(),
        )
        .await
        .unwrap();
        let found = snapshot(&event);
        let (status, kind) = match explained.why {
            Explanation::Discussion => (404, 0),
            Explanation::Deleted { .. } => (410, 1),
            Explanation::Transferred { .. } => (301, 2),
        };
        assert_eq!(found.status, status);
        assert_eq!(found.location.is_some(), status == 301);
        assert!(found.issue.is_none() && found.timeline.is_none());
        assert_eq!(event.repository.as_deref(), Some("o/told"));
        kinds[kind] += 1;
    }
    assert!(kinds.iter().all(|count| *count > 0), "{kinds:?}");
}

#[tokio::test]
async fn a_fault_in_any_request_gives_no_event_and_never_a_partial_one() {
    let github = WorldGitHub::at_rest(Options {
        api_faults: ApiFaults {
            error_500_rate: 0.15,
            timeout_rate: 0.1,
            secondary_limit_rate: 0.1,
            truncated_body_rate: 0.1,
        },
        ..small(2)
    });
    let truth = github.world.lock().unwrap().truth();
    let (mut failed, mut fetched) = (0, 0);
    for pull in truth.pull_requests.iter().take(60) {
        let target = target(pull.item.repository_id);
        loop {
            match fetch_item(&github, &github.clock(), &target, pull.item.number.into()).await {
                Ok(event) => {
                    let found = snapshot(&event);
                    assert_eq!(found.reviews.unwrap().len(), pull.reviews.len());
                    assert!(found.pull_request.is_some() && found.timeline.is_some());
                    fetched += 1;
                    break;
                }
                Err(FetchError::Retry(_) | FetchError::Denied { status: 403, .. }) => failed += 1,
                Err(error) => panic!("{error}"),
            }
        }
    }
    assert_eq!(fetched, truth.pull_requests.len().min(60));
    assert!(failed > fetched, "{failed} of {fetched}");
}

fn source(api_base_url: String, token: Option<&str>) -> SourceConfig {
    SourceConfig {
        host: "GitHub.com".into(),
        owner: None,
        secrets: Vec::new(),
        api_base_url,
        token: token.map(Secret::new),
    }
}

#[tokio::test]
async fn over_http_the_answers_are_the_same_and_no_redirect_is_followed() {
    let mut world = World::new(small(3));
    while world.step().is_some() {}
    let truth = world.truth();
    let clock = SimulatedClock::new(world.now().plus_seconds(3_600));
    let here = WorldGitHub::of({
        let mut world = World::new(small(3));
        while world.step().is_some() {}
        world
    });
    let server = ApiServer::start(Arc::new(Mutex::new(Feed::new(world))), clock.clone())
        .await
        .unwrap();
    let there = OctocrabGitHub::new(&source(server.base_url(), Some("t"))).unwrap();
    assert_eq!(
        (there.host(), there.credential_kind()),
        ("github.com", "token")
    );
    let pulls = truth.pull_requests.iter().take(5);
    let pulls = pulls.map(|pull| (pull.item.repository_id, pull.item.number));
    let explained = truth.explained.iter();
    let explained = explained.map(|explained| (explained.repository_id, explained.number));
    for (repository_id, number) in pulls.chain(explained) {
        let (target, number) = (target(repository_id), i64::from(number));
        let ours = fetch_item(&here, &here.clock(), &target, number)
            .await
            .unwrap();
        let theirs = fetch_item(&there, &TestClock(clock.clone()), &target, number)
            .await
            .unwrap();
        let (ours, theirs) = (snapshot(&ours), snapshot(&theirs));
        assert_eq!(ours.status, theirs.status);
        let text = |part: &Option<Box<serde_json::value::RawValue>>| {
            part.as_ref().map(|part| part.get().to_owned())
        };
        assert_eq!(text(&ours.pull_request), text(&theirs.pull_request));
        assert_eq!(
            ours.timeline.map(|t| t.len()),
            theirs.timeline.map(|t| t.len())
        );
    }
    let limit = there.get("/rate_limit").await.unwrap();
    assert_eq!(limit.header("x-ratelimit-limit"), Some("5000"));
    let anonymous = OctocrabGitHub::new(&source(server.base_url(), None)).unwrap();
    let limit = anonymous.get("/rate_limit").await.unwrap();
    assert_eq!(limit.header("x-ratelimit-limit"), Some("60"));
    assert_eq!(anonymous.credential_kind(), "anonymous");
    server.stop().await;
    assert!(there.get("/rate_limit").await.is_err());
}

/// Gives its answers in order; the last one for ever.
struct Scripted(Mutex<Vec<Answer>>);

impl GitHub for Scripted {
    async fn get(&self, _: &str) -> Result<Answer, TransportError> {
        let mut answers = self.0.lock().unwrap();
        Ok(if answers.len() > 1 {
            answers.remove(0)
        } else {
            answers[0].clone()
        })
    }

    fn host(&self) -> &str {
        "github.com"
    }

    fn credential_kind(&self) -> &'static str {
        "token"
    }
}

/// Tokio's clock, which a paused runtime moves by itself.
#[derive(Clone)]
struct TokioClock(tokio::time::Instant);

impl Clock for TokioClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_seconds(1_600_000_000).plus_millis(self.0.elapsed().as_millis() as i64)
    }
}

fn status(status: u16, headers: &[(&str, &str)]) -> Answer {
    Answer {
        status,
        headers: headers
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect(),
        ..Answer::default()
    }
}

#[tokio::test(start_paused = true)]
async fn a_request_that_meets_limits_waits_and_is_never_dropped() {
    let clock = TokioClock(tokio::time::Instant::now());
    let scripted = Scripted(Mutex::new(vec![
        status(403, &[("retry-after", "30")]),
        status(429, &[]),
        status(
            403,
            &[
                ("x-ratelimit-remaining", "0"),
                ("x-ratelimit-reset", "1600001000"),
            ],
        ),
        status(200, &[]),
    ]));
    let paced = Paced::new(scripted, clock.clone());
    let began = clock.now();
    assert_eq!(paced.get("/x").await.unwrap().status, 200);
    let took = clock.now().millis_since(began) / 1_000;
    assert!((1_000..1_100).contains(&took), "{took} s");
}

fn batch(number: i64) -> Batch {
    let command = |gap: &str| Placed {
        command: Refetch {
            command_id: format!("command-{gap}"),
            gap_id: gap.into(),
            host: "github.com".into(),
            repository_id: 1,
            repository: Some("o/r".into()),
            resource: Resource::Item { number },
            reason: String::new(),
            issued_at: Timestamp::from_seconds(1),
            attempt: 1,
            urgency: gapless_schemas::Urgency::Gap,
        },
        partition: 0,
        offset: 0,
    };
    Batch {
        key: ResourceKey {
            host: "github.com".into(),
            repository_id: 1,
            resource: Resource::Item { number },
        },
        commands: vec![command("g2"), command("g1")],
        waited_millis: 0,
    }
}

#[tokio::test]
async fn one_answer_names_the_gaps_of_all_commands_no_audits_and_a_refusal_is_an_error() {
    let log = MemoryLog::default();
    let gone = Scripted(Mutex::new(vec![status(410, &[])]));
    let mut asked = batch(7);
    let mut audit = asked.commands[0].clone();
    audit.command.gap_id = "audit".into();
    audit.command.urgency = gapless_schemas::Urgency::Audit;
    asked.commands.push(audit);
    answer(&[&gone], &SystemClock, &log, &asked).await.unwrap();
    let [event] = &log.taken()[..] else {
        panic!("one event")
    };
    assert_eq!(event.gap_ids().collect::<Vec<_>>(), ["g1", "g2"]);
    assert_eq!(event.number, Some(7));
    for refused in [401, 403, 451] {
        let github = Scripted(Mutex::new(vec![status(refused, &[])]));
        let error = answer(&[&github], &SystemClock, &log, &batch(7)).await;
        assert!(matches!(
            error,
            Err(AnswerError::Fetch(FetchError::Denied { status, .. })) if status == refused
        ));
    }
    log.set(Mood::IsSlow);
    assert!(
        answer(&[&gone], &SystemClock, &log, &batch(7))
            .await
            .is_err()
    );
    assert_eq!(log.taken().len(), 1);
}

#[tokio::test]
async fn while_our_clock_is_ahead_a_snapshot_is_dated_by_githubs() {
    let date = "Sat, 28 Mar 2020 17:06:38 GMT";
    let gone = Scripted(Mutex::new(vec![status(410, &[("date", date)])]));
    let event = fetch_item(&gone, &SystemClock, &target(1), 7).await;
    let requested_at = event.unwrap().requested_at.unwrap();
    assert_eq!(requested_at.to_string(), "2020-03-28T17:06:38.999Z");
}

#[tokio::test]
async fn a_repository_is_asked_about_with_its_owners_credential() {
    let client = |token| Arc::new(OctocrabGitHub::new(&source("http://h/".into(), token)).unwrap());
    let clients = Clients::new([
        (Some("One".to_owned()), client(Some("t"))),
        (Some("two".to_owned()), client(None)),
    ]);
    let kinds = |host, repository| -> Vec<&str> {
        let clients = clients.of(host, repository).into_iter();
        clients.map(|client| client.credential_kind()).collect()
    };
    assert_eq!(kinds("github.com", Some("TWO/r")), ["anonymous"]);
    assert_eq!(kinds("github.com", Some("one/r")), ["token"]);
    for unknown in [None, Some("three/r")] {
        assert_eq!(kinds("github.com", unknown), ["token", "anonymous"]);
    }
    assert!(kinds("ghes.example.com", Some("one/r")).is_empty());
}

#[tokio::test]
async fn where_nobody_knows_whose_an_item_is_only_a_404_of_all_clients_is_one() {
    for (statuses, expected) in [
        (&[404, 410][..], Some(410)),
        (&[410, 404], Some(410)),
        (&[404, 404], Some(404)),
        // One that cannot say anything may be the one that sees it.
        (&[404, 403], None),
        (&[500, 404], None),
        (&[500, 301], Some(301)),
        (&[], None),
    ] {
        let says = |code: &u16| Scripted(Mutex::new(vec![status(*code, &[])]));
        let clients: Vec<Scripted> = statuses.iter().map(says).collect();
        let (log, clients) = (MemoryLog::default(), clients.iter().collect::<Vec<_>>());
        let answered = answer(&clients, &SystemClock, &log, &batch(7)).await;
        assert_eq!(answered.is_ok(), expected.is_some(), "{statuses:?}");
        let found: Vec<u16> = log.taken().iter().map(|it| snapshot(it).status).collect();
        assert_eq!(found, Vec::from_iter(expected), "{statuses:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_answers_nothing_is_given_up() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    let client = OctocrabGitHub::new(&source(base, None)).unwrap();
    let began = tokio::time::Instant::now();
    assert!(client.get("/x").await.is_err());
    assert!(began.elapsed() <= Duration::from_secs(31));
}
