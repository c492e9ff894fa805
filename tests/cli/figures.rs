//! What GitHub does seldom, through the whole system to the figures that a reader asks for.

use crate::github::{GitHub, delivery, issue, repository, user};
use crate::{PATIENCE, Up, send};
use serde_json::{Value, json};
use std::time::Instant;

/// Asks as a reader does, with the reader's password and by SQL; the rows, columns in order.
async fn ask(up: &Up, sql: &str) -> Vec<Value> {
    let run = up.run_file();
    let text = |field: &str| run[field].as_str().unwrap().to_owned();
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let settings = [
        ("default_format", "JSONCompactEachRow"),
        ("output_format_json_quote_64bit_integers", "0"),
    ];
    let asked = client
        .post(text("clickhouse_url"))
        .query(&settings)
        .header("X-ClickHouse-User", text("reader_user"))
        .header("X-ClickHouse-Key", text("reader_password"))
        .body(sql.to_owned());
    let answer = asked.send().await.unwrap();
    let (is_answered, rows) = (answer.status().is_success(), answer.text().await.unwrap());
    assert!(is_answered, "{sql}: {rows}");
    let rows = rows.lines().map(serde_json::from_str);
    rows.collect::<Result<_, _>>().unwrap()
}

/// Waits until `sql` is answered with `expected`.
async fn becomes(up: &Up, sql: &str, expected: Value) {
    let began = Instant::now();
    loop {
        let rows = Value::from(ask(up, sql).await);
        if rows == expected {
            return;
        }
        assert!(began.elapsed() < PATIENCE, "{sql}: {rows}, not {expected}");
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
}

/// An issue's number as the pull request that it became on the next day.
fn pull_request(number: i64) -> Value {
    let mut pull = issue(number);
    for (field, value) in [
        ("id", json!(2_000 + number)),
        ("updated_at", json!("2026-01-03T00:00:00Z")),
        ("draft", json!(false)),
        ("merged_at", Value::Null),
        ("requested_reviewers", json!([])),
        ("requested_teams", json!([])),
        ("head", json!({"sha": "a".repeat(40), "ref": "topic"})),
        ("base", json!({"sha": "b".repeat(40), "ref": "main"})),
    ] {
        pull[field] = value;
    }
    pull
}

#[tokio::test(flavor = "multi_thread")]
async fn what_github_does_seldom_comes_out_right_in_the_figures() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let github = GitHub::start().await;
    github.configure(folder, "acme");
    let [convert, back, away, odd] = [(1, "convert"), (2, "back"), (3, "away"), (4, "odd")]
        .map(|(id, name)| repository(id, name));
    let listed = [convert.clone(), back.clone(), away.clone(), odd.clone()];
    github.answers("/orgs/acme/repos", json!(listed));
    for repository in &listed {
        let path = format!("/repositories/{}", repository["id"]);
        github.answers(&path, repository.clone());
        github.answers(&format!("{path}/issues"), json!([]));
    }

    // Issues that became pull requests, heard of in either order; GitHub lists both as what they are.
    let mut rows = Vec::new();
    for number in [1, 2] {
        let pull = pull_request(number);
        let path = format!("/repositories/1/pulls/{number}");
        github.answers(&path, pull.clone());
        github.answers(&format!("{path}/reviews"), json!([]));
        let mut row = issue(number);
        row["updated_at"] = pull["updated_at"].clone();
        row["draft"] = false.into();
        row["pull_request"] = json!({"merged_at": null});
        github.shows_item(1, &row);
        rows.push(row);
    }
    github.answers("/repositories/1/issues", json!(rows));
    // Two that are there, to be deleted.
    for repository in [2, 3] {
        github.answers(
            &format!("/repositories/{repository}/issues"),
            json!([issue(1)]),
        );
        github.shows_item(repository, &issue(1));
    }
    // One whose first closing is lost, one with a label that is none, one whose opening is lost.
    let mut closed = issue(1);
    for (field, value) in [
        ("state", "closed"),
        ("state_reason", "completed"),
        ("closed_at", "2026-01-04T00:00:00Z"),
        ("updated_at", "2026-01-04T00:00:00Z"),
    ] {
        closed[field] = value.into();
    }
    let mut labelled = issue(2);
    labelled["labels"] = json!([{"id": 1, "name": ["bug"]}]);
    github.answers(
        "/repositories/4/issues",
        json!([closed, labelled, issue(3)]),
    );
    for item in [closed, labelled, issue(3)] {
        github.shows_item(4, &item);
    }

    let up = Up::start(folder);
    let opened = |repository: &Value, number: i64| {
        delivery(
            "issues",
            "opened",
            repository,
            json!({"issue": issue(number)}),
        )
    };
    let became = |number: i64| {
        let told = json!({"number": number, "pull_request": pull_request(number)});
        delivery("pull_request", "opened", &convert, told)
    };
    send(
        folder,
        &[
            opened(&convert, 1),
            became(1),
            became(2),
            opened(&convert, 2),
            opened(&back, 1),
            opened(&away, 1),
            opened(&odd, 1),
        ],
    );

    // Whatever is to be wrong is wrong once all of it is told.
    becomes(
        &up,
        "SELECT count() FROM gapless.events WHERE source = 'webhook'",
        json!([[7]]),
    )
    .await;
    up.settle();
    // An issue that became a pull request is a pull request alone, in rows and in counts.
    becomes(
        &up,
        "SELECT (SELECT groupArray(number) FROM gapless.issues WHERE repository_id = 1), \
         (SELECT sum(open_delta) FROM gapless.issues_daily WHERE repository_id = 1), \
         (SELECT groupArray(number) FROM (SELECT number FROM gapless.pull_requests \
          WHERE repository_id = 1 ORDER BY number)), \
         (SELECT sum(open_delta) FROM gapless.pull_requests_daily WHERE repository_id = 1)",
        json!([[[], 0, [1, 2], 2]]),
    )
    .await;
    // Of a listing all rows count, but what is odd; that is a gap, and completeness says so.
    becomes(
        &up,
        "SELECT number, state, labels FROM gapless.issues WHERE repository_id = 4 ORDER BY number",
        json!([[1, "closed", []], [2, "open", []], [3, "open", []]]),
    )
    .await;
    becomes(
        &up,
        "SELECT (SELECT groupArray((detector, number)) FROM gapless.gaps \
          WHERE repository_id = 4 AND is_open), \
         (SELECT sum(known) / sum(known + lacking) < 1 FROM gapless.completeness \
          WHERE repository_id = 4)",
        json!([[[["dead_letter", 2]], 1]]),
    )
    .await;

    // Deleted, both; the one was restored at once, which nobody tells: GitHub goes on to list it, to
    // the byte as before.
    github.answers("/orgs/acme/repos", json!([convert, back, odd]));
    github.forgets("/repositories/3");
    let deleted = |repository: &Value| delivery("repository", "deleted", repository, json!({}));
    send(folder, &[deleted(&back), deleted(&away)]);
    // As of a listing of after the deletion: before it both were alive.
    becomes(
        &up,
        "SELECT presence FROM gapless.repositories WHERE repository_id = 2 AND listed_until > \
         (SELECT max(received_at) FROM gapless.events WHERE repository_id = 2 \
          AND kind = 'repository' AND action = 'deleted' HAVING count() > 0)",
        json!([["alive"]]),
    )
    .await;
    becomes(
        &up,
        "SELECT presence FROM gapless.repositories WHERE repository_id = 3",
        json!([["gone"]]),
    )
    .await;
    becomes(
        &up,
        "SELECT repository_id, state, repository_presence FROM gapless.issues \
         WHERE repository_id IN (2, 3) ORDER BY repository_id",
        json!([[2, "open", "alive"], [3, "open", "gone"]]),
    )
    .await;
    // What it tells next is in it as ever.
    let mut second = issue(2);
    second["user"] = user("carol", 13);
    let told = json!({"issue": second});
    github.answers("/repositories/2/issues", json!([issue(1), second]));
    github.shows_item(2, &second);
    send(folder, &[delivery("issues", "opened", &back, told)]);
    becomes(
        &up,
        "SELECT number, author, repository_presence FROM gapless.issues WHERE repository_id = 2 \
         ORDER BY number",
        json!([[1, "alice", "alive"], [2, "carol", "alive"]]),
    )
    .await;
    up.stop();
}
