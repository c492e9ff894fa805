//! A question's identity is its value. What it is called, and the ids made from it, never change; the
//! words that it is told in may.

use gapless_schemas::{Contested, Question, Timestamp, ids};
use serde::Deserialize;
use std::collections::BTreeSet;

/// A question as an earlier release wrote it, and the ids that it made of it.
#[derive(Deserialize)]
struct Golden {
    question: Box<serde_json::value::RawValue>,
    gap_id: String,
    second_gap_id: String,
    audit_id: String,
}

const SUBJECT: &str = "pull-requests/github.com/5/7";
const GOLDEN: &str = include_str!("questions.json");

fn golden() -> Vec<Golden> {
    serde_json::from_str(GOLDEN).expect("the golden file is a list of questions")
}

/// One of each, with every form of its parts.
fn questions() -> Vec<Question> {
    let at = Timestamp::from_seconds(1_600_000_000);
    let sha = "0123456789abcdef0123456789abcdef01234567";
    let mut questions = vec![
        Question::MissingNumber { number: 7 },
        Question::UnreadableEvent { number: 7 },
        Question::ClosedTwice { at },
        Question::ReopenedTwice { at },
        Question::ReadyTwice { at },
        Question::DraftTwice { at },
        Question::UntoldClosing,
        Question::UntoldReopening { after: at },
        Question::UntoldOpening,
        Question::UntoldHead {
            at,
            before: sha.to_owned(),
        },
        Question::UntoldPush {
            at,
            head: sha.to_owned(),
        },
    ];
    questions.extend([true, false].map(|shown| Question::UntoldDraft { shown }));
    for at in [None, Some(at)] {
        questions.push(Question::AbsentNumber {
            number: 7,
            unseen_at: at,
        });
        questions.push(Question::UnheardChange { heard_at: at });
        questions.push(Question::UnprovenHistory { read_at: at });
    }
    questions.extend(Contested::ALL.map(|what| Question::Contested { what, at }));
    questions
}

/// Where each question stands in `questions`, so that a new variant does not compile without a place.
const fn variant(question: &Question) -> usize {
    match question {
        Question::MissingNumber { .. } => 0,
        Question::AbsentNumber { .. } => 1,
        Question::UnreadableEvent { .. } => 2,
        Question::UnheardChange { .. } => 3,
        Question::Contested { .. } => 4,
        Question::ClosedTwice { .. } => 5,
        Question::ReopenedTwice { .. } => 6,
        Question::ReadyTwice { .. } => 7,
        Question::DraftTwice { .. } => 8,
        Question::UntoldClosing => 9,
        Question::UntoldReopening { .. } => 10,
        Question::UntoldDraft { .. } => 11,
        Question::UntoldOpening => 12,
        Question::UntoldHead { .. } => 13,
        Question::UntoldPush { .. } => 14,
        Question::UnprovenHistory { .. } => 15,
    }
}
const VARIANTS: usize = 16;

#[test]
fn what_any_release_asked_is_read_and_has_its_ids_whatever_words_it_is_told_in() {
    for golden in golden() {
        let question: Question = serde_json::from_str(golden.question.get()).expect("it is read");
        let written = serde_json::to_string(&question).expect("it is written");
        assert_eq!(written, golden.question.get());
        let ids = [
            ids::gap_id(SUBJECT, &question, 0),
            ids::gap_id(SUBJECT, &question, 1),
            ids::audit_id(SUBJECT, &question, 0),
        ];
        assert_eq!(ids, [golden.gap_id, golden.second_gap_id, golden.audit_id]);
    }
}

#[test]
fn every_question_is_in_the_golden_file() {
    let golden = golden();
    let golden: BTreeSet<&str> = golden.iter().map(|golden| golden.question.get()).collect();
    let variants: BTreeSet<usize> = questions().iter().map(variant).collect();
    assert_eq!(variants.len(), VARIANTS);
    let missing: Vec<String> = questions()
        .iter()
        .map(|question| {
            (
                serde_json::to_string(question).expect("it is written"),
                question,
            )
        })
        .filter(|(written, _)| !golden.contains(written.as_str()))
        .map(|(written, question)| {
            format!(
                r#"{{"question": {written}, "gap_id": "{}", "second_gap_id": "{}", "audit_id": "{}"}}"#,
                ids::gap_id(SUBJECT, question, 0),
                ids::gap_id(SUBJECT, question, 1),
                ids::audit_id(SUBJECT, question, 0),
            )
        })
        .collect();
    assert!(missing.is_empty(), "append:\n{}", missing.join(",\n"));
}

#[test]
fn no_two_questions_are_told_in_the_same_words() {
    let words: BTreeSet<String> = questions().iter().map(Question::to_string).collect();
    assert_eq!(words.len(), questions().len());
}
