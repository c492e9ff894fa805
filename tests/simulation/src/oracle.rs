//! The oracle: every state, bucket, ledger and gap beside the simulator's truth.
//!
//! Both sides are written as names and values, so that what one side has and the other lacks is a
//! difference too. Times of transitions count to the day, because witnesses differ by a second or
//! so (the simulator keeps that skew away from midnight); their kinds count in order.

use crate::broker::Broker;
use crate::counts::Counts;
use crate::planted::Planted;
use crate::sink::Sink;
use gapless_core::{Key, Record};
use gapless_projections::catalogue::{ROLLUPS, TABLES};
use gapless_projections::table::Cell;
use gapless_schemas::{
    Account, Codec, Event, Gap, Issue, LedgerBlock, NameKind, Presence, PullRequest, Repository,
    StateTopic, Timestamp, Transition, TransitionKind,
};
use gapless_simulator::Truth;
use gapless_simulator::truth::{self, DayKey, ItemTruth, Received, TransitionTruth};
use std::collections::{BTreeMap, BTreeSet};

type Figures = BTreeMap<String, String>;

/// Every difference, in words.
pub(crate) fn differences(
    broker: &Broker,
    sink: &Sink,
    planted: Option<Planted>,
    truth: &Truth,
    counts: &mut Counts,
) -> Vec<String> {
    let mut ours = Figures::new();
    let mut wrong = Vec::new();
    let called = Called::of(sink);
    let states = States {
        broker,
        planted,
        called: &called,
    };
    states.add_items(&mut ours);
    wrong.extend(states.unfinished(counts));
    // With that bug it is the figures that must show it.
    if planted != Some(Planted::LastRecordWins) {
        wrong.extend(states.last_but_not_latest());
    }
    add_daily(sink, &called, &mut ours);
    let mut truth = truth.clone();
    let unknown = truth.know_only(&received(broker));
    counts.add_many("accounts that nobody can know", unknown as u64);
    let theirs = of_truth(&truth);
    counts.add_many("figures compared", theirs.len() as u64);
    let names: BTreeSet<&String> = ours.keys().chain(theirs.keys()).collect();
    for name in names {
        let show = |figures: &Figures| {
            figures
                .get(name)
                .map_or("no such figure", String::as_str)
                .to_owned()
        };
        let (ours, theirs) = (show(&ours), show(&theirs));
        if ours != theirs {
            wrong.push(format!(
                "{name}: Gapless says {ours}, the truth is {theirs}"
            ));
        }
    }
    let (letters, unreadable) = (broker.dead_letters(), broker.unreadable_places());
    for place in letters.symmetric_difference(&unreadable) {
        wrong.push(format!("the dead letters are wrong about {place}"));
    }
    wrong
}

/// Keys of which the last record of one generation says something else than the other's.
pub(crate) fn rebuilt_otherwise(
    live: &Broker,
    rebuilt: &Broker,
    counts: &mut Counts,
) -> Vec<String> {
    let (live, rebuilt) = (last_records(live), last_records(rebuilt));
    counts.add_many("states rebuilt", rebuilt.len() as u64);
    let keys: BTreeSet<&Key> = live.keys().chain(rebuilt.keys()).collect();
    let differ = keys
        .into_iter()
        .filter(|key| live.get(key) != rebuilt.get(key));
    differ
        .map(|key| {
            format!(
                "{key}: {:?} live, {:?} rebuilt",
                live.get(key),
                rebuilt.get(key)
            )
        })
        .collect()
}

/// What compaction leaves of the state topics, versions aside.
fn last_records(broker: &Broker) -> BTreeMap<Key, Record> {
    let mut found = BTreeMap::new();
    for topic in StateTopic::ALL {
        let name = broker.topics.state(topic);
        for partition in broker.partitions() {
            for record in broker.read(&name, partition, 0, usize::MAX) {
                let key = Key::of_record(topic, &record.key).expect("a key of ours");
                let value = record.value.expect("no state is ever deleted");
                let last = Record::decode(&broker.codec, key.kind, &value);
                found.insert(key, last.expect("a state of ours is read").under(0));
            }
        }
    }
    found
}

struct States<'a> {
    broker: &'a Broker,
    planted: Option<Planted>,
    called: &'a Called,
}

/// What people, labels and milestones are called now, as the views take it from the names' table:
/// states keep what each was called when it was last spoken of.
struct Called(BTreeMap<(String, i64), Telling>);

/// Version, name, and whether its bearer is deleted.
type Telling = (i64, String, bool);

impl Called {
    fn of(sink: &Sink) -> Self {
        let names = TABLES.iter().find(|table| table.name == "names");
        let names = names.expect("it is in the catalogue");
        let mut latest: BTreeMap<(String, i64), Telling> = BTreeMap::new();
        for row in sink.tables.rows(names) {
            let number = |name: &str| cell(&row[name]).parse::<i64>().expect("a number");
            let is_deleted = number("deleted") != 0;
            let version = number("told_at") * 2 + i64::from(is_deleted);
            let telling = (version, cell(&row["name"]), is_deleted);
            let known = latest
                .entry((cell(&row["kind"]), number("id")))
                .or_default();
            *known = telling.max(std::mem::take(known));
        }
        Self(latest)
    }

    /// Nothing where its bearer is deleted.
    fn now(&self, kind: NameKind, id: Option<i64>, told: &str) -> Option<String> {
        let telling = id.and_then(|id| self.0.get(&(kind.name().to_owned(), id)));
        match telling {
            Some((_, _, true)) => None,
            Some((_, name, false)) => Some(name.clone()),
            None => Some(told.to_owned()),
        }
    }

    fn account(&self, account: &Option<Account>) -> String {
        let account = account.as_ref();
        text(&account.and_then(|it| self.now(NameKind::Person, Some(it.id), &it.login)))
    }

    fn all(&self, kind: NameKind, ids: &[i64], told: &[String]) -> String {
        let of_now =
            |(place, told): (usize, &String)| self.now(kind, ids.get(place).copied(), told);
        let mut names: Vec<String> = told.iter().enumerate().filter_map(of_now).collect();
        names.sort();
        names.join(",")
    }
}

impl States<'_> {
    /// The state of every key: of all its records the one with the greatest version.
    fn of<R: gapless_schemas::Record>(
        &self,
        topic: StateTopic,
        version: impl Fn(&R) -> i64,
    ) -> Vec<R> {
        let codec: &Codec = &self.broker.codec;
        let mut found: BTreeMap<String, R> = BTreeMap::new();
        for partition in self.broker.partitions() {
            let name = self.broker.topics.state(topic);
            for record in self.broker.read(&name, partition, 0, usize::MAX) {
                let Some(mut value) = record.value else {
                    continue;
                };
                if let Some(planted) = self.planted {
                    value = planted.misread(codec, topic, record.offset, value);
                }
                let state: R = codec.decode(&value).expect("a state of ours is read");
                match found.get(&record.key) {
                    Some(known) if version(known) > version(&state) => {}
                    _ => {
                        found.insert(record.key, state);
                    }
                }
            }
        }
        found.into_values().collect()
    }

    fn add_items(&self, figures: &mut Figures) {
        let is_there = |presence| matches!(presence, Presence::Alive | Presence::Unreachable);
        let pulls = self.of(StateTopic::PullRequests, |state: &PullRequest| {
            state.version
        });
        for pull in pulls.iter().filter(|pull| is_there(pull.presence)) {
            let what = format!("pull request {}/{}", pull.repository_id, pull.number);
            let mut add = |name: &str, value: String| add(figures, &what, name, value);
            add("title", text(&pull.title));
            add("state", text(&pull.state));
            let called = self.called;
            add("author", called.account(&pull.author));
            add("presence", pull.presence.name().to_owned());
            let (ids, told) = (pull.milestone_id, pull.milestone.as_deref());
            let milestone = told.and_then(|told| called.now(NameKind::Milestone, ids, told));
            add("milestone", text(&milestone));
            let labels = called.all(NameKind::Label, &pull.label_ids, &pull.labels);
            add("labels", labels);
            let assignees = called.all(NameKind::Person, &pull.assignee_ids, &pull.assignees);
            add("assignees", assignees);
            add("comments", text(&pull.comments));
            add("created at", time(pull.created_at));
            add("updated at", time(pull.updated_at));
            add("closed at", time(pull.closed_at));
            add("draft", text(&pull.draft));
            add("merged", text(&pull.merged));
            add("merged at", time(pull.merged_at));
            add("merged by", called.account(&pull.merged_by));
            add("base", text(&pull.base_ref));
            add("head", text(&pull.head_ref));
            add("head sha", text(&pull.head_sha));
            let (ids, told) = (&pull.requested_reviewer_ids, &pull.requested_reviewers);
            add(
                "requested reviewers",
                called.all(NameKind::Person, ids, told),
            );
            add("requested teams", pull.requested_teams.join(","));
            add("additions", text(&pull.additions));
            add("deletions", text(&pull.deletions));
            add("changed files", text(&pull.changed_files));
            add("commits", text(&pull.commits));
            add("transitions", turns(&pull.transitions));
            for review in &pull.reviews {
                let by = called.account(&review.reviewer);
                let value = format!("{} by {by}", review.state);
                add(&format!("review {}", review.review_id), value);
            }
        }
        let issues = self.of(StateTopic::Issues, |state: &Issue| state.version);
        for issue in issues.iter().filter(|issue| is_there(issue.presence)) {
            let what = format!("issue {}/{}", issue.repository_id, issue.number);
            let mut add = |name: &str, value: String| add(figures, &what, name, value);
            add("id", text(&issue.issue_id));
            add("title", text(&issue.title));
            add("state", text(&issue.state));
            add("state reason", text(&issue.state_reason));
            let called = self.called;
            add("author", called.account(&issue.author));
            add("presence", issue.presence.name().to_owned());
            let (ids, told) = (issue.milestone_id, issue.milestone.as_deref());
            let milestone = told.and_then(|told| called.now(NameKind::Milestone, ids, told));
            add("milestone", text(&milestone));
            let labels = called.all(NameKind::Label, &issue.label_ids, &issue.labels);
            add("labels", labels);
            let assignees = called.all(NameKind::Person, &issue.assignee_ids, &issue.assignees);
            add("assignees", assignees);
            add("comments", text(&issue.comments));
            add("created at", time(issue.created_at));
            add("updated at", time(issue.updated_at));
            add("closed at", time(issue.closed_at));
            add("transitions", turns(&issue.transitions));
        }
        for repository in self.of(StateTopic::Repositories, |state: &Repository| state.version) {
            let what = format!("repository {}", repository.repository_id);
            let mut add = |name: &str, value: String| add(figures, &what, name, value);
            add("full name", text(&repository.full_name));
            add("presence", repository.presence.name().to_owned());
            add("archived", text(&repository.archived));
            add("default branch", text(&repository.default_branch));
        }
    }

    /// Keys whose last record, which is the one that compaction keeps, says something else than the
    /// one with the greatest version.
    fn last_but_not_latest(&self) -> Vec<String> {
        let mut wrong = Vec::new();
        for topic in StateTopic::ALL {
            let name = self.broker.topics.state(topic);
            let mut found: BTreeMap<Key, (Record, Record)> = BTreeMap::new();
            for partition in self.broker.partitions() {
                for record in self.broker.read(&name, partition, 0, usize::MAX) {
                    let key = Key::of_record(topic, &record.key).expect("a key of ours");
                    let value = record.value.expect("no state is ever deleted");
                    let last = Record::decode(&self.broker.codec, key.kind, &value);
                    let last = last.expect("a state of ours is read");
                    let latest = match found.remove(&key) {
                        Some((latest, _)) if latest.version() > last.version() => latest,
                        _ => last.clone(),
                    };
                    found.insert(key, (latest, last));
                }
            }
            for (key, (latest, last)) in found {
                if latest.clone().under(0) != last.clone().under(0) {
                    let (latest, last) = (latest.version(), last.version());
                    wrong.push(format!(
                        "{key}: the last record has version {last} and is older than {latest}"
                    ));
                }
            }
        }
        wrong
    }

    /// Missing numbers and open gaps; counts how gaps ended.
    fn unfinished(&self, counts: &mut Counts) -> Vec<String> {
        let mut unfinished = Vec::new();
        for block in self.of(StateTopic::Ledger, |state: &LedgerBlock| state.version) {
            if !block.missing.is_empty() {
                unfinished.push(format!(
                    "repository {}: numbers {:?} are missing",
                    block.repository_id, block.missing
                ));
            }
        }
        for gap in self.of(StateTopic::Gaps, |state: &Gap| state.version) {
            let outcome = gap
                .outcome
                .map_or("open", gapless_schemas::GapOutcome::name);
            counts.add(format!("gap by {}, {outcome}", gap.detector.name()));
            if gap.closed_at.is_none() {
                unfinished.push(format!(
                    "a gap of repository {} is open: {}, number {:?}, {}",
                    gap.repository_id,
                    gap.detector.name(),
                    gap.number,
                    gap.evidence
                ));
            }
        }
        unfinished
    }
}

/// Every figure of the daily rollups, by repository, day and author. The repository's name is none:
/// it is as the records told it, and only the view shows the one of now.
fn add_daily(sink: &Sink, called: &Called, figures: &mut Figures) {
    for table in ["pull_requests_daily", "issues_daily"] {
        let rollup = ROLLUPS.iter().find(|rollup| rollup.table.name == table);
        let rollup = rollup.expect("it is in the catalogue");
        for row in sink.tables.rows(&rollup.table) {
            let key = ["repository_id", "day", "author_id", "author_is_bot"];
            let what = daily(table, key.map(|name| cell(&row[name])));
            let names = rollup.figures.iter().map(|figure| figure.column.name);
            for name in names.filter(|name| *name != "repository") {
                let value = match name {
                    "author" => {
                        let id = cell(&row["author_id"]).parse().ok();
                        text(&called.now(NameKind::Person, id, &cell(&row[name])))
                    }
                    _ => cell(&row[name]),
                };
                add(figures, &what, name, value);
            }
        }
    }
}

fn daily(table: &str, [repository_id, day, author, is_bot]: [String; 4]) -> String {
    format!("{table} {repository_id} day {day} by account {author} (bot: {is_bot})")
}

fn cell(cell: &Cell) -> String {
    match cell {
        Cell::Null => NOTHING.to_owned(),
        Cell::Int(number) => number.to_string(),
        Cell::Unsigned(number) => number.to_string(),
        Cell::Bytes(bytes) => String::from_utf8_lossy(bytes).into_owned(),
        Cell::List(cells) => cells.iter().map(self::cell).collect::<Vec<_>>().join(","),
    }
}

fn of_truth(truth: &Truth) -> Figures {
    let mut figures = Figures::new();
    for pull in &truth.pull_requests {
        let what = format!(
            "pull request {}/{}",
            pull.item.repository_id, pull.item.number
        );
        add_item(&mut figures, &what, &pull.item);
        let mut add = |name: &str, value: String| add(&mut figures, &what, name, value);
        add("draft", pull.draft.to_string());
        add("merged", pull.merged().to_string());
        add("merged at", time(pull.merged_at));
        add("merged by", text(&pull.merged_by));
        add("base", pull.base_ref.clone());
        add("head", pull.head_ref.clone());
        add("head sha", pull.head_sha.clone());
        add("requested reviewers", pull.requested_reviewers.join(","));
        add("requested teams", pull.requested_teams.join(","));
        add("additions", pull.additions.to_string());
        add("deletions", pull.deletions.to_string());
        add("changed files", pull.changed_files.to_string());
        add("commits", pull.commits.to_string());
        for review in &pull.reviews {
            let value = format!("{} by {}", review.state, known(&review.user));
            add(&format!("review {}", review.id), value);
        }
    }
    for issue in &truth.issues {
        let what = format!("issue {}/{}", issue.item.repository_id, issue.item.number);
        add_item(&mut figures, &what, &issue.item);
        add(&mut figures, &what, "id", issue.id.to_string());
        add(
            &mut figures,
            &what,
            "state reason",
            text(&issue.state_reason),
        );
    }
    for repository in &truth.repositories {
        let what = format!("repository {}", repository.id);
        let mut add = |name: &str, value: String| add(&mut figures, &what, name, value);
        add("full name", repository.full_name.clone());
        add("presence", "alive".to_owned());
        add("archived", repository.archived.to_string());
        add("default branch", repository.default_branch.clone());
    }
    for (key, row) in truth.pull_requests_daily() {
        let what = daily("pull_requests_daily", true_key(&key));
        add(&mut figures, &what, "author", key.author.clone());
        add_true_day(&mut figures, &what, row.counts(), &row.durations());
    }
    for (key, row) in truth.issues_daily() {
        let what = daily("issues_daily", true_key(&key));
        add(&mut figures, &what, "author", key.author.clone());
        add_true_day(&mut figures, &what, row.counts(), &row.durations());
    }
    figures
}

fn true_key(key: &DayKey) -> [String; 4] {
    let is_bot = i64::from(key.author_is_bot);
    [
        key.repository_id.to_string(),
        key.day.to_string(),
        key.author_id.to_string(),
        is_bot.to_string(),
    ]
}

fn add_true_day(
    figures: &mut Figures,
    what: &str,
    counts: Vec<(&str, i64)>,
    durations: &[(&str, &str, &[i64])],
) {
    for (name, count) in counts {
        add(figures, what, name, count.to_string());
    }
    for (count, seconds, all) in durations {
        let mut all = all.to_vec();
        all.sort_unstable();
        add(figures, what, count, all.len().to_string());
        let all: Vec<String> = all.iter().map(i64::to_string).collect();
        add(figures, what, seconds, all.join(","));
    }
}

fn add_item(figures: &mut Figures, what: &str, item: &ItemTruth) {
    let mut add = |name: &str, value: String| add(figures, what, name, value);
    add("title", item.title.clone());
    add("state", item.state.name().to_owned());
    add("author", known(&item.author));
    // What was deleted for a while is there again in the end.
    add("presence", "alive".to_owned());
    add("milestone", text(&item.milestone));
    add("labels", item.labels.join(","));
    add("assignees", item.assignees.join(","));
    add("comments", item.comments.to_string());
    add("created at", time(item.known_created_at()));
    add("updated at", time(Some(item.updated_at)));
    add("closed at", time(item.closed_at));
    add(
        "transitions",
        true_transitions(item.known_created_at(), &item.transitions),
    );
}

/// A login that may be unknown.
fn known(login: &str) -> String {
    text(&Some(login).filter(|login| !login.is_empty()))
}

/// Whose things were, by every payload in the log, as it was received.
fn received(broker: &Broker) -> Received {
    let mut received = Received::default();
    let events = broker.topics.events();
    for partition in broker.partitions() {
        for record in broker.read(&events, partition, 0, usize::MAX) {
            let event: Option<Event> = record
                .value
                .and_then(|value| broker.codec.decode(&value).ok());
            let Some(event) = event else { continue };
            let payload = serde_json::from_slice(&event.payload);
            if let (Some(repository_id), Ok(payload)) = (event.repository_id, payload) {
                received.read(repository_id.cast_unsigned(), &payload);
            }
        }
    }
    received
}

/// What nobody told: something else than 0, false or an empty text.
const NOTHING: &str = "nothing";

fn add(figures: &mut Figures, what: &str, name: &str, value: String) {
    figures.insert(format!("{what}: {name}"), value);
}

fn text<T: ToString>(value: &Option<T>) -> String {
    value.as_ref().map_or(NOTHING.to_owned(), T::to_string)
}

fn time(at: Option<Timestamp>) -> String {
    text(&at)
}

fn turns(transitions: &[Transition]) -> String {
    let one = |transition: &Transition| {
        let kind = match transition.kind {
            TransitionKind::Opened => "opened",
            TransitionKind::Closed => "closed",
            TransitionKind::Reopened => "reopened",
            TransitionKind::ReadyForReview => "ready",
            TransitionKind::ConvertedToDraft => "draft",
        };
        format!("{kind} {}", transition.at.day())
    };
    transitions.iter().map(one).collect::<Vec<_>>().join(", ")
}

fn true_transitions(created_at: Option<Timestamp>, transitions: &[TransitionTruth]) -> String {
    let one = |transition: &TransitionTruth| {
        let kind = match transition.kind {
            truth::TransitionKind::Closed | truth::TransitionKind::Merged => "closed",
            truth::TransitionKind::Reopened => "reopened",
            truth::TransitionKind::ReadyForReview => "ready",
            truth::TransitionKind::ConvertedToDraft => "draft",
        };
        (transition.at, kind)
    };
    let opened = created_at.map(|at| (at, "opened"));
    let mut all: Vec<_> = opened
        .into_iter()
        .chain(transitions.iter().map(one))
        .collect();
    // Imports may have been closed before they were created.
    all.sort_by_key(|(at, _)| at.day());
    let told = all.iter().map(|(at, kind)| format!("{kind} {}", at.day()));
    told.collect::<Vec<_>>().join(", ")
}
