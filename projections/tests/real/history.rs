//! States and events to test with, as the records that the sink reads.

use gapless_projections::sink::{Projector, Record, Step, Store};
use gapless_schemas::{
    Account, Codec, Detector, Event, Gap, Issue, LedgerBlock, LedgerDay, Presence, PullRequest,
    Repository, Review, Source, StateTopic, Timestamp, Topics, Transition, TransitionKind, version,
};

pub(crate) const HOST: &str = "github.com";
pub(crate) const REPOSITORY_ID: i64 = 7;
pub(crate) const DAY: i32 = 20_000;

/// The instant `hours` after midnight of day `DAY + day`.
pub(crate) fn at(day: i32, hours: i64) -> Timestamp {
    Timestamp::from_seconds(i64::from(DAY + day) * 86_400 + hours * 3_600)
}

pub(crate) fn topics() -> Topics {
    Topics::new("gapless", 4)
}

pub(crate) fn account(id: i64, login: &str) -> Account {
    Account {
        id,
        login: login.into(),
        bot: login.ends_with("[bot]"),
    }
}

pub(crate) fn transition(kind: TransitionKind, at: Timestamp) -> Transition {
    Transition {
        kind,
        at,
        actor: None,
        actor_id: None,
    }
}

pub(crate) fn review(review_id: i64, who: Account, state: &str, at: Timestamp) -> Review {
    Review {
        review_id,
        reviewer: Some(who),
        state: state.into(),
        commit_sha: None,
        submitted_at: at,
    }
}

/// An open pull request of `ann`, opened on day 0.
pub(crate) fn pull_request(number: i64) -> PullRequest {
    PullRequest {
        host: HOST.into(),
        repository_id: REPOSITORY_ID,
        repository: Some("acme/anvil".into()),
        number,
        pull_request_id: Some(number + 1_000),
        version: 1,
        presence: Presence::Alive,
        title: Some("It's a \\ \"title\"\twith\nall".into()),
        state: Some("open".into()),
        draft: Some(false),
        merged: Some(false),
        author: Some(account(1, "ann")),
        merged_by: None,
        base_ref: Some("main".into()),
        head_ref: None,
        head_sha: None,
        html_url: None,
        labels: vec!["bug".into()],
        assignees: vec![],
        requested_reviewers: vec![],
        requested_teams: vec![],
        milestone: None,
        locked: None,
        created_at: Some(at(0, 1)),
        updated_at: Some(at(0, 1)),
        closed_at: None,
        merged_at: None,
        additions: Some(40),
        deletions: Some(10),
        changed_files: None,
        commits: None,
        comments: None,
        review_comments: None,
        first_commit_at: Some(at(-1, 0)),
        reviews: vec![],
        transitions: vec![transition(TransitionKind::Opened, at(0, 1))],
        heads: vec![],
        label_ids: vec![],
        assignee_ids: vec![],
        requested_reviewer_ids: vec![],
        milestone_id: None,
        opened_draft: None,
        author_gone: false,
        namings: vec![],
    }
}

/// The same, reviewed, approved and merged on `day`.
pub(crate) fn merged(number: i64, day: i32) -> PullRequest {
    let mut state = pull_request(number);
    state.version = 2;
    state.state = Some("closed".into());
    state.merged = Some(true);
    state.closed_at = Some(at(day, 5));
    state.merged_at = Some(at(day, 5));
    state.reviews = vec![
        review(1, account(2, "bob"), "commented", at(day, 2)),
        review(2, account(2, "bob"), "approved", at(day, 3)),
    ];
    state
        .transitions
        .push(transition(TransitionKind::Closed, at(day, 5)));
    state
}

pub(crate) fn issue(number: i64) -> Issue {
    Issue {
        host: HOST.into(),
        repository_id: REPOSITORY_ID,
        repository: Some("acme/anvil".into()),
        number,
        issue_id: Some(number + 2_000),
        version: 1,
        presence: Presence::Alive,
        title: Some("title".into()),
        state: Some("open".into()),
        state_reason: None,
        author: Some(account(3, "cid")),
        html_url: None,
        labels: vec![],
        assignees: vec![],
        milestone: None,
        locked: None,
        comments: None,
        created_at: Some(at(0, 1)),
        updated_at: None,
        closed_at: None,
        transitions: vec![transition(TransitionKind::Opened, at(0, 1))],
        label_ids: vec![],
        assignee_ids: vec![],
        milestone_id: None,
        namings: vec![],
    }
}

pub(crate) fn repository() -> Repository {
    Repository {
        host: HOST.into(),
        repository_id: REPOSITORY_ID,
        version: 1,
        presence: Presence::Alive,
        full_name: Some("acme/hammer".into()),
        owner: Some("acme".into()),
        owner_id: Some(70),
        private: Some(true),
        archived: None,
        fork: None,
        default_branch: None,
        created_at: None,
        names: vec!["acme/anvil".into(), "acme/hammer".into()],
        first_seen_at: Some(at(0, 0)),
        listed_until: Some(at(4, 12)),
        namings: vec![],
    }
}

pub(crate) fn block(days: &[(i32, i64, i64)]) -> LedgerBlock {
    LedgerBlock {
        host: HOST.into(),
        repository_id: REPOSITORY_ID,
        repository: None,
        block: 0,
        version: 1,
        highest: 9,
        known: 8,
        explained: 0,
        missing: vec![5],
        days: days
            .iter()
            .map(|&(day, existing, accounted)| LedgerDay {
                day: DAY + day,
                existing,
                accounted,
            })
            .collect(),
    }
}

pub(crate) fn gap(id: &str, detector: Detector, since: Timestamp) -> Gap {
    Gap {
        host: HOST.into(),
        repository_id: REPOSITORY_ID,
        repository: Some("acme/anvil".into()),
        gap_id: id.into(),
        version: 1,
        detector,
        number: Some(5),
        evidence: "4 and 6 are known".into(),
        since,
        opened_at: since.plus_seconds(60),
        answers: 0,
        closed_at: None,
        outcome: None,
    }
}

pub(crate) fn event(id: &str, occurred_at: Option<Timestamp>) -> Event {
    Event {
        event_id: id.into(),
        source: Source::Webhook,
        kind: "issues".into(),
        action: Some("opened".into()),
        host: HOST.into(),
        owner: Some("acme".into()),
        owner_id: Some(70),
        repository: Some("acme/anvil".into()),
        repository_id: Some(REPOSITORY_ID),
        number: Some(1),
        occurred_at,
        received_at: occurred_at.map_or(at(1, 0), |occurred_at| occurred_at.max(at(1, 0))),
        headers: [("x-github-delivery".to_owned(), "guid".to_owned())].into(),
        payload: br#"{"sender":{"login":"ann","id":1}}"#.to_vec(),
        ..Event::bare()
    }
}

/// What a record holds.
#[derive(Clone, Debug)]
#[expect(
    clippy::large_enum_variant,
    reason = "a test's facts are few, and read better without boxes"
)]
pub(crate) enum Fact {
    Event(Event),
    PullRequest(PullRequest),
    Issue(Issue),
    Repository(Repository),
    Block(LedgerBlock),
    Gap(Gap),
}

impl Fact {
    fn topic(&self, topics: &Topics) -> String {
        let state = |topic| topics.state(topic);
        match self {
            Self::Event(_) => topics.events(),
            Self::PullRequest(_) => state(StateTopic::PullRequests),
            Self::Issue(_) => state(StateTopic::Issues),
            Self::Repository(_) => state(StateTopic::Repositories),
            Self::Block(_) => state(StateTopic::Ledger),
            Self::Gap(_) => state(StateTopic::Gaps),
        }
    }

    fn value(&self, codec: &Codec) -> Vec<u8> {
        match self {
            Self::Event(event) => codec.encode(event),
            Self::PullRequest(state) => codec.encode(state),
            Self::Issue(state) => codec.encode(state),
            Self::Repository(state) => codec.encode(state),
            Self::Block(state) => codec.encode(state),
            Self::Gap(state) => codec.encode(state),
        }
        .unwrap()
    }

    /// What it is about.
    pub(crate) fn subject(&self) -> String {
        match self {
            Self::Event(event) => format!("event {}", event.event_id),
            Self::PullRequest(state) => format!("pull request {}", state.number),
            Self::Issue(state) => format!("issue {}", state.number),
            Self::Repository(_) => "repository".to_owned(),
            Self::Block(state) => format!("block {}", state.block),
            Self::Gap(state) => format!("gap {}", state.gap_id),
        }
    }

    /// Topic, partition and value of its record.
    pub(crate) fn record(&self, topics: &Topics) -> (String, i32, Vec<u8>) {
        let partition = match self {
            Self::Event(event) => topics.partition_of_event(event),
            _ => topics.partition_of_repository(HOST, REPOSITORY_ID),
        };
        (
            self.topic(topics),
            partition,
            self.value(&Codec::embedded()),
        )
    }

    /// Its version, as a record at `offset` has it.
    pub(crate) fn at_version(mut self, offset: i64) -> Self {
        let version = version(1, offset);
        match &mut self {
            Self::Event(_) => {}
            Self::PullRequest(state) => state.version = version,
            Self::Issue(state) => state.version = version,
            Self::Repository(state) => state.version = version,
            Self::Block(state) => state.version = version,
            Self::Gap(state) => state.version = version,
        }
        self
    }
}

pub(crate) fn projector() -> Projector {
    Projector::new(Codec::embedded(), &topics())
}

/// The steps that `facts` lead to; the place of a fact among all is its offset.
pub(crate) fn steps(facts: &[(i64, Fact)]) -> Vec<Step> {
    let (codec, mut projector) = (Codec::embedded(), projector());
    for (offset, fact) in facts {
        let value = fact.value(&codec);
        let topic = fact.topic(&topics());
        let record = Record {
            topic: &topic,
            partition: 2,
            offset: *offset,
            value: Some(&value),
        };
        projector.push(record).unwrap();
    }
    projector.take_figures().steps
}

/// Does `steps`, in order.
pub(crate) async fn execute<S: Store>(store: &S, steps: &[Step]) {
    for step in steps {
        store.execute(step).await.unwrap();
    }
}

/// `facts` with the offsets of their places.
pub(crate) fn numbered(facts: impl IntoIterator<Item = Fact>) -> Vec<(i64, Fact)> {
    (0..).zip(facts).collect()
}
