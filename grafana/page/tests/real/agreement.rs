//! Figures that speak of the same thing agree, whatever the range, the bucket, the authors chosen and
//! the time that it is; and nothing is told of what nobody knows.

use crate::figures::{figure, get, page, rows};
use gapless_page::{PageOptions, page_router};
use serde_json::Value;

#[tokio::test]
async fn the_oldest_open_ones_are_those_whose_wait_the_charts_count() {
    let Some(odd) = page(crate::odd().await) else {
        return;
    };
    let query = "var-organisation=turns";
    for (uid, days) in [
        (
            "gapless-pull-requests",
            [Some(200), Some(20), None].as_slice(),
        ),
        ("gapless-issues", &[Some(20)]),
    ] {
        let list = rows(&odd, uid, 30, query).await;
        let waits = list
            .iter()
            .map(|row| row[2].as_i64().map(|seconds| seconds / 86_400));
        assert_eq!(waits.collect::<Vec<_>>(), days, "{uid}");
    }
    // All that wait 30 days and longer are listed with such a wait, and no others.
    let filled = page(crate::filled().await).expect("an engine");
    for (uid, chart, column) in [("gapless-pull-requests", 22, 2), ("gapless-issues", 23, 1)] {
        for repository in [
            "acme-labs/benchmarks",
            "acme-labs/experiments",
            "acme/auth",
            "acme/docs",
        ] {
            let query = format!("var-bots=1&var-repository={repository}");
            let list = rows(&filled, uid, 30, &query).await;
            let long = list.iter().filter_map(|row| row[2].as_i64());
            let listed = long.filter(|seconds| *seconds >= 30 * 86_400).count();
            let lines = rows(&filled, uid, chart, &query).await;
            let last = lines
                .last()
                .and_then(|row| row[column].as_u64())
                .unwrap_or(0);
            assert!(list.len() < 200, "{uid} {repository}: all are listed");
            assert_eq!(listed as u64, last, "{uid} {repository}");
        }
    }
}

#[tokio::test]
async fn a_range_shorter_than_its_bucket_shows_what_its_figures_count() {
    let Some(page) = page(crate::filled().await) else {
        return;
    };
    for (range, bucket) in [
        ("now-7d", "month"),
        ("now-20d", "quarter"),
        ("now-2d", "week"),
    ] {
        let query = format!("from={range}&var-bucket={bucket}");
        for (uid, chart, column, stat) in [
            ("gapless-overview", 20, 1, 10),
            ("gapless-overview", 20, 2, 11),
            ("gapless-issues", 20, 1, 10),
            ("gapless-completeness", 21, 1, 12),
        ] {
            let chart = rows(&page, uid, chart, &query).await;
            let columns = if uid == "gapless-completeness" {
                1..7
            } else {
                column..column + 1
            };
            let sum: f64 = chart
                .iter()
                .flat_map(|row| &row[columns.clone()])
                .filter_map(Value::as_f64)
                .sum();
            let stat = figure(&page, uid, stat, &query).await;
            assert!(stat > 0.0 || uid == "gapless-completeness", "{uid} {query}");
            assert!((sum - stat).abs() < 0.5, "{uid} {query}: {sum}, {stat}");
        }
    }
}

#[tokio::test]
async fn what_holds_as_of_a_day_is_told_of_days_that_something_is_known_about() {
    let Some(store) = crate::filled().await else {
        return;
    };
    let page = page(Some(store)).expect("a page");
    let query = "from=now-3y&to=now%2B60d&var-bucket=day";
    let covered = rows(&page, "gapless-overview", 25, query).await;
    let ends = [&covered[0][0], &covered[covered.len() - 1][0]];
    for (uid, chart) in [
        ("gapless-overview", 22),
        ("gapless-pull-requests", 22),
        ("gapless-issues", 22),
        ("gapless-issues", 23),
        ("gapless-completeness", 23),
    ] {
        let lines = rows(&page, uid, chart, query).await;
        assert_eq!(
            [&lines[0][0], &lines[lines.len() - 1][0]],
            ends,
            "{uid} {chart}"
        );
        assert_eq!(lines.len(), covered.len(), "{uid} {chart}: a day each");
    }
}

#[tokio::test]
async fn a_bot_that_is_chosen_as_author_is_counted() {
    let Some(page) = page(crate::filled().await) else {
        return;
    };
    let bot = "var-author=dependabot[bot]";
    for (uid, stat) in [
        ("gapless-overview", 10),
        ("gapless-overview", 13),
        ("gapless-issues", 10),
    ] {
        let without = figure(&page, uid, stat, &format!("{bot}&var-bots=0")).await;
        let with = figure(&page, uid, stat, &format!("{bot}&var-bots=1")).await;
        assert!(
            without > 0.0 && (with - without).abs() < 0.5,
            "{uid}: {without}, {with}"
        );
        // A person chosen beside it brings no other bot.
        let two = figure(
            &page,
            uid,
            stat,
            &format!("{bot}&var-author=ada&var-bots=0"),
        )
        .await;
        let ada = figure(&page, uid, stat, "var-author=ada&var-bots=0").await;
        assert!(
            (two - ada - with).abs() < 0.5,
            "{uid}: {two} of {ada} and {with}"
        );
    }
}

#[tokio::test]
async fn the_pages_own_time_is_now_everywhere() {
    let Some(store) = crate::filled().await else {
        return;
    };
    let then = crate::store::now().plus_seconds(-100 * 86_400).as_millis();
    let options = PageOptions {
        store: store.reader(),
        status: None,
        clock: Some(std::sync::Arc::new(move || then)),
    };
    let page = page_router(options).expect("the dashboards are allowed");
    let (_, chosen) = get(&page, "/api/dashboards/gapless-overview/variables").await;
    assert_eq!(chosen["now_millis"], then);
    assert_eq!(chosen["to_millis"], then);
    let days = rows(&page, "gapless-pull-requests", 22, "to=now%2B1y").await;
    let last = days.last().and_then(|row| row[0].as_i64()).expect("a day");
    assert_eq!(
        last,
        then - then % 86_400_000,
        "nothing is told of days to come"
    );
    let oldest = rows(&page, "gapless-completeness", 15, "").await;
    let age = oldest[0][1].as_i64().expect("an open gap");
    assert!(age < 86_400, "a gap of days to come is new: {age}");
}

#[tokio::test]
async fn those_merged_without_approval_are_as_many_as_the_figures_count() {
    let Some(page) = page(crate::filled().await) else {
        return;
    };
    let chart = rows(&page, "gapless-pull-requests", 21, "").await;
    let of = |column: usize| -> f64 { chart.iter().filter_map(|row| row[column].as_f64()).sum() };
    let list = rows(&page, "gapless-pull-requests", 35, "").await;
    let total = list[0].last().and_then(Value::as_f64).expect("a total");
    assert!(
        (total - of(2)).abs() < 0.5,
        "{total} listed, {} counted",
        of(2)
    );
    let merged = figure(&page, "gapless-overview", 11, "").await;
    assert!(
        (of(1) + of(2) - merged).abs() < 0.5,
        "the bars are all that was merged"
    );
    for id in [28, 31] {
        let bars = rows(&page, "gapless-pull-requests", id, "").await;
        let sum: f64 = bars.iter().filter_map(|row| row[1].as_f64()).sum();
        assert!((sum - merged).abs() < 0.5, "{id}: {sum} of {merged}");
    }
    let open = figure(&page, "gapless-overview", 13, "").await;
    for id in [32, 33] {
        let bars = rows(&page, "gapless-pull-requests", id, "").await;
        let sum: f64 = bars.iter().filter_map(|row| row[1].as_f64()).sum();
        assert!((sum - open).abs() < 0.5, "{id}: {sum} of {open}");
    }
}
