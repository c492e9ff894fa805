use super::*;
use Urgency::{Audit, Gap};

fn queue() -> Queue {
    Queue::new(QueueTimes::default(), 10)
}

fn at(millis: i64) -> Timestamp {
    Timestamp::from_millis(1_000_000 + millis)
}

fn command(id: &str, number: i64) -> Placed {
    Placed {
        command: Refetch {
            command_id: id.into(),
            gap_id: format!("gap-{id}"),
            host: "github.com".into(),
            repository_id: 1,
            repository: Some("o/r".into()),
            resource: Resource::Item { number },
            reason: String::new(),
            issued_at: Timestamp::from_millis(0),
            attempt: 1,
            urgency: Gap,
        },
        partition: 0,
        offset: 0,
    }
}

fn ids(batches: &[Batch]) -> Vec<Vec<&str>> {
    let ids = |batch: &'_ Batch| -> Vec<usize> { (0..batch.commands.len()).collect() };
    batches
        .iter()
        .map(|batch| {
            ids(batch)
                .into_iter()
                .map(|index| batch.commands[index].command.command_id.as_str())
                .collect()
        })
        .collect()
}

#[test]
fn commands_of_one_item_within_a_window_become_one_request() {
    let mut queue = queue();
    queue.add(command("a", 7), at(0));
    queue.add(command("b", 7), at(200));
    queue.add(command("b", 7), at(200));
    queue.add(command("c", 8), at(200));
    assert_eq!(queue.next_due_at(), Some(at(500)));
    assert!(queue.due(at(499), 10).is_empty());
    let due = queue.due(at(500), 10);
    assert_eq!(ids(&due), [vec!["a", "b"], vec!["c"]]);
    assert_eq!(due[0].gap_ids().len(), 2);
    assert!(queue.is_empty());
}

#[test]
fn a_steady_stream_of_commands_waits_no_longer_than_the_longest_wait() {
    let mut queue = queue();
    for index in 0..20 {
        queue.add(command(&index.to_string(), 7), at(index * 200));
        if let [batch] = &queue.due(at(index * 200), 10)[..] {
            assert_eq!((index, batch.commands.len()), (10, 11));
            return;
        }
    }
    panic!("it never became due");
}

#[test]
fn a_command_that_somebody_answered_is_taken_out() {
    let mut queue = queue();
    queue.add(command("a", 7), at(0));
    queue.add(command("b", 7), at(0));
    assert_eq!(queue.answered("a"), Some(command("a", 7)));
    assert_eq!(queue.answered("a"), None);
    assert_eq!(queue.len(), 1);
    assert!(queue.answered("b").is_some());
    assert!(queue.is_empty());
}

#[test]
fn a_failed_batch_waits_longer_each_time_and_takes_what_came_meanwhile() {
    let mut queue = queue();
    queue.add(command("a", 7), at(0));
    let [first] = &queue.due(at(300), 10)[..] else {
        panic!("due")
    };
    queue.add(command("b", 7), at(400));
    queue.put_back(first.clone(), Patience::Growing, at(500));
    assert_eq!(queue.next_due_at(), Some(at(1_500)));
    let second = queue.due(at(1_500), 10);
    assert_eq!(ids(&second), [vec!["b", "a"]]);
    queue.put_back(second[0].clone(), Patience::Growing, at(2_000));
    assert_eq!(queue.next_due_at(), Some(at(4_000)));
    let third = queue.due(at(4_000), 10);
    queue.put_back(third[0].clone(), Patience::Long, at(5_000));
    assert_eq!(queue.next_due_at(), Some(at(305_000)));
}

#[test]
fn an_answer_is_never_requested_before_its_command_was_issued() {
    let mut queue = queue();
    let mut early = command("a", 7);
    early.command.issued_at = at(60_000);
    queue.add(early, at(0));
    assert_eq!(queue.next_due_at(), Some(at(60_001)));
}

#[test]
fn no_more_leave_than_there_is_room_for() {
    let mut queue = queue();
    for number in 0..5 {
        queue.add(command(&number.to_string(), number), at(number));
    }
    assert_eq!(ids(&queue.due(at(10_000), 2)), [["0"], ["1"]]);
    assert_eq!(queue.len(), 3);
}

fn audit(id: &str, number: i64) -> Placed {
    let mut placed = command(id, number);
    placed.command.urgency = Audit;
    placed
}

/// The same gap, asking again.
fn again(id: &str, placed: &Placed) -> Placed {
    let mut again = placed.clone();
    again.command.command_id = id.into();
    again
}

#[test]
fn gaps_leave_before_audits_however_long_these_have_waited() {
    let mut queue = queue();
    for number in 0..4 {
        queue.add(audit(&format!("audit {number}"), number), at(0));
    }
    queue.add(command("gap", 8), at(5_000));
    // An item that an audit asked for first is as urgent as the gap that joins it.
    queue.add(command("joins", 3), at(6_000));
    let due = queue.due(at(10_000), 3);
    assert_eq!(
        ids(&due),
        [vec!["audit 3", "joins"], vec!["gap"], vec!["audit 0"]]
    );
    // Once its gap is answered elsewhere, it is an audit again.
    queue.add(audit("audit 9", 9), at(7_000));
    queue.add(command("gap 9", 9), at(7_000));
    queue.answered("gap 9");
    let due = queue.due(at(10_000), 1);
    assert_eq!(ids(&due), [["audit 1"]]);
}

#[test]
fn a_gap_that_asks_again_lengthens_no_window_and_is_answered_with_its_first_command() {
    let mut queue = queue();
    let first = command("first", 7);
    queue.add(first.clone(), at(0));
    assert_eq!(queue.add(again("second", &first), at(250)), []);
    assert_eq!(queue.next_due_at(), Some(at(300)));
    assert_eq!((queue.len(), queue.commands()), (1, 2));
    let due = queue.due(at(300), 10);
    assert_eq!(ids(&due), [["first", "second"]]);
    assert_eq!(due[0].gap_ids().len(), 1);
    assert_eq!(queue.commands(), 0);
}

#[test]
fn at_the_bound_audits_give_way_and_gaps_are_still_taken() {
    let mut queue = Queue::new(QueueTimes::default(), 3);
    for number in 0..3 {
        queue.add(audit(&format!("audit {number}"), number), at(number));
    }
    // Commands of an item that waits take no room.
    assert_eq!(queue.add(audit("more", 0), at(10)), []);
    assert_eq!(queue.len(), 3);
    assert!(queue.has_room());
    let late = audit("late", 9);
    assert_eq!(queue.add(late.clone(), at(20)), [Left::Dropped(late)]);
    let dropped = queue.add(command("gap", 5), at(30));
    // Item 0 was lengthened last.
    let dropped: Vec<&str> = dropped
        .iter()
        .map(|left| left.placed().command.command_id.as_str())
        .collect();
    assert_eq!(dropped, ["audit 0", "more"]);
    assert_eq!(queue.answered("more"), None);
    for number in 6..8 {
        assert!(queue.has_room());
        assert_eq!(
            queue
                .add(command(&number.to_string(), number), at(40))
                .len(),
            1
        );
    }
    assert_eq!(queue.len(), 3);
    assert!(!queue.has_room());
}

#[test]
fn a_command_that_is_read_twice_waits_once() {
    let mut queue = queue();
    queue.add(command("a", 7), at(0));
    let mut second = command("a", 7);
    second.offset = 9;
    assert_eq!(queue.add(second.clone(), at(1)), [Left::Repeated(second)]);
    assert_eq!(queue.commands(), 1);
}

#[test]
fn a_denial_is_asked_about_again_less_and_less_up_to_once_a_day() {
    let mut queue = queue();
    queue.add(command("a", 7), at(0));
    let (mut now, mut waits) = (at(300), Vec::new());
    for _ in 0..11 {
        let batch = queue.due(now, 1).remove(0);
        queue.put_back(batch, Patience::Long, now);
        let next = queue.next_due_at().unwrap();
        waits.push(next.millis_since(now) / 1_000);
        now = next;
    }
    let doubled = [300, 600, 1_200, 2_400, 4_800, 9_600, 19_200, 38_400, 76_800];
    assert_eq!(waits[..9], doubled);
    assert_eq!(waits[9..], [86_400, 86_400]);
    // Another fault after it waits as long as such a fault may.
    let batch = queue.due(now, 1).remove(0);
    queue.put_back(batch, Patience::Growing, now);
    assert_eq!(queue.next_due_at(), Some(now.plus_millis(300_000)));
}

#[test]
fn twenty_thousand_items_are_added_and_answered_without_looking_at_each() {
    const ITEMS: i64 = 20_000;
    let mut queue = Queue::new(QueueTimes::default(), usize::MAX);
    let began = std::time::Instant::now();
    for number in 0..ITEMS {
        queue.add(command(&number.to_string(), number), at(number));
        assert_eq!(queue.len() as i64, number + 1);
        assert!(queue.due(at(0), 8).is_empty() && queue.next_due_at().is_some());
    }
    for number in (0..ITEMS).rev() {
        assert!(queue.answered(&number.to_string()).is_some());
    }
    assert!(queue.is_empty() && queue.next_due_at().is_none());
    // Looking at each of them each time would be a thousand million steps.
    let took = began.elapsed();
    assert!(took < std::time::Duration::from_secs(5), "{took:?}");
}
