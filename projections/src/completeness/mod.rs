//! The view `completeness`: what is known of a repository's day, and what is lacking.
//!
//! A day is known as well as the evidence about it says:
//! - **known** = numbers of that day that are known or explained + changes of that day that webhooks told
//!   of, each once;
//! - **lacking** = numbers of that day that are missing + open gaps of the other detectors about
//!   that day (a missing number has a gap as well, which must not count twice);
//! - **completeness** = known / (known + lacking), and 1 for a quiet day: nothing known to lack.
//!
//! Every day has a row from the first one that anything tells of (the first event received, the
//! oldest number, event or gap) to the last one that was asked about (the last complete
//! listing, the newest number, event or gap). Other days have none: nothing is claimed about them.

pub(crate) mod numbers;

use crate::origin::{HOST, REPOSITORY_ID};
use crate::table::{Column, Type};
use crate::view::View;

const fn column(name: &'static str, ty: Type, unit: &'static str, meaning: &'static str) -> Column {
    Column::stored(name, ty, unit, meaning)
}

/// The view.
pub(crate) static VIEW: View = View::By {
    name: "completeness",
    meaning: "One row a repository and day (UTC) that anything is claimed about, quiet days too: what is known of it and what is lacking.",
    columns: &[
        HOST,
        REPOSITORY_ID,
        column(
            "repository",
            Type::Name,
            "",
            "Full name of the repository now (owner/name); empty where nothing told it.",
        ),
        column(
            "owner",
            Type::Name,
            "",
            "Login of its owner now: the part before the slash.",
        ),
        column("day", Type::Day, "UTC day", "The day."),
        column(
            "existing_numbers",
            Type::Int,
            "numbers",
            "Numbers of issues, pull requests and discussions created that day; a missing one belongs to the day of the next known.",
        ),
        column(
            "accounted_numbers",
            Type::Int,
            "numbers",
            "Of these, known or explained.",
        ),
        column(
            "missing_numbers",
            Type::Int,
            "numbers",
            "Of these, neither.",
        ),
        column(
            "events",
            Type::Int,
            "events",
            "Events that occurred that day, from every source.",
        ),
        column(
            "webhooks",
            Type::Int,
            "changes",
            "Changes of that day that webhooks told of, each once, through however many hooks it came.",
        ),
        column(
            "gaps_opened",
            Type::Int,
            "gaps",
            "Gaps about that day, open or closed.",
        ),
        column("gaps_open", Type::Int, "gaps", "Of these, still open."),
        column(
            "known",
            Type::Int,
            "facts",
            "Numbers accounted for, and changes that webhooks told of.",
        ),
        column(
            "lacking",
            Type::Int,
            "facts",
            "Numbers missing, and open gaps that ask for more than a number.",
        ),
        column(
            "completeness",
            Type::Float,
            "share of 1",
            "known / (known + lacking); 1 for a day without either. Over several rows: sum(known) / sum(known + lacking).",
        ),
    ],
    query: QUERY,
};

/// The days of all repositories, and beside each what the three rollups say of it.
const QUERY: &str = "SELECT
    d.host AS host,
    d.repository_id AS repository_id,
    d.repository AS repository,
    splitByChar('/', d.repository)[1] AS owner,
    d.day AS day,
    n.existing AS existing_numbers,
    n.accounted AS accounted_numbers,
    n.existing - n.accounted AS missing_numbers,
    e.events AS events,
    e.webhooks AS webhooks,
    g.opened AS gaps_opened,
    g.open AS gaps_open,
    n.accounted + e.webhooks AS known,
    (n.existing - n.accounted) + g.lacking AS lacking,
    if(known + lacking = 0, 1., known / (known + lacking)) AS completeness
FROM
(
    SELECT host, repository_id, max(repository_name) AS repository,
        arrayJoin(arrayMap(day -> toDate(day), range(toUInt32(min(first_day)), toUInt32(max(last_day)) + 1))) AS day
    FROM
    (
        SELECT host, repository_id, repository AS repository_name,
            toDate(assumeNotNull(first_seen_at)) AS first_day,
            toDate(greatest(assumeNotNull(first_seen_at), ifNull(listed_until, toDateTime64(0, 3, 'UTC')))) AS last_day
        FROM {g}.repositories FINAL WHERE first_seen_at IS NOT NULL
        UNION ALL
        SELECT host, repository_id, '', min(day), max(day)
        FROM {g}.numbers_daily FINAL GROUP BY host, repository_id
        UNION ALL
        SELECT host, repository_id, '', min(day), max(day)
        FROM {g}.events_daily FINAL WHERE webhooks > 0 AND day > toDate(0) GROUP BY host, repository_id
        UNION ALL
        SELECT host, repository_id, '', min(day), max(day)
        FROM {g}.gaps_daily FINAL GROUP BY host, repository_id
    )
    GROUP BY host, repository_id
) AS d
LEFT JOIN (SELECT * FROM {g}.numbers_daily FINAL) AS n ON d.host = n.host AND d.repository_id = n.repository_id AND d.day = n.day
LEFT JOIN (SELECT * FROM {g}.events_daily FINAL) AS e ON d.host = e.host AND d.repository_id = e.repository_id AND d.day = e.day
LEFT JOIN (SELECT * FROM {g}.gaps_daily FINAL) AS g ON d.host = g.host AND d.repository_id = g.repository_id AND d.day = g.day";
