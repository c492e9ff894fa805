//! One odd value in an answer of GitHub's: what it costs, what an operator sees of it and does about
//! it, and that it is over once GitHub gives an answer that can be read.

use crate::github::{GitHub, delivery, issue, repository};
use crate::{Up, errors, printed, run, send, wait_for};
use serde_json::{Value, json};

const ISSUES: &str = "/repositories/5/issues";

/// Whether a letter is about a row of a listing: then its name says which.
fn is_row(letter: &Value) -> bool {
    name(letter).split('/').count() == 3
}

fn name(letter: &Value) -> String {
    letter["name"].as_str().unwrap().to_owned()
}

fn letters(up: &Up, which: &[&str]) -> Vec<Value> {
    let command = [&["dlq", "list", "--json"], which].concat();
    up.json(&command).unwrap().as_array().unwrap().clone()
}

fn all_letters(up: &Up) -> Vec<Value> {
    letters(up, &["--all"])
}

fn open_letters(up: &Up) -> Vec<Value> {
    letters(up, &[])
}

/// How complete the repository is, and the detectors of its open gaps.
fn completeness(up: &Up) -> Option<(f64, Vec<Value>)> {
    let status = up.json(&["status", "--json"])?;
    let repository = status["repositories"].as_array()?.first()?.clone();
    let gaps = status["open_gaps"].as_array()?.iter();
    let detectors = gaps.map(|gap| gap["detector"].clone()).collect();
    Some((repository["completeness"].as_f64()?, detectors))
}

/// The one gap of the item that is open.
fn open_gap(up: &Up) -> Option<Value> {
    let shown = up.json(&["show", "acme/odd#2", "--json"])?;
    let mut gaps = shown["gaps"].as_array()?.iter();
    gaps.find(|gap| gap["is_open"] == true).cloned()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_odd_row_is_a_letter_and_a_gap_of_its_own_until_its_item_is_answered_well() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let github = GitHub::start().await;
    github.configure(folder, "acme");
    let odd = repository(5, "odd");
    github.answers("/orgs/acme/repos", json!([odd]));
    github.answers("/repositories/5", odd.clone());
    // A label that is no label, in the listing; and in the answer about the item an entry of its
    // timeline that says no time.
    let mut row = issue(2);
    row["labels"] = json!([["odd"]]);
    let mut second = issue(2);
    second["labels"] = json!([{"id": 1, "name": "bug"}]);
    github.answers(ISSUES, json!([issue(1), row, issue(3)]));
    for item in [&issue(1), &second, &issue(3)] {
        github.shows_item(5, item);
    }
    let timeline = format!("{ISSUES}/2/timeline");
    github.answers(
        &timeline,
        json!([{"event": "closed", "created_at": [["odd"]]}]),
    );
    let up = Up::start(folder);
    let opened = delivery("issues", "opened", &odd, json!({"issue": issue(1)}));
    send(folder, &[opened]);

    // All else counts: the other rows, what is left of the odd one, and of the answer about it.
    for (number, field, expected) in [
        (3, "title", json!("Issue 3")),
        (2, "title", json!("Issue 2")),
        (2, "labels", json!(["bug"])),
    ] {
        wait_for(&format!("{field} of number {number}"), || {
            let shown = up.json(&["show", &format!("acme/odd#{number}"), "--json"])?;
            (shown["state"][field] == expected).then_some(())
        });
    }

    // It is listed by its place, shown by itself, and lacks.
    let letter = wait_for("the row's letter", || {
        open_letters(&up).into_iter().find(is_row)
    });
    let row_name = name(&letter);
    assert!(row_name.ends_with("/1"), "{letter}");
    assert_eq!(letter["reason"], "payload");
    let error = letter["error"].as_str().unwrap();
    assert!(
        error.starts_with("row 1 (number 2): labels[0]: "),
        "{error}"
    );
    let listed = printed(&run(folder, &["dlq", "list"]));
    let line = listed.lines().find(|line| line.starts_with(&row_name));
    assert!(
        line.is_some_and(|line| line.ends_with(error)) && listed.contains(" not handled, "),
        "{listed}"
    );
    let shown = up.json(&["dlq", "show", &row_name]).unwrap();
    let event = &shown["event"];
    assert_eq!(
        (&event["source"], &event["number"], &event["repository"]),
        (&json!("listing"), &json!(2), &json!("acme/odd"))
    );
    let payload: Value = serde_json::from_str(event["payload"].as_str().unwrap()).unwrap();
    assert_eq!(payload["items"].as_array().unwrap().len(), 1);
    assert_eq!(payload["items"][0]["labels"], json!([["odd"]]));
    wait_for("completeness to fall", || {
        let (share, detectors) = completeness(&up)?;
        (share < 1.0 && detectors == ["dead_letter"]).then_some(())
    });
    let gap = open_gap(&up).expect("a gap of number 2");
    assert_eq!(gap["evidence"], "an event about number 2 could not be read");
    let answer = wait_for("the letter of the answer about it", || {
        let mut letters = open_letters(&up).into_iter();
        letters.find(|letter| !is_row(letter))
    });
    let error = answer["error"].as_str().unwrap();
    assert!(error.starts_with("timeline[0]: "), "{error}");

    // Replayed before it can be read, it is a letter again; dropped, it is given up. Neither closes
    // the gap, and however often the row is listed meanwhile, it is no other letter.
    assert!(run(folder, &["dlq", "replay", &row_name]).status.success());
    let again = wait_for("the replayed row to fail again", || {
        let mut letters = open_letters(&up).into_iter();
        letters.find(|letter| letter["error"].as_str().unwrap().starts_with("row 0"))
    });
    assert!(!is_row(&again), "it is an event of its own now: {again}");
    let again = name(&again);
    assert!(run(folder, &["dlq", "drop", &again]).status.success());
    for (handled, how) in [(&row_name, "replayed"), (&again, "dropped")] {
        let twice = run(folder, &["dlq", "drop", handled]);
        let expected = format!("the dead letter {handled} was {how} already");
        assert!(errors(&twice).contains(&expected), "{}", errors(&twice));
        let all = all_letters(&up);
        let letter = all.iter().find(|letter| name(letter) == *handled).unwrap();
        assert_eq!(letter["handled"], how);
    }
    assert!(open_gap(&up).is_some());
    let asked = github.times_asked(ISSUES);
    wait_for("the row to be listed anew, twice at least", || {
        (github.times_asked(ISSUES) >= asked + 4).then_some(())
    });
    up.settle();
    let rows: Vec<Value> = all_letters(&up).into_iter().filter(is_row).collect();
    assert_eq!(rows.len(), 1, "{rows:#?}");

    // Answered well, the item lacks nothing any more; what is left is to give its letters up.
    github.answers(ISSUES, json!([issue(1), second, issue(3)]));
    github.answers(&timeline, json!([]));
    wait_for("all to be complete again", || {
        let (share, detectors) = completeness(&up)?;
        (share == 1.0 && detectors.is_empty()).then_some(())
    });
    let shown = up.json(&["show", "acme/odd#2", "--json"]).unwrap();
    assert_eq!(shown["gaps"][0]["outcome"], "fetched", "{shown:#}");
    // Replaying what is of before the answer asks nothing anew.
    let before = open_letters(&up).len();
    let answer = name(&answer);
    assert!(run(folder, &["dlq", "replay", &answer]).status.success());
    wait_for("the replayed answer to fail again", || {
        (open_letters(&up).len() == before).then_some(())
    });
    assert!(run(folder, &["dlq", "drop", "--all"]).status.success());
    assert_eq!(open_letters(&up), Vec::<Value>::new());
    let status = up.settle();
    assert_eq!(
        (&status["dead_letters"], &status["completeness"]),
        (&json!(0), &json!(1.0))
    );
    up.stop();
}
