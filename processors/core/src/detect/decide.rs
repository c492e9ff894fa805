use super::watch::Standing;
use super::{Asked, Patience, Watch};
use gapless_schemas::{GapEvent, Question, Resource, Timestamp, Urgency, ids};

/// What a detector decided; the task turns it into events and commands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Append this gap event.
    Append(GapEvent),
    /// Issue a command to fetch this.
    Ask {
        /// See [`gapless_schemas::Refetch::command_id`].
        command_id: String,
        /// The gap, or the audit's own id.
        gap_id: String,
        /// What to fetch.
        resource: Resource,
        /// Why.
        question: Question,
        /// From 1.
        attempt: u32,
        /// Whether a gap asks, or an audit.
        urgency: Urgency,
    },
}

/// Decides what to do about the questions of one entity.
///
/// `subject` is the entity's key, `questions` are all that its state asks at `now`.
///
/// A gap closes only when its question no longer stands. Since questions are asked of the joined
/// state, that is so when the missing fact came, or when an answer requested later covers it: an
/// answer already under way when the change happened carries an older time and leaves the question
/// standing.
pub fn decide(
    watch: &mut Watch,
    subject: &str,
    questions: &[Asked],
    now: Timestamp,
    patience: &Patience,
) -> Vec<Decision> {
    let mut decisions = Vec::new();
    let stands = |standing: &Standing| questions.iter().any(|asked| standing.is(asked));
    let known = std::mem::take(&mut watch.standing);
    let (standing, over) = known.into_iter().partition(stands);
    watch.standing = standing;
    for over in over {
        let question = over.gap_id(subject, 0);
        for gap_id in over.gaps {
            *watch.closed.entry(question.clone()).or_default() += 1;
            watch.closing.insert(gap_id.clone());
            decisions.push(Decision::Append(GapEvent::Closed {
                gap_id,
                subject: subject.to_owned(),
                at: now,
            }));
        }
    }
    watch.notice(questions, now, patience);
    for asked in questions {
        let is_due = |standing: &&mut Standing| standing.is(asked) && now >= standing.due_at;
        let Some(standing) = watch.standing.iter_mut().find(is_due) else {
            continue;
        };
        if let Some(quiet_at) = standing.quiet_at(asked.since, now, patience) {
            standing.due_at = quiet_at;
            continue;
        }
        let known = standing.gaps.first().cloned();
        let gap_id = known.clone().unwrap_or_else(|| {
            let first = standing.gap_id(subject, 0);
            let closed = watch.closed.get(&first).copied().unwrap_or_default();
            match asked.urgency {
                Urgency::Gap => standing.gap_id(subject, closed),
                Urgency::Audit => ids::audit_id(subject, &asked.question, closed),
            }
        });
        if known.is_none() && asked.urgency == Urgency::Gap {
            standing.gaps.push(gap_id.clone());
            decisions.push(Decision::Append(GapEvent::Opened {
                gap_id: gap_id.clone(),
                subject: subject.to_owned(),
                question: asked.question.clone(),
                resource: asked.resource,
                since: asked.since,
                at: now,
            }));
        }
        standing.attempts += 1;
        let attempt = standing.attempts;
        standing.due_at = now.plus_seconds(patience.retry(asked.urgency, attempt));
        decisions.push(Decision::Ask {
            command_id: ids::command_id(&gap_id, attempt),
            gap_id,
            resource: asked.resource,
            question: asked.question.clone(),
            attempt,
            urgency: asked.urgency,
        });
    }
    decisions
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;
    use std::slice;

    const PATIENCE: Patience = Patience {
        grace_seconds: 10,
        audit_after_seconds: 100,
        retry_after_seconds: 50,
    };

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_seconds(seconds)
    }

    fn question(urgency: Urgency) -> Asked {
        Asked {
            question: Question::MissingNumber { number: 7 },
            resource: Resource::Item { number: 7 },
            since: at(0),
            urgency,
        }
    }

    fn opened(decisions: &[Decision]) -> Vec<String> {
        let opened = decisions.iter().filter_map(|decision| match decision {
            Decision::Append(event @ GapEvent::Opened { .. }) => Some(event.gap_id().to_owned()),
            _ => None,
        });
        opened.collect()
    }

    fn asked(decisions: &[Decision]) -> usize {
        decisions
            .iter()
            .filter(|decision| matches!(decision, Decision::Ask { .. }))
            .count()
    }

    #[test]
    fn late_is_not_lost_until_the_grace_is_over() {
        let (mut watch, questions) = (Watch::default(), [question(Urgency::Gap)]);
        assert_eq!(decide(&mut watch, "s", &questions, at(0), &PATIENCE), []);
        assert_eq!(decide(&mut watch, "s", &questions, at(9), &PATIENCE), []);
        assert_eq!(decide(&mut watch, "s", &[], at(9), &PATIENCE), []);
        decide(&mut watch, "s", &questions, at(20), &PATIENCE);
        let decisions = decide(&mut watch, "s", &questions, at(30), &PATIENCE);
        assert_eq!((opened(&decisions).len(), asked(&decisions)), (1, 1));
    }

    #[test]
    fn an_open_gap_asks_again_only_after_a_while() {
        let (mut watch, questions) = (Watch::default(), [question(Urgency::Gap)]);
        watch.notice(&questions, at(0), &PATIENCE);
        decide(&mut watch, "s", &questions, at(10), &PATIENCE);
        assert_eq!(decide(&mut watch, "s", &questions, at(59), &PATIENCE), []);
        let decisions = decide(&mut watch, "s", &questions, at(60), &PATIENCE);
        assert_eq!((opened(&decisions).len(), asked(&decisions)), (0, 1));
    }

    #[test]
    fn the_same_loss_a_second_time_is_a_gap_of_its_own() {
        let (mut watch, questions) = (Watch::default(), [question(Urgency::Gap)]);
        watch.notice(&questions, at(0), &PATIENCE);
        let first = opened(&decide(&mut watch, "s", &questions, at(10), &PATIENCE));
        let closed = decide(&mut watch, "s", &[], at(11), &PATIENCE);
        assert!(matches!(
            &closed[..],
            [Decision::Append(GapEvent::Closed { .. })]
        ));
        watch.notice(&questions, at(20), &PATIENCE);
        let second = opened(&decide(&mut watch, "s", &questions, at(30), &PATIENCE));
        assert_ne!(first, second);
    }

    #[test]
    fn deciding_again_after_a_crash_writes_the_same_ids() {
        let (mut watch, questions) = (Watch::default(), [question(Urgency::Gap)]);
        watch.notice(&questions, at(0), &PATIENCE);
        let mut after_crash = watch.clone();
        let ids = |decisions: Vec<Decision>| opened(&decisions);
        assert_eq!(
            ids(decide(&mut watch, "s", &questions, at(10), &PATIENCE)),
            ids(decide(&mut after_crash, "s", &questions, at(12), &PATIENCE))
        );
    }

    #[test]
    fn a_gap_closed_before_its_opening_was_read_back_stays_closed() {
        let (mut watch, questions) = (Watch::default(), [question(Urgency::Gap)]);
        watch.notice(&questions, at(0), &PATIENCE);
        let decisions = decide(&mut watch, "s", &questions, at(10), &PATIENCE);
        decide(&mut watch, "s", &[], at(11), &PATIENCE);
        let Decision::Append(opening) = &decisions[0] else {
            panic!("an opening")
        };
        watch.read(opening, &PATIENCE);
        assert_eq!(decide(&mut watch, "s", &[], at(12), &PATIENCE), []);
    }

    fn closed(decisions: &[Decision]) -> BTreeSet<&str> {
        let closed = decisions.iter().filter_map(|decision| match decision {
            Decision::Append(event @ GapEvent::Closed { .. }) => Some(event.gap_id()),
            _ => None,
        });
        closed.collect()
    }

    fn appended(decisions: &[Decision]) -> impl Iterator<Item = &GapEvent> {
        decisions.iter().filter_map(|decision| match decision {
            Decision::Append(event) => Some(event),
            Decision::Ask { .. } => None,
        })
    }

    #[test]
    fn two_lives_open_a_gap_under_one_id_whatever_was_closed_between() {
        let numbered = |number: i64| Asked {
            question: Question::MissingNumber { number },
            resource: Resource::Item { number },
            ..question(Urgency::Gap)
        };
        let (five, nine) = (numbered(5), numbered(9));
        let mut stored = Watch::default();
        stored.notice(slice::from_ref(&five), at(0), &PATIENCE);
        let both = [five, nine.clone()];
        decide(&mut stored, "s", &both, at(10), &PATIENCE);
        // The first life opens 9 in a batch of its own, and dies before it is stored; the second
        // finds 5 answered in the same batch.
        let first_life = decide(&mut stored.clone(), "s", &both, at(20), &PATIENCE);
        let still = slice::from_ref(&nine);
        let second_life = decide(&mut stored, "s", still, at(20), &PATIENCE);
        let ids = [opened(&first_life), opened(&second_life)].concat();
        let ids: BTreeSet<&str> = ids.iter().map(String::as_str).collect();
        assert_eq!(ids.len(), 1);
        let mut rebuilt = Watch::default();
        for event in appended(&first_life).chain(appended(&second_life)) {
            stored.read(event, &PATIENCE);
            rebuilt.read(event, &PATIENCE);
        }
        for mut watch in [stored, rebuilt] {
            let last = decide(&mut watch, "s", &[], at(25), &PATIENCE);
            assert_eq!(closed(&last), ids);
            for event in appended(&last) {
                watch.read(event, &PATIENCE);
            }
            assert_eq!(watch.closing, BTreeSet::new());
        }
    }

    #[test]
    fn of_two_ids_the_closing_of_one_leaves_the_other_to_be_closed() {
        let (mut watch, questions) = (Watch::default(), [question(Urgency::Gap)]);
        watch.notice(&questions, at(0), &PATIENCE);
        let decisions = decide(&mut watch, "s", &questions, at(10), &PATIENCE);
        let Some(GapEvent::Opened { gap_id, .. }) = appended(&decisions).next().cloned() else {
            panic!("an opening")
        };
        let mut other = appended(&decisions).next().cloned();
        if let Some(GapEvent::Opened { gap_id, .. }) = &mut other {
            "other".clone_into(gap_id);
        }
        watch.read(&other.unwrap(), &PATIENCE);
        let one = GapEvent::Closed {
            gap_id,
            subject: "s".to_owned(),
            at: at(11),
        };
        watch.read(&one, &PATIENCE);
        let last = decide(&mut watch, "s", &[], at(12), &PATIENCE);
        assert_eq!(closed(&last), BTreeSet::from(["other"]));
    }

    #[test]
    fn an_audit_asks_and_opens_no_gap() {
        let (mut watch, questions) = (Watch::default(), [question(Urgency::Audit)]);
        watch.notice(&questions, at(0), &PATIENCE);
        assert_eq!(decide(&mut watch, "s", &questions, at(99), &PATIENCE), []);
        let decisions = decide(&mut watch, "s", &questions, at(100), &PATIENCE);
        assert_eq!((opened(&decisions).len(), asked(&decisions)), (0, 1));
    }

    #[test]
    fn an_answer_that_does_not_come_is_asked_for_ever_more_rarely() {
        let (mut watch, questions) = (Watch::default(), [question(Urgency::Gap)]);
        let times = (0..1_000).filter(|seconds| {
            asked(&decide(
                &mut watch,
                "s",
                &questions,
                at(*seconds),
                &PATIENCE,
            )) > 0
        });
        assert_eq!(
            times.take(6).collect::<Vec<_>>(),
            [10, 60, 160, 260, 360, 460]
        );
    }

    #[test]
    fn an_item_that_is_never_quiet_is_audited_all_the_same() {
        let mut watch = Watch::default();
        let times = (0..10_000).filter(|seconds| {
            let changing = [Asked {
                since: at(*seconds),
                ..question(Urgency::Audit)
            }];
            asked(&decide(&mut watch, "s", &changing, at(*seconds), &PATIENCE)) > 0
        });
        assert_eq!(times.take(2).collect::<Vec<_>>(), [700, 800]);
    }

    #[test]
    fn a_question_that_becomes_urgent_gets_its_grace_and_then_a_gap() {
        let mut watch = Watch::default();
        watch.notice(&[question(Urgency::Audit)], at(0), &PATIENCE);
        let urgent = [question(Urgency::Gap)];
        assert_eq!(decide(&mut watch, "s", &urgent, at(50), &PATIENCE), []);
        let decisions = decide(&mut watch, "s", &urgent, at(60), &PATIENCE);
        assert_eq!((opened(&decisions).len(), asked(&decisions)), (1, 1));
    }

    #[test]
    fn the_command_of_a_gap_is_never_taken_for_that_of_an_audit_before() {
        let commands = |decisions: Vec<Decision>| -> Vec<String> {
            let commands = decisions.into_iter().filter_map(|decision| match decision {
                Decision::Ask { command_id, .. } => Some(command_id),
                Decision::Append(_) => None,
            });
            commands.collect()
        };
        let mut watch = Watch::default();
        let [audit, urgent] = [Urgency::Audit, Urgency::Gap].map(|urgency| [question(urgency)]);
        watch.notice(&audit, at(0), &PATIENCE);
        let of_audit = commands(decide(&mut watch, "s", &audit, at(100), &PATIENCE));
        decide(&mut watch, "s", &urgent, at(110), &PATIENCE);
        let of_gap = commands(decide(&mut watch, "s", &urgent, at(120), &PATIENCE));
        assert_eq!((of_audit.len(), of_gap.len()), (1, 1));
        assert_ne!(of_audit, of_gap);
    }
}
