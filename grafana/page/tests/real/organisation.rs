//! Half a year of an organisation as records of the topics: people at work on weekdays, bots,
//! long waits, gaps that healed and some that have not.

use gapless_schemas::{
    Account, Codec, Detector, Event, Gap, GapOutcome, Issue, LedgerBlock, LedgerDay, Presence,
    PullRequest, Record, Repository, Review, Source, StateTopic, Timestamp, Topics, Transition,
    TransitionKind,
};
use std::collections::BTreeMap;

const HOST: &str = "github.com";
const DAY: i64 = 86_400;
const HOUR: i64 = 3_600;
const DAYS: i64 = 190;
/// Names with their pull requests and issues a weekday, in hundredths.
const REPOSITORIES: [(&str, &str, u64, u64); 12] = [
    ("acme", "api", 240, 120),
    ("acme", "web", 200, 150),
    ("acme", "mobile", 130, 70),
    ("acme", "billing", 90, 40),
    ("acme", "search", 80, 35),
    ("acme", "infrastructure", 110, 25),
    ("acme", "design-system", 60, 30),
    ("acme", "docs", 70, 45),
    ("acme", "auth", 55, 20),
    ("acme-labs", "experiments", 40, 10),
    ("acme-labs", "benchmarks", 25, 8),
    ("acme-labs", "o'brien", 20, 6),
];
const PEOPLE: [&str; 16] = [
    "ada", "björn", "chidi", "dmitri", "esther", "farah", "grace", "hiro", "ines", "jamal", "kaja",
    "liu", "mercy", "noor", "o'brien", "priya",
];
const BOTS: [&str; 2] = ["dependabot[bot]", "renovate[bot]"];
const LABELS: [&str; 8] = [
    "bug",
    "enhancement",
    "documentation",
    "performance",
    "security",
    "question",
    "a,b)",
    "flaky",
];
const VERBS: [&str; 6] = ["Fix", "Add", "Remove", "Speed up", "Document", "Simplify"];
const THINGS: [&str; 10] = [
    "the retry of uploads",
    "paging of search results",
    "dark theme of the editor",
    "token refresh",
    "a race in the cache",
    "the <b>release</b> notes",
    "export to CSV",
    "rate limit headers",
    "the migration of invoices",
    "flaky sign-in test",
];

/// A record of a topic.
pub(crate) struct Seeded {
    /// Its topic.
    pub(crate) topic: String,
    /// Its value.
    pub(crate) value: Vec<u8>,
}

/// An organisation whose half year ends at `now`.
pub(crate) struct Organisation {
    /// The end of its half year.
    pub(crate) now: Timestamp,
}

/// Draws that are the same for every run (SplitMix64).
struct Draws(u64);

impl Draws {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    fn chance(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }

    fn one<'a>(&mut self, of: &[&'a str]) -> &'a str {
        of[self.below(of.len() as u64) as usize]
    }

    /// Seconds with a long tail: half are below `median`, one in twenty above ten times that.
    fn long(&mut self, median: i64) -> i64 {
        let uniform = (self.below(10_000) as f64 + 0.5) / 10_000.0;
        (median as f64 * (uniform / (1.0 - uniform)).powf(0.8)).min(60.0 * DAY as f64) as i64 + 30
    }
}

/// Records of one repository, made in turn.
struct Maker<'a> {
    draws: Draws,
    now: Timestamp,
    topics: &'a Topics,
    codec: Codec,
    repository_id: i64,
    repository: String,
    owner: &'a str,
    records: Vec<Seeded>,
    days: BTreeMap<i32, LedgerDay>,
    number: i64,
    missing: Vec<i64>,
    serial: i64,
}

impl Organisation {
    /// Its records, of events and states.
    pub(crate) fn records(&self, topics: &Topics) -> Vec<Seeded> {
        let mut records = Vec::new();
        for (at, &(owner, name, pulls, issues)) in REPOSITORIES.iter().enumerate() {
            let mut maker = Maker {
                draws: Draws(at as u64 + 7),
                now: self.now,
                topics,
                codec: Codec::embedded(),
                repository_id: 1_000 + at as i64,
                repository: format!("{owner}/{name}"),
                owner,
                records: Vec::new(),
                days: BTreeMap::new(),
                number: 0,
                missing: Vec::new(),
                serial: 0,
            };
            maker.live(pulls, issues);
            records.append(&mut maker.records);
        }
        records
    }
}

impl Maker<'_> {
    fn live(&mut self, pulls: u64, issues: u64) {
        let first = self.now.plus_seconds(-DAYS * DAY);
        for day in 0..DAYS {
            let morning = Timestamp::from_seconds(first.as_seconds() / DAY * DAY + day * DAY);
            // 1970-01-01 was a Thursday.
            let is_weekend = matches!((morning.day() + 3) % 7, 5 | 6);
            let holiday = (100..107).contains(&day);
            let share = if is_weekend {
                12
            } else if holiday {
                35
            } else {
                90 + self.draws.below(40)
            };
            for _ in 0..self.count(pulls * share / 100) {
                self.pull_request(morning);
            }
            for _ in 0..self.count(issues * share / 100) {
                self.issue(morning);
            }
            if self.draws.chance(14) {
                self.healed_gap(morning);
            }
        }
        if self.repository.ends_with("/web") || self.repository.ends_with("/billing") {
            self.open_gap();
        }
        self.ledger();
        self.repository(first);
    }

    fn count(&mut self, hundredths: u64) -> u64 {
        hundredths / 100 + u64::from(self.draws.chance(hundredths % 100))
    }

    fn moment(&mut self, morning: Timestamp) -> Timestamp {
        morning.plus_seconds(7 * HOUR + self.draws.below(11 * HOUR as u64) as i64)
    }

    fn account(&mut self, bots_percent: u64) -> Account {
        let bot = self.draws.chance(bots_percent);
        // Newcomers write less: the later in the list, the rarer.
        let (a, b) = (self.draws.below(16), self.draws.below(16));
        let login = if bot {
            self.draws.one(&BOTS)
        } else {
            PEOPLE[a.min(b) as usize]
        };
        Account {
            id: login.bytes().map(i64::from).sum(),
            login: login.into(),
            bot,
        }
    }

    fn take_number(&mut self, created: Timestamp) -> i64 {
        self.number += 1;
        let day = self.days.entry(created.day()).or_insert(LedgerDay {
            day: created.day(),
            existing: 0,
            accounted: 0,
        });
        day.existing += 1;
        day.accounted += 1;
        self.number
    }

    /// A moment after `at`, half of the time within `median` seconds; none if it is still to come.
    fn after(&mut self, at: Timestamp, median: i64) -> Option<Timestamp> {
        let seconds = self.draws.long(median);
        self.until_now(at.plus_seconds(seconds))
    }

    fn until_now(&self, at: Timestamp) -> Option<Timestamp> {
        (at < self.now).then_some(at)
    }

    fn title(&mut self) -> String {
        format!("{} {}", self.draws.one(&VERBS), self.draws.one(&THINGS))
    }

    fn labels(&mut self) -> Vec<String> {
        let count = self.draws.below(3);
        let mut labels: Vec<String> = (0..count)
            .map(|_| self.draws.one(&LABELS).to_owned())
            .collect();
        labels.sort();
        labels.dedup();
        labels
    }

    fn pull_request(&mut self, morning: Timestamp) {
        let created = self.moment(morning);
        if created >= self.now {
            return;
        }
        let number = self.take_number(created);
        let author = self.account(14);
        let draft_until = self
            .draws
            .chance(12)
            .then(|| created.plus_seconds(self.draws.long(9 * HOUR)));
        let ready = draft_until.unwrap_or(created);
        let review = self.after(ready, 5 * HOUR);
        let approval = review.and_then(|at| self.after(at, 7 * HOUR));
        let is_abandoned = self.draws.chance(9);
        let is_stuck = self.draws.chance(4);
        let is_unapproved = self.draws.chance(5);
        let end = if is_stuck {
            None
        } else if is_abandoned {
            self.after(ready, 4 * DAY)
        } else if is_unapproved {
            self.after(ready, 3 * HOUR)
        } else {
            approval.and_then(|at| self.after(at, 2 * HOUR))
        };
        let is_merged = end.is_some() && !is_abandoned;
        let mut transitions = vec![transition(TransitionKind::Opened, created, &author.login)];
        if let Some(at) = draft_until.filter(|at| *at < self.now) {
            transitions.push(transition(
                TransitionKind::ReadyForReview,
                at,
                &author.login,
            ));
        }
        if let Some(at) = end {
            transitions.push(transition(TransitionKind::Closed, at, "grace"));
        }
        let mut reviews = Vec::new();
        let reviewer = |login: &str| Account {
            id: 9,
            login: login.into(),
            bot: false,
        };
        let name = if author.login == "ada" {
            "grace"
        } else {
            "ada"
        };
        for (at, state) in [(review, "commented"), (approval, "approved")] {
            if let Some(at) = at.filter(|at| !is_unapproved && end.is_none_or(|end| *at <= end)) {
                reviews.push(Review {
                    review_id: i64::from(reviews.len() as u32) + 10 * number,
                    reviewer: Some(reviewer(name)),
                    state: state.into(),
                    commit_sha: None,
                    submitted_at: at,
                });
            }
        }
        let is_draft = draft_until.is_some_and(|at| at >= self.now);
        let additions = self.draws.long(40) % 4_000;
        let state = PullRequest {
            host: HOST.into(),
            repository_id: self.repository_id,
            repository: Some(self.repository.clone()),
            number,
            pull_request_id: Some(self.repository_id * 100_000 + number),
            version: 1,
            presence: Presence::Alive,
            title: Some(self.title()),
            state: Some(if end.is_some() { "closed" } else { "open" }.into()),
            draft: Some(is_draft),
            merged: Some(is_merged),
            author: Some(author),
            merged_by: None,
            base_ref: Some("main".into()),
            head_ref: Some(format!("topic-{number}")),
            head_sha: None,
            html_url: Some(format!("https://{HOST}/{}/pull/{number}", self.repository)),
            labels: self.labels(),
            assignees: Vec::new(),
            requested_reviewers: Vec::new(),
            requested_teams: Vec::new(),
            milestone: None,
            locked: Some(false),
            created_at: Some(created),
            updated_at: Some(end.unwrap_or(created)),
            closed_at: end,
            merged_at: end.filter(|_| is_merged),
            additions: Some(additions),
            deletions: Some(additions / 3),
            changed_files: Some(3),
            commits: Some(2),
            comments: Some(1),
            review_comments: Some(0),
            first_commit_at: self
                .draws
                .chance(93)
                .then(|| created.plus_seconds(-self.draws.long(10 * HOUR))),
            reviews,
            transitions,
            heads: Vec::new(),
            label_ids: vec![],
            assignee_ids: vec![],
            requested_reviewer_ids: vec![],
            milestone_id: None,
            opened_draft: None,
            author_gone: false,
            namings: vec![],
        };
        for at in [Some(created), review, approval, end].into_iter().flatten() {
            self.event("pull_request", number, at);
        }
        self.state(StateTopic::PullRequests, &state);
    }

    fn issue(&mut self, morning: Timestamp) {
        let created = self.moment(morning);
        if created >= self.now {
            return;
        }
        let number = self.take_number(created);
        let author = self.account(5);
        let closed = (!self.draws.chance(18))
            .then(|| created.plus_seconds(self.draws.long(4 * DAY)))
            .and_then(|at| self.until_now(at));
        let reopened = closed
            .filter(|_| self.draws.chance(6))
            .and_then(|at| self.after(at, DAY));
        let end = closed.filter(|_| reopened.is_none());
        let mut transitions = vec![transition(TransitionKind::Opened, created, &author.login)];
        for (kind, at) in [
            (TransitionKind::Closed, closed),
            (TransitionKind::Reopened, reopened),
        ] {
            transitions.extend(at.map(|at| transition(kind, at, "ines")));
        }
        let reason = [
            "completed",
            "completed",
            "completed",
            "not_planned",
            "duplicate",
        ][self.draws.below(5) as usize];
        let labels = self.labels();
        let state = Issue {
            host: HOST.into(),
            repository_id: self.repository_id,
            repository: Some(self.repository.clone()),
            number,
            issue_id: Some(self.repository_id * 100_000 + number),
            version: 1,
            presence: Presence::Alive,
            title: Some(self.title()),
            state: Some(if end.is_some() { "closed" } else { "open" }.into()),
            state_reason: end.map(|_| reason.into()),
            author: Some(author),
            html_url: Some(format!(
                "https://{HOST}/{}/issues/{number}",
                self.repository
            )),
            assignees: if labels.is_empty() {
                Vec::new()
            } else {
                vec!["noor".into()]
            },
            labels,
            milestone: None,
            locked: Some(false),
            comments: Some(self.draws.below(9) as i64),
            created_at: Some(created),
            updated_at: Some(end.unwrap_or(created)),
            closed_at: end,
            transitions,
            label_ids: vec![],
            assignee_ids: vec![],
            milestone_id: None,
            namings: vec![],
        };
        for at in [Some(created), closed, reopened].into_iter().flatten() {
            self.event("issues", number, at);
        }
        self.state(StateTopic::Issues, &state);
    }

    fn healed_gap(&mut self, morning: Timestamp) {
        let since = self.moment(morning);
        let opened = since.plus_seconds(300 + self.draws.below(900) as i64);
        let detector = Detector::ALL[[0, 0, 0, 1, 1, 2, 3, 4, 6][self.draws.below(9) as usize]];
        let outcome = [
            GapOutcome::Fetched,
            GapOutcome::Fetched,
            GapOutcome::Fetched,
            GapOutcome::Arrived,
            GapOutcome::Explained,
        ][self.draws.below(5) as usize];
        let Some(closed) = self.after(opened, 45) else {
            return;
        };
        self.gap(detector, since, opened, Some((closed, outcome)));
    }

    fn open_gap(&mut self) {
        let since = self.now.plus_seconds(-2 * HOUR);
        self.number += 1;
        self.missing.push(self.number);
        let last = self.number + 1;
        self.days
            .entry(since.day())
            .or_insert(LedgerDay {
                day: since.day(),
                existing: 0,
                accounted: 0,
            })
            .existing += 1;
        self.gap(Detector::NumberSpace, since, since.plus_seconds(600), None);
        self.gap(
            Detector::HeadChain,
            since.plus_seconds(-3 * DAY),
            since.plus_seconds(1200),
            None,
        );
        self.number = last;
        let day = self.days.entry(since.day()).or_insert(LedgerDay {
            day: since.day(),
            existing: 0,
            accounted: 0,
        });
        day.existing += 1;
        day.accounted += 1;
    }

    fn gap(
        &mut self,
        detector: Detector,
        since: Timestamp,
        opened_at: Timestamp,
        end: Option<(Timestamp, GapOutcome)>,
    ) {
        self.serial += 1;
        let number = self.number.max(1);
        let evidence = match detector {
            Detector::NumberSpace => format!("#{} exists, #{number} was never seen", number + 1),
            Detector::HeadChain => {
                format!("#{number}: synchronize begins at a head that nobody saw")
            }
            Detector::ImpossibleTransition => {
                format!("#{number} was closed twice without a reopening")
            }
            Detector::ContestedSecond => format!("#{number}: two deliveries of one second differ"),
            Detector::Clock => format!("#{number}: updated_at is later than any event"),
            Detector::DeadLetter => "an event could not be processed".into(),
            Detector::UnprovenHistory => format!("#{number} has been quiet since its last webhook"),
        };
        let state = Gap {
            host: HOST.into(),
            repository_id: self.repository_id,
            repository: Some(self.repository.clone()),
            gap_id: format!("{:016x}{:016x}", self.repository_id, self.serial),
            version: 1,
            detector,
            number: Some(number),
            evidence,
            since,
            opened_at,
            answers: i64::from(end.is_some()),
            closed_at: end.map(|(at, _)| at),
            outcome: end.map(|(_, outcome)| outcome),
        };
        self.state(StateTopic::Gaps, &state);
    }

    fn ledger(&mut self) {
        let state = LedgerBlock {
            host: HOST.into(),
            repository_id: self.repository_id,
            repository: Some(self.repository.clone()),
            block: 0,
            version: 1,
            highest: self.number,
            known: self.number - self.missing.len() as i64,
            explained: 0,
            missing: self.missing.clone(),
            days: self.days.values().cloned().collect(),
        };
        self.state(StateTopic::Ledger, &state);
    }

    fn repository(&mut self, first: Timestamp) {
        let state = Repository {
            host: HOST.into(),
            repository_id: self.repository_id,
            version: 1,
            presence: Presence::Alive,
            full_name: Some(self.repository.clone()),
            owner: Some(self.owner.into()),
            owner_id: Some(77),
            private: Some(false),
            archived: Some(false),
            fork: Some(false),
            default_branch: Some("main".into()),
            created_at: Some(first),
            names: vec![self.repository.clone()],
            first_seen_at: Some(first),
            listed_until: Some(self.now),
            namings: vec![],
        };
        self.state(StateTopic::Repositories, &state);
    }

    fn event(&mut self, kind: &str, number: i64, at: Timestamp) {
        self.serial += 1;
        let delay = 1 + self.draws.below(4) as i64;
        let event = Event {
            event_id: format!("{:016x}{:016x}", self.repository_id, self.serial),
            source: if self.draws.chance(93) {
                Source::Webhook
            } else {
                Source::Snapshot
            },
            kind: kind.into(),
            action: Some("edited".into()),
            host: HOST.into(),
            owner: Some(self.owner.into()),
            owner_id: Some(77),
            repository: Some(self.repository.clone()),
            repository_id: Some(self.repository_id),
            number: Some(number),
            occurred_at: Some(at),
            received_at: at.plus_seconds(delay),
            payload: b"{}".to_vec(),
            ..Event::bare()
        };
        let value = self.codec.encode(&event).expect("an event is written");
        self.records.push(Seeded {
            topic: self.topics.events(),
            value,
        });
    }

    fn state<R: Record>(&mut self, topic: StateTopic, state: &R) {
        let value = self.codec.encode(state).expect("a state is written");
        self.records.push(Seeded {
            topic: self.topics.state(topic),
            value,
        });
    }
}

fn transition(kind: TransitionKind, at: Timestamp, actor: &str) -> Transition {
    Transition {
        kind,
        at,
        actor: Some(actor.into()),
        actor_id: None,
    }
}
