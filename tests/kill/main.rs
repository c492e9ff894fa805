//! `kill -9` of real processes in mid-run: of gapless at every crash point that its loops name, of
//! Kafka and of the ClickHouse front. Whoever is killed, however often, every figure ends as in an
//! undisturbed run of the same deliveries, and every acknowledged delivery is there, once.
//!
//! A simulated organisation comes to rest; then its deliveries are posted, each repository's in
//! order, and posted again with the same GUID until they are acknowledged. Its API tells how things
//! ended: a backlog, seen from a GitHub that is ahead. Grace is short, so that questions about
//! contested seconds become gaps, commands and answers while processes die.
//!
//! `GAPLESS_KILLS` tells how often each is killed: 1 unless it is set, 10 for the evidence.

mod figures;
mod github;
mod poster;
mod process;

use figures::Figures;
use github::GitHub;
use poster::Poster;
use process::{Child, Gapless, PATIENCE, until};
use std::path::Path;
use std::time::Duration;

/// Deliveries of a run in which each is killed once, and for each time more: enough that questions
/// are left to be asked until the last kill.
const DELIVERIES: usize = 600;
const DELIVERIES_A_ROUND: usize = 200;
/// Deliveries released before each kill; more follow until it happens.
const DELIVERIES_A_KILL: usize = 5;
/// An embedded part that dies more often within ten minutes is given up, so gapless is started anew.
const DEATHS_MAX: usize = 5;
/// How often is looked whether what is expected has happened.
const LOOK: Duration = Duration::from_millis(200);
/// While a process is expected to die: how often there is something more to do. More often, and the
/// deliveries that make questions are used up while the group waits for its dead member.
const NUDGE_EVERY: Duration = Duration::from_secs(1);
/// How often a tick moves the log's clock while all is to come to rest: between two of them there
/// is time to see that it has.
const TICK_EVERY: Duration = Duration::from_secs(5);

/// Who is killed.
#[derive(Clone, Copy, Debug)]
enum Victim {
    Nobody,
    /// Gapless, at each of its crash points in turn, Kafka and ClickHouse with it.
    Gapless,
    /// An embedded part, which gapless starts again.
    Part(Child),
}

const VICTIMS: [Victim; 3] = [
    Victim::Part(Child::Kafka),
    Victim::Part(Child::ClickHouse),
    Victim::Gapless,
];

/// Every crash point of every loop.
fn points() -> Vec<&'static str> {
    let appends = gapless_ingest::CrashPoint::ALL.map(gapless_ingest::CrashPoint::name);
    let processors = gapless_engine::CrashPoint::ALL.map(gapless_engine::CrashPoint::name);
    let projections = gapless_projections::sink::CrashPoint::ALL.map(|point| point.name());
    [&appends[..], &processors, &projections].concat()
}

fn kills() -> usize {
    let kills = std::env::var("GAPLESS_KILLS").ok();
    kills.map_or(1, |kills| kills.parse().expect("GAPLESS_KILLS is a number"))
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_is_killed_every_figure_ends_as_if_nobody_was_and_nothing_acknowledged_is_lost() {
    let undisturbed = run(Victim::Nobody, kills(), None).await;
    for victim in VICTIMS {
        run(victim, kills(), Some(&undisturbed)).await;
    }
}

/// One life of one data folder.
async fn run(victim: Victim, kills: usize, expected: Option<&Figures>) -> Figures {
    let began = std::time::Instant::now();
    let deliveries = DELIVERIES + DELIVERIES_A_ROUND * kills.saturating_sub(1);
    let github = GitHub::start(deliveries).await;
    let folder = tempfile::tempdir().unwrap();
    let mut gapless = Gapless::new(folder.path(), &github);
    let poster = Poster::start(&github, gapless.webhook_url());
    match victim {
        Victim::Nobody => gapless.start(None).await,
        Victim::Gapless => kill_at_points(&mut gapless, &poster, kills).await,
        Victim::Part(child) => kill_parts(&mut gapless, &poster, child, kills).await,
    }
    poster.release_rest();
    poster.until_acknowledged(folder.path()).await;
    let figures = settle(&gapless, &poster, folder.path(), expected).await;
    gapless.stop().await;
    github.stop().await;
    eprintln!(
        "{victim:?}: {} figures after {} deliveries in {:.0} s",
        figures.len(),
        poster.acknowledged().len(),
        began.elapsed().as_secs_f64()
    );
    figures
}

async fn kill_at_points(gapless: &mut Gapless, poster: &Poster, kills: usize) {
    for round in 0..kills {
        for point in points() {
            let began = std::time::Instant::now();
            let times = 1 + round % 3;
            let mut nudged = began;
            gapless.spawn(Some(&format!("{point}:{times}")));
            poster.release(DELIVERIES_A_KILL);
            while !gapless.was_killed() {
                assert!(
                    began.elapsed() < PATIENCE,
                    "{point} was not reached: {}",
                    gapless.log()
                );
                if nudged.elapsed() >= NUDGE_EVERY && poster.is_all_acknowledged() {
                    nudged = std::time::Instant::now();
                    poster.release(1);
                    poster.tick().await;
                }
                tokio::time::sleep(LOOK).await;
            }
            eprintln!("killed at {point}:{times} after {:.1?}", began.elapsed());
        }
    }
    gapless.start(None).await;
}

async fn kill_parts(gapless: &mut Gapless, poster: &Poster, child: Child, kills: usize) {
    gapless.start(None).await;
    for death in 0..kills {
        if death > 0 && death % DEATHS_MAX == 0 {
            gapless.stop_for_now().await;
            gapless.start(None).await;
        }
        let before = poster.acknowledged().len();
        let slice = poster.remaining() / (kills - death + 1);
        poster.release(slice);
        until("half of the deliveries", gapless, async || {
            (poster.acknowledged().len() >= before + slice / 2).then_some(())
        })
        .await;
        let killed = gapless.kill(child).await;
        let began = std::time::Instant::now();
        until("the part to be started again", gapless, async || {
            let is_new = gapless.child(child).is_some_and(|pid| pid != killed);
            (is_new && gapless.is_ready().await).then_some(())
        })
        .await;
        poster.until_acknowledged(gapless.folder()).await;
        eprintln!(
            "{child:?} was killed, and all goes on after {:.1?}",
            began.elapsed()
        );
    }
}

/// Waits until every question was asked and answered and nothing lags, and returns the figures;
/// where figures are expected, until they are so.
async fn settle(
    gapless: &Gapless,
    poster: &Poster,
    folder: &Path,
    expected: Option<&Figures>,
) -> Figures {
    // What stands longer than its grace by the last ticks is a gap by then.
    let grace_over = std::time::Instant::now() + process::GRACE + Duration::from_secs(1);
    while std::time::Instant::now() < grace_over {
        tokio::time::sleep(LOOK).await;
    }
    poster.tick().await;
    poster.until_acknowledged(folder).await;
    let began = std::time::Instant::now();
    let mut ticked = began;
    let mut calm = 0;
    loop {
        let status = gapless.status();
        let figures = figures::read(gapless).await;
        let troubles = trouble(&status, figures.as_ref(), poster, expected);
        match (troubles.is_empty(), figures) {
            (true, Ok(figures)) if calm == 3 => return figures,
            (true, _) => calm += 1,
            (false, _) => calm = 0,
        }
        assert!(
            began.elapsed() < PATIENCE,
            "it never came right: {troubles:#?}\n{status}\n{}",
            gapless.log()
        );
        tokio::time::sleep(Duration::from_millis(500)).await;
        if ticked.elapsed() > TICK_EVERY {
            poster.tick().await;
            ticked = std::time::Instant::now();
        }
    }
}

/// What is not as it must be in the end.
fn trouble(
    status: &serde_json::Value,
    figures: Result<&Figures, &String>,
    poster: &Poster,
    expected: Option<&Figures>,
) -> Vec<String> {
    let figures = match figures {
        Ok(figures) => figures,
        Err(error) => return vec![error.clone()],
    };
    let mut troubles = Vec::new();
    for (name, right) in [
        ("processors_lag", serde_json::json!(0)),
        ("projections_lag", serde_json::json!(0)),
        ("dead_letters", serde_json::json!(0)),
        ("troubles", serde_json::json!([])),
        ("open_gaps", serde_json::json!([])),
    ] {
        if status[name] != right {
            troubles.push(format!("{name} is {}", status[name]));
        }
    }
    troubles.extend(figures.unlike_acknowledged(&poster.acknowledged()));
    troubles.extend(
        expected
            .into_iter()
            .flat_map(|expected| figures.unlike(expected)),
    );
    troubles
}
