//! Each rule's own query at every moment of 26 weeks, on the real engine.
//!
//! **How.** The tables that a rule asks are replaced by what they held at the moment in question
//! (`as_of`), and `now('UTC')` by that moment; all else of the query is the file's. Columns and
//! their types are those of the product's views, from which the replayed tables are made.
//!
//! **Why so few questions do.** A rule fires only after its condition has held for all of `for`, so
//! that a grid of that step meets every stretch that could fire at least once. Where the grid meets one,
//! each evaluation that Grafana would have made around it is made. A rule without `for` looks back
//! an hour: a grid of ten minutes sees whatever it counts. Of the grid of healthy weeks, those moments
//! are asked about at which something could be wrong: for the rule on silence, while one is three
//! times as long as the longest that the hours around its begin had a week before, and each twelfth
//! moment of the others at hours that are usually busy; for rules on gaps, while one is open and for
//! an hour after its opening. And a moment each 29 hours, which walks over all hours.

use crate::organisation::{BEGIN, DAY, END, FAULT, Fault, HOUR, MINUTE, PACES, Pace, Story};
use crate::{alerts, ask, started, text};
use gapless_embedded::{Credentials, Embedded};
use gapless_schemas::Timestamp;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

/// Moments asked about in one statement.
const AT_ONCE: usize = 80;

/// A rule, as far as time matters.
struct Rule {
    uid: String,
    sql: String,
    limit: f64,
    /// How long its condition must hold, and how often Grafana looks, in seconds.
    lasting: i64,
    every: i64,
}

/// Columns of the views that rules read, by which the replayed tables are made.
const TABLES: [&str; 4] = [
    "CREATE DATABASE replay",
    "CREATE TABLE replay.events ENGINE = MergeTree ORDER BY received_at AS SELECT source, kind, \
     action, host, repository_id, number, occurred_at, received_at, stored_at FROM gapless.events \
     WHERE 0",
    "CREATE TABLE replay.gaps ENGINE = MergeTree ORDER BY opened_at AS SELECT host, repository_id, \
     repository, gap_id, detector, since, opened_at, closed_at, is_open, age_seconds \
     FROM gapless.gaps WHERE 0",
    "CREATE TABLE replay.completeness ENGINE = MergeTree ORDER BY day AS SELECT repository, day, \
     known, lacking FROM gapless.completeness WHERE 0",
];

/// What a table held at `at`.
fn as_of(table: &str, at: i64, processed_until: i64) -> String {
    let now = format!("toDateTime({at}, 'UTC')");
    match table {
        "events" => format!(
            "(SELECT * FROM replay.events WHERE received_at <= {now} AND stored_at <= {now})"
        ),
        "gaps" => format!(
            "(SELECT * REPLACE (closed_at IS NULL OR closed_at > {now} AS is_open, \
             if(closed_at IS NULL OR closed_at > {now}, dateDiff('second', opened_at, {now}), NULL) \
             AS age_seconds) FROM replay.gaps WHERE opened_at <= {now})"
        ),
        "completeness" => format!(
            "(SELECT repository, day, known, ifNull(open, 0) AS lacking \
             FROM (SELECT * FROM replay.completeness WHERE day <= toDate({now})) AS days \
             LEFT JOIN (SELECT repository, toDate(since) AS day, count() AS open FROM replay.gaps \
             WHERE opened_at <= {now} AND (closed_at IS NULL OR closed_at > {now}) \
             GROUP BY repository, day) AS gaps USING (repository, day))"
        ),
        // States follow their events within seconds, as long as somebody makes them.
        "pull_requests" | "issues" => {
            let kind = if table == "issues" {
                "issues"
            } else {
                "pull_request"
            };
            let until = processed_until.min(at - 5);
            format!(
                "(SELECT host, repository_id, assumeNotNull(number) AS number, max(occurred_at) AS updated_at \
                 FROM replay.events WHERE kind = '{kind}' AND received_at <= toDateTime({until}, 'UTC') \
                 AND received_at > toDateTime({}, 'UTC') GROUP BY ALL)",
                at - HOUR
            )
        }
        // Nothing is rebuilt in these weeks.
        "rebuilds" => "gapless.rebuilds".to_owned(),
        other => panic!("the replay knows no table {other}"),
    }
}

impl Rule {
    fn all() -> Vec<Self> {
        let yaml = crate::read("grafana/provisioning/alerting/gapless.yaml");
        let file: Value = serde_saphyr::from_str(&yaml).expect("YAML");
        let groups = file["groups"].as_array().expect("groups");
        let every: BTreeMap<String, i64> = groups
            .iter()
            .flat_map(|group| {
                let every = seconds(&text(&group["interval"]));
                let rules = group["rules"].as_array().expect("rules");
                rules.iter().map(move |rule| (text(&rule["uid"]), every))
            })
            .collect();
        let limits = crate::rules();
        let of = |(uid, rule): (String, Value)| {
            let (sql, limit) = limits[&uid].clone();
            let (lasting, every) = (seconds(&text(&rule["for"])), every[&uid]);
            Self {
                uid,
                sql,
                limit,
                lasting,
                every,
            }
        };
        alerts().into_iter().map(of).collect()
    }

    /// The query as of a moment.
    fn at(&self, at: i64, story: &Story) -> String {
        let mut words = self.sql.split(' ').map(str::to_owned).collect::<Vec<_>>();
        for place in 1..words.len() {
            if words[place - 1] == "FROM" && !words[place].starts_with('(') {
                let (table, rest) = match words[place].split_once(')') {
                    Some((table, rest)) => (table.to_owned(), format!("){rest}")),
                    None => (words[place].clone(), String::new()),
                };
                words[place] = as_of(&table, at, story.processed_until) + &rest;
            }
        }
        let sql = words
            .join(" ")
            .replace("now64(3, 'UTC')", &format!("toDateTime64({at}, 3, 'UTC')"))
            .replace("now('UTC')", &format!("toDateTime({at}, 'UTC')"));
        for clock in ["now(", "now64(", "today("] {
            assert!(!sql.contains(clock), "{}: {clock}", self.uid);
        }
        sql
    }

    /// At which of these moments the condition holds, and of what.
    async fn holds(
        &self,
        engine: &Engine<'_>,
        story: &Story,
        moments: &[i64],
    ) -> BTreeMap<i64, BTreeSet<String>> {
        let mut found: BTreeMap<i64, BTreeSet<String>> = BTreeMap::new();
        for some in moments.chunks(AT_ONCE) {
            let mut sql = String::new();
            for at in some {
                let union = if sql.is_empty() { "" } else { " UNION ALL " };
                let _ = write!(
                    sql,
                    "{union}SELECT {at} AS moment, * FROM ({})",
                    self.at(*at, story)
                );
            }
            sql += " SETTINGS max_query_size = 10000000, max_threads = 2 FORMAT JSONCompact";
            let answer = ask(engine.embedded, engine.writer, &sql).await;
            let answer: Value = serde_json::from_str(&answer).expect("JSON");
            let columns = answer["meta"].as_array().expect("columns");
            let number = columns
                .iter()
                .position(|column| column["type"] == "Float64");
            let number = number.expect("one number");
            for row in answer["data"].as_array().expect("rows") {
                if row[number].as_f64().is_some_and(|value| value > self.limit) {
                    let of: Vec<String> = (1..columns.len())
                        .filter(|at| *at != number)
                        .map(|at| row[at].to_string())
                        .collect();
                    let moment = row[0].as_i64().or_else(|| row[0].as_str()?.parse().ok());
                    found
                        .entry(moment.expect("a moment"))
                        .or_default()
                        .insert(of.join(" "));
                }
            }
        }
        found
    }

    /// How far the moments of a grid lie from each other.
    fn step(&self) -> i64 {
        if self.lasting == 0 {
            10 * MINUTE
        } else {
            self.lasting
        }
    }

    /// Moments of the grid of healthy weeks at which something could be wrong; see the module.
    fn suspicious(&self, story: &Story) -> Vec<i64> {
        let on_grid = |from: i64, to: i64| {
            let step = self.step();
            let first = from - (from - BEGIN).rem_euclid(step);
            (first..=to + step).step_by(step as usize)
        };
        let mut moments: BTreeSet<i64> = (BEGIN..END).step_by((29 * HOUR) as usize).collect();
        if self.sql.contains("FROM gaps") || self.sql.contains("FROM completeness") {
            for gap in &story.gaps {
                let until = gap.closed.unwrap_or(END).max(gap.opened + 65 * MINUTE);
                moments.extend(on_grid(gap.opened, until));
                // A day counts once it is over.
                if self.sql.contains("FROM completeness") {
                    moments.extend(on_grid(gap.opened, until).map(|at| at + DAY));
                }
            }
        }
        if self.uid == "gapless-quiet" {
            let came: BTreeSet<i64> = story.deliveries.iter().map(|one| one.received).collect();
            let last = |at: i64| came.range(..=at).next_back().copied().unwrap_or(BEGIN);
            let some = |around: i64| {
                let near = around - 45 * MINUTE..=around + 45 * MINUTE;
                came.range(near).next().is_some()
            };
            let silent = |at: &i64| (15 * MINUTE..3 * HOUR).contains(&(at - last(*at)));
            let silences = on_grid(BEGIN + 28 * DAY, END).filter(silent);
            let usually_busy =
                silences.filter(|at| (1..=4).all(|weeks| some(last(*at) - weeks * 7 * DAY)));
            for (place, at) in usually_busy.enumerate() {
                let around = last(at) - 7 * DAY;
                let ends = [around - 75 * MINUTE, around + 75 * MINUTE];
                let places = came.range(ends[0]..=ends[1]).copied().chain(ends);
                let mut places: Vec<i64> = places.collect();
                places.sort_unstable();
                let longest = places.windows(2).map(|two| two[1] - two[0]).max();
                if place % 12 == 0 || longest.is_some_and(|one| 3 * one < at - last(at)) {
                    moments.insert(at);
                }
            }
        }
        moments
            .into_iter()
            .filter(|at| (BEGIN..END).contains(at))
            .collect()
    }

    /// When it first fires around the moments of a grid, and of what.
    async fn fires(
        &self,
        engine: &Engine<'_>,
        story: &Story,
        grid: &[i64],
    ) -> Option<(i64, String)> {
        let step = self.step();
        let mut moments = BTreeSet::new();
        for at in self.holds(engine, story, grid).await.into_keys() {
            moments.extend(
                (at - step..=at + step)
                    .map(|at| at - at % self.every)
                    .step_by(self.every as usize),
            );
        }
        let moments: Vec<i64> = moments.into_iter().collect();
        let held = self.holds(engine, story, &moments).await;
        let mut pending: BTreeMap<String, i64> = BTreeMap::new();
        let mut before = 0;
        for at in moments {
            if at - before > self.every {
                pending.clear();
            }
            before = at;
            let now = held.get(&at).cloned().unwrap_or_default();
            pending.retain(|of, _| now.contains(of));
            for of in now {
                let since = *pending.entry(of.clone()).or_insert(at);
                if at - since >= self.lasting {
                    return Some((at, of));
                }
            }
        }
        None
    }
}

fn seconds(text: &str) -> i64 {
    let (count, unit) = text.split_at(text.len() - 1);
    let unit = match unit {
        "m" => MINUTE,
        "h" => HOUR,
        _ => panic!("{text} is no duration of these rules"),
    };
    count.parse::<i64>().expect("a count") * unit
}

struct Engine<'a> {
    embedded: &'a Embedded,
    writer: &'a Credentials,
}

impl Engine<'_> {
    /// Replaces what is in the tables by a story.
    async fn hold(&self, story: &Story) {
        for table in ["events", "gaps", "completeness"] {
            ask(
                self.embedded,
                self.writer,
                &format!("TRUNCATE TABLE replay.{table}"),
            )
            .await;
        }
        let mut sql = "INSERT INTO replay.events (source, kind, host, repository_id, number, \
                       occurred_at, received_at, stored_at) FORMAT TSV\n"
            .to_owned();
        let mut days: BTreeMap<(i64, i64), i64> = BTreeMap::new();
        for one in &story.deliveries {
            let kind = if one.is_pull_request {
                "pull_request"
            } else {
                "issues"
            };
            let _ = writeln!(
                sql,
                "webhook\t{kind}\tgithub.com\t{}\t{}\t{}\t{}\t{}",
                one.repository,
                one.number,
                one.received - 1,
                one.received,
                one.stored
            );
            *days
                .entry((one.repository, one.received / DAY))
                .or_default() += 1;
        }
        ask(self.embedded, self.writer, &sql).await;
        let mut sql =
            "INSERT INTO replay.completeness (repository, day, known) FORMAT TSV\n".to_owned();
        for ((repository, day), known) in days {
            let day = Timestamp::from_seconds(day * DAY).to_string();
            let _ = writeln!(sql, "acme/{repository}\t{}\t{known}", &day[..10]);
        }
        ask(self.embedded, self.writer, &sql).await;
        let mut sql = "INSERT INTO replay.gaps (repository, gap_id, detector, since, opened_at, \
                       closed_at) FORMAT TSV\n"
            .to_owned();
        for (id, one) in story.gaps.iter().enumerate() {
            let closed = one.closed.map_or("\\N".to_owned(), |at| at.to_string());
            let _ = writeln!(
                sql,
                "acme/{}\t{id}\t{}\t{}\t{}\t{closed}",
                one.repository, one.detector, one.since, one.opened
            );
        }
        ask(self.embedded, self.writer, &sql).await;
    }
}

/// What each fault makes fire, on which pace, and within how long.
const PROMISES: [(Fault, Pace, &str, i64); 10] = [
    (
        Fault::WebhooksStop,
        Pace::Busy,
        "gapless-quiet",
        35 * MINUTE,
    ),
    (
        Fault::WebhooksStop,
        Pace::OfficeHours,
        "gapless-quiet",
        35 * MINUTE,
    ),
    (Fault::SlowRows, Pace::Busy, "gapless-stale", 20 * MINUTE),
    (
        Fault::ProcessorsStop,
        Pace::Busy,
        "gapless-standstill",
        30 * MINUTE,
    ),
    (
        Fault::OneUnreadable,
        Pace::Sparse,
        "gapless-dead-letters",
        20 * MINUTE,
    ),
    (
        Fault::ManyUnreadable,
        Pace::Busy,
        "gapless-many-dead-letters",
        HOUR,
    ),
    (Fault::ManyUnreadable, Pace::Busy, "gapless-many-gaps", HOUR),
    (
        Fault::LossWithoutToken,
        Pace::Busy,
        "gapless-incomplete",
        16 * HOUR,
    ),
    (
        Fault::LossWithoutToken,
        Pace::Busy,
        "gapless-old-gap",
        26 * HOUR,
    ),
    (
        Fault::LossWithoutToken,
        Pace::Sparse,
        "gapless-old-gap",
        34 * HOUR,
    ),
];

#[test]
fn each_rule_promises_something_and_each_fault_is_noticed() {
    let promised: BTreeSet<&str> = PROMISES.iter().map(|one| one.2).collect();
    let rules = crate::rules();
    assert_eq!(promised, rules.keys().map(String::as_str).collect());
}

#[tokio::test(flavor = "multi_thread")]
async fn no_rule_fires_in_26_healthy_weeks_and_each_does_within_its_promise_of_a_fault() {
    let Some((embedded, _data)) = started().await else {
        return;
    };
    let writer = embedded.clickhouse_writer().clone();
    for statement in TABLES {
        ask(&embedded, &writer, statement).await;
    }
    let engine = Engine {
        embedded: &embedded,
        writer: &writer,
    };
    let rules = Rule::all();
    for pace in PACES {
        let story = Story::tell(pace, None);
        engine.hold(&story).await;
        for rule in &rules {
            let fired = rule.fires(&engine, &story, &rule.suspicious(&story)).await;
            assert_eq!(
                fired, None,
                "{} of a healthy {pace:?} organisation",
                rule.uid
            );
        }
    }
    for (fault, pace, uid, promise) in PROMISES {
        let story = Story::tell(pace, Some(fault));
        engine.hold(&story).await;
        let rule = rules.iter().find(|rule| rule.uid == uid).expect("a rule");
        let around = (FAULT - HOUR..FAULT + promise + rule.step()).step_by(rule.step() as usize);
        let fired = rule
            .fires(&engine, &story, &around.collect::<Vec<_>>())
            .await;
        let after = fired.as_ref().map(|(at, _)| at - FAULT);
        assert!(
            after.is_some_and(|after| (0..=promise).contains(&after)),
            "{uid} at {fault:?} of a {pace:?} organisation: {fired:?}"
        );
    }
    embedded.stop().await;
}
