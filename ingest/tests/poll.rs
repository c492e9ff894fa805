//! Polls of the simulated GitHub.

mod support;

use gapless_ingest::Clock;
use gapless_ingest::github::{Answer, GitHub, TransportError};
use gapless_ingest::poll::{
    Poll, PollTimes, Poller, Positions, RepositoryFound, Turn, poll_owner, poll_repository,
    probe_repository,
};
use gapless_schemas::{Event, IssuesListing, RepositorySnapshot, Source, Timestamp};
use gapless_simulator::{ApiFaults, Options, PayloadForm, World};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use support::world::{TestClock, WorldGitHub};
use support::{MemoryLog, Mood};

type TestPoller = Poller<Arc<WorldGitHub>, TestClock, Arc<MemoryLog>>;

fn small(seed: u64) -> Options {
    Options {
        seed,
        repositories: 4,
        changes: 2_000,
        span_days: 60,
        ..Options::default()
    }
}

fn poller(github: &Arc<WorldGitHub>, log: &Arc<MemoryLog>, path: Option<PathBuf>) -> TestPoller {
    let owner = github
        .world
        .lock()
        .unwrap()
        .options()
        .organisation_login
        .clone();
    let times = PollTimes::default();
    Poller::new(
        Arc::clone(github),
        github.clock(),
        Arc::clone(log),
        owner,
        times,
        path,
    )
}

/// Polls until nothing is due; the polls that succeeded.
async fn settle(poller: &mut TestPoller) -> Vec<Poll> {
    let mut polls = Vec::new();
    loop {
        match poller.turn().await {
            Turn::Polled(poll) => polls.push(poll),
            Turn::Failed(poll) => panic!("{poll:?}"),
            Turn::Idle(_) => return polls,
        }
    }
}

fn listing(event: &Event) -> IssuesListing {
    serde_json::from_slice(&event.payload).unwrap()
}

fn numbers(events: &[Event]) -> BTreeMap<i64, BTreeSet<i64>> {
    let mut found = BTreeMap::<i64, BTreeSet<i64>>::new();
    for event in events
        .iter()
        .filter(|event| event.source == Source::Listing)
    {
        let numbers = listing(event).items.into_iter().map(|item| {
            let object: Value = serde_json::from_str(item.get()).unwrap();
            object["number"].as_i64().unwrap()
        });
        found
            .entry(event.repository_id.unwrap())
            .or_default()
            .extend(numbers);
    }
    found
}

/// Every issue and pull request of the world, by repository.
fn expected(github: &WorldGitHub) -> BTreeMap<i64, BTreeSet<i64>> {
    let truth = github.world.lock().unwrap().truth();
    let mut expected = BTreeMap::<i64, BTreeSet<i64>>::new();
    for repository in &truth.repositories {
        expected.insert(repository.id as i64, BTreeSet::new());
    }
    let pulls = truth.pull_requests.iter().map(|pull| &pull.item);
    for item in pulls.chain(truth.issues.iter().map(|issue| &issue.item)) {
        let repository = expected.entry(item.repository_id as i64).or_default();
        repository.insert(i64::from(item.number));
    }
    expected
}

#[tokio::test]
async fn at_first_everything_is_listed_and_then_only_what_changed() {
    let mut world = World::new(small(1));
    while world.sent() < 1_800 && world.step().is_some() {}
    let github = WorldGitHub::of(world);
    let log = Arc::new(MemoryLog::default());
    let mut poller = poller(&github, &log, None);
    let polls = settle(&mut poller).await;
    let repositories = expected(&github).len();
    assert_eq!(polls.len(), 1 + repositories);
    let events = log.taken();
    assert_eq!(numbers(&events), expected(&github));
    let snapshots: Vec<&Event> = events
        .iter()
        .filter(|e| e.source == Source::Snapshot)
        .collect();
    assert_eq!(snapshots.len(), repositories);
    for event in &snapshots {
        let found: RepositorySnapshot = serde_json::from_slice(&event.payload).unwrap();
        let object: Value = serde_json::from_str(found.repository.unwrap().get()).unwrap();
        assert_eq!(object["id"].as_i64(), event.repository_id);
        assert_eq!(object["full_name"].as_str(), event.repository.as_deref());
        assert_eq!(object["owner"]["id"].as_i64(), event.owner_id);
    }

    // Nothing changed: empty, complete listings, which say that GitHub was asked.
    log.events.lock().unwrap().clear();
    github
        .clock
        .advance_to(github.clock.now().plus_seconds(601));
    assert_eq!(settle(&mut poller).await.len(), repositories);
    for event in log.taken() {
        let listing = listing(&event);
        assert!(listing.complete && listing.since.is_some() && listing.items.is_empty());
        assert!(event.requested_at.is_some());
    }

    // The rest of the world's changes are found, whatever webhooks did with them.
    log.events.lock().unwrap().clear();
    let asked_until = github.clock.now();
    let (before, after, now) = {
        let mut world = github.world.lock().unwrap();
        let before = world.truth();
        while world.step().is_some() {}
        (before, world.truth(), world.now())
    };
    github.clock.advance_to(now.plus_seconds(2_000));
    settle(&mut poller).await;
    let found = numbers(&log.taken());
    let mut changed = 0;
    for pull in &after.pull_requests {
        let was = before.pull_requests.iter().find(|old| old.id == pull.id);
        if was.is_none_or(|old| old.item.updated_at != pull.item.updated_at)
            && pull.item.updated_at > asked_until
        {
            let numbers = &found[&(pull.item.repository_id as i64)];
            assert!(numbers.contains(&i64::from(pull.item.number)));
            changed += 1;
        }
    }
    assert!(changed > 0);
}

#[tokio::test]
async fn a_poll_that_fails_appends_no_complete_listing_and_is_made_again() {
    let github = WorldGitHub::at_rest(Options {
        api_faults: ApiFaults {
            error_500_rate: 0.3,
            timeout_rate: 0.1,
            ..ApiFaults::default()
        },
        ..small(2)
    });
    let log = Arc::new(MemoryLog::default());
    let mut poller = poller(&github, &log, None);
    let mut failures = 0;
    loop {
        match poller.turn().await {
            Turn::Polled(_) => {}
            Turn::Failed(_) => failures += 1,
            Turn::Idle(_) if numbers(&log.taken()) == expected(&github) => break,
            Turn::Idle(until) => github.clock.advance_to(until),
        }
    }
    assert!(failures > 0);
}

#[tokio::test]
async fn positions_move_only_when_the_log_has_the_listing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("positions.json");
    let github = WorldGitHub::at_rest(small(3));
    let log = Arc::new(MemoryLog::default());
    log.set(Mood::IsSlow);
    let mut first = poller(&github, &log, Some(path.clone()));
    assert_eq!(first.turn().await, Turn::Failed(Poll::Repositories));
    first.run(std::future::ready(())).await;
    log.set(Mood::Takes);
    let mut second = poller(&github, &log, Some(path.clone()));
    let polls = settle(&mut second).await;
    assert!(matches!(polls[1], Poll::Everything { .. }));
    second.run(std::future::ready(())).await;

    // After a restart the repositories are listed again, and nothing else.
    log.events.lock().unwrap().clear();
    let mut third = poller(&github, &log, Some(path));
    assert_eq!(settle(&mut third).await, [Poll::Repositories]);
    assert_eq!(log.taken(), []);
}

/// Each of its answers takes ten seconds of Tokio's time.
struct SlowGitHub(Arc<WorldGitHub>);

impl GitHub for SlowGitHub {
    async fn get(&self, path_and_query: &str) -> Result<Answer, TransportError> {
        tokio::time::advance(Duration::from_secs(10)).await;
        self.0.get(path_and_query).await
    }

    fn host(&self) -> &str {
        self.0.host()
    }

    fn credential_kind(&self) -> &'static str {
        self.0.credential_kind()
    }
}

#[tokio::test(start_paused = true)]
async fn positions_are_kept_while_polls_are_behind_and_never_idle() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("positions.json");
    let github = WorldGitHub::at_rest(small(6));
    let owner = github
        .world
        .lock()
        .unwrap()
        .options()
        .organisation_login
        .clone();
    let poller = Poller::new(
        SlowGitHub(Arc::clone(&github)),
        github.clock(),
        Arc::new(MemoryLog::default()),
        owner,
        PollTimes {
            changed_seconds: 0,
            ..PollTimes::default()
        },
        Some(path.clone()),
    );
    // Whatever ends this process now, the position is in the file.
    let kept = async {
        let is_kept = || {
            let positions = Positions::load(&path).repositories;
            positions.values().any(|one| one.everything_at.is_some())
        };
        while !is_kept() {
            assert!(github.asked.lock().unwrap().len() < 1_000, "never kept");
            tokio::task::yield_now().await;
        }
    };
    poller.run(kept).await;
}

/// A clock that is an hour ahead of GitHub's.
struct AheadClock(TestClock);

impl Clock for AheadClock {
    fn now(&self) -> Timestamp {
        self.0.now().plus_seconds(3_600)
    }
}

#[tokio::test]
async fn while_our_clock_is_ahead_listings_are_dated_by_githubs() {
    let github = WorldGitHub::at_rest(small(7));
    let clock = AheadClock(github.clock());
    let (log, known) = (MemoryLog::default(), BTreeMap::new());
    let owner = github
        .world
        .lock()
        .unwrap()
        .options()
        .organisation_login
        .clone();
    let poll = poll_owner(&github, &clock, &log, &owner, &known)
        .await
        .unwrap();
    let repository = &poll.repositories[0];
    probe_repository(&github, &clock, &log, repository)
        .await
        .unwrap();
    let listed = poll_repository(&github, &clock, &log, repository, None)
        .await
        .unwrap();
    let events = log.taken();
    assert_eq!(events.len(), poll.appended + 1 + listed.events as usize);
    for event in events {
        assert!(event.requested_at.unwrap() < github.clock.now().plus_seconds(1));
        assert!(event.received_at > github.clock.now().plus_seconds(3_000));
    }
}

#[tokio::test]
async fn a_long_listing_is_split_and_only_its_last_part_says_complete() {
    let github = WorldGitHub::at_rest(Options {
        repositories: 1,
        changes: 600,
        payload: PayloadForm::Compact,
        payload_padding: 150_000,
        ..small(4)
    });
    let expected = expected(&github);
    let (id, all) = expected.iter().max_by_key(|(_, all)| all.len()).unwrap();
    let repository = RepositoryFound {
        repository_id: *id,
        full_name: "o/r".into(),
        owner: None,
        owner_id: None,
        digest: String::new(),
    };
    let log = MemoryLog::default();
    let listed = poll_repository(&github, &github.clock(), &log, &repository, None)
        .await
        .unwrap();
    let events = log.taken();
    assert!(events.len() > 1, "{} items", all.len());
    assert_eq!(listed.events as usize, events.len());
    assert_eq!(&numbers(&events)[id], all);
    for (index, event) in events.iter().enumerate() {
        let part = listing(event);
        assert_eq!(part.part as usize, index);
        assert_eq!(part.complete, index == events.len() - 1);
        assert!(event.payload.len() < 9 * 1024 * 1024);
        assert_eq!(event.requested_at, events[0].requested_at);
    }
}

#[tokio::test]
async fn an_owner_that_is_no_organisation_is_asked_for_as_a_user() {
    let github = WorldGitHub::at_rest(small(5));
    let log = Arc::new(MemoryLog::default());
    let clock = github.clock();
    let times = PollTimes::default();
    let mut poller = Poller::new(
        Arc::clone(&github),
        clock,
        log,
        "someone".into(),
        times,
        None,
    );
    assert_eq!(poller.turn().await, Turn::Failed(Poll::Repositories));
    let asked = github.asked.lock().unwrap().clone();
    assert_eq!(
        asked,
        [
            "/orgs/someone/repos?per_page=100",
            "/users/someone/repos?per_page=100"
        ]
    );
}
