//! The view `events`: every event once, with its header fields and its bytes.
//!
//! The key holds the host, the repository and the day on which the event occurred beside its id.
//! All of them are read from the payload, which the id hashes, so that a second append of one
//! event has the same key; and a day's events lie together, so that counting a day stays cheap
//! however large the table grows.

mod daily;

pub(crate) use daily::ROLLUP;

use crate::origin::{Origin, Traced, origin_columns};
use crate::table::{Column, Mapped, Table, Type, Value, columns_of};
use gapless_schemas::{Event, PayloadForm, Source, Timestamp};
use std::sync::LazyLock;

/// An event and its record.
pub(crate) struct EventRow {
    pub(crate) event: Event,
    pub(crate) origin: Origin,
    /// `epoch · 2^48 + offset` of its record.
    pub(crate) version: i64,
    /// What a webhook tells of, the same in each delivery of it; none for other events.
    change: Option<String>,
}

impl EventRow {
    /// The row of an event.
    pub(crate) fn new(event: Event, origin: Origin, version: i64) -> Self {
        // Two hooks deliver one change under two GUIDs, and with bodies that differ in what each of them
        // was installed as.
        let change = (event.source == Source::Webhook).then(|| {
            let action = event.action.as_deref().unwrap_or_default();
            let number = event.number.unwrap_or_default();
            let at = event.occurred_at.map_or(0, Timestamp::as_millis);
            format!("{} {action} {number} {at}", event.kind)
        });
        Self {
            event,
            origin,
            version,
            change,
        }
    }

    /// When it occurred, where that is no date out of range: those count on no day.
    pub(crate) fn counted_on(&self) -> Option<i32> {
        let at = self.event.in_range(self.event.occurred_at)?;
        Some(at.day())
    }

    /// The day it occurred, else 1970-01-01.
    pub(crate) fn occurred_on(&self) -> i32 {
        self.counted_on().unwrap_or(0)
    }
}

impl Traced for EventRow {
    fn origin(&self) -> &Origin {
        &self.origin
    }
    fn version(&self) -> i64 {
        self.version
    }
    fn is_deleted(&self) -> bool {
        false
    }
}

/// One row an event.
pub(crate) static TABLE: Table = Table {
    name: "events",
    meaning: "One row an event, however often it was delivered or appended: what reached Gapless, as it came.",
    columns: || columns_of(&MAPPING),
    key: &["host", "repository_id", "occurred_on", "event_id"],
    versioned: true,
};

const NAME: Type = Type::Nullable(&Type::Name);
const TEXT: Type = Type::Nullable(&Type::Text);
const INT: Type = Type::Nullable(&Type::Int);
const TIME: Type = Type::Nullable(&Type::Time);

type Of = Mapped<EventRow>;

/// The columns with their values.
#[rustfmt::skip]
pub(crate) static MAPPING: LazyLock<Vec<Mapped<EventRow>>> = LazyLock::new(|| {
    let mut columns = vec![
        Of::column(("event_id", Type::Text, "", "Its id: 32 hex digits; the same fact ingested twice has one id."), |r| (&r.event.event_id).into()),
        Of::column(("source", Type::Name, "", "Where it came from: webhook, snapshot, listing, archive or gap."), |r| source_name(r.event.source).into()),
        Mapped::of(Column::stored("change", TEXT, "", "Of a webhook: kind, action, number and time of the change, by which deliveries through two hooks are one.").hidden(), |r: &EventRow| r.change.as_ref().into()),
        Of::column(("kind", Type::Name, "", "X-GitHub-Event of a webhook, else the kind of snapshot or listing, or gap. Elsewhere: event."), |r| (&r.event.kind).into()),
        Of::column(("action", NAME, "", "The payload's action."), |r| r.event.action.as_ref().into()),
        Of::column(("delivery_id", TEXT, "", "X-GitHub-Delivery of a webhook."), |r| r.event.headers.get("x-github-delivery").into()),
        Of::column(("host", Type::Name, "", "GitHub host; ids and numbers are counted per host."), |r| (&r.event.host).into()),
        Of::column(("owner", NAME, "", "Login of the repository's owner, as it was then. Elsewhere: organization."), |r| r.event.owner.as_ref().into()),
        Of::column(("owner_id", INT, "", "Id of that owner. Elsewhere: organization_id."), |r| r.event.owner_id.into()),
        Of::column(("repository", NAME, "", "Full name of the repository, as it was then. Elsewhere: repository_full_name."), |r| r.event.repository.as_ref().into()),
        Mapped::of(Column::stored("repository_id", Type::Int, "", "Repository id; in the table 0 where it belongs to none.").shown_as(INT, "nullIf(t.repository_id, 0)"), |r: &EventRow| r.event.repository_id.unwrap_or(0).into()),
        Of::column(("number", INT, "", "Number of the issue or pull request that it speaks of."), |r| r.event.number.into()),
        Of::column(("hook_target_id", INT, "", "Id of what the hook is installed on."), |r| r.event.hook_target_id.into()),
        Of::column(("occurred_at", TIME, "UTC", "The entity's own time, where the payload tells one."), |r| r.event.occurred_at.into()),
        Mapped::of(Column::stored("occurred_on", Type::Day, "", "Day of occurred_at; in the table 1970-01-01 where the payload tells none, or one before 1990 or more than a day ahead of the receipt.").shown_as(Type::Nullable(&Type::Day), "nullIf(t.occurred_on, toDate(0))"), |r: &EventRow| Value::Day(r.occurred_on())),
        Of::column(("first_delivered_at", TIME, "UTC", "First delivery attempt, where GitHub's delivery list told it."), |r| r.event.first_delivered_at.into()),
        Of::column(("requested_at", TIME, "UTC", "Start of the API request that it answers."), |r| r.event.requested_at.into()),
        Of::column(("received_at", Type::Time, "UTC", "When Gapless received it. Elsewhere: received."), |r| r.event.received_at.into()),
        Mapped::without(Column::stored("stored_at", Type::Time, "UTC", "When this row was written: less received_at, its freshness.").filled_by("now64(3, 'UTC')")),
        Of::column(("credential_kind", NAME, "", "Kind of credential that an API answer was visible to: app, token or anonymous."), |r| r.event.credential_kind.as_ref().into()),
        Of::column(("headers", Type::Map, "", "HTTP headers worth keeping, names in lower case."), |r| Value::Map(&r.event.headers)),
        Of::column(("payload_form", Type::Name, "", "raw: the bytes as received; redacted: parts were taken out."), |r| form_name(r.event.payload_form).into()),
        Of::column(("payload_bytes", Type::Int, "bytes", "Size of the payload."), |r| (r.event.payload.len() as i64).into()),
        Mapped::of(Column::stored("payload", Type::Text, "", "The payload: JSON as received.").large(), |r: &EventRow| Value::Bytes(&r.event.payload)),
        Mapped::without(Column::computed("sender", TEXT, "", "Login of who caused it, read from the payload when asked for.", "nullIf(JSONExtractString(t.payload, 'sender', 'login'), '')")),
        Mapped::without(Column::computed("sender_id", INT, "", "Id of who caused it, read from the payload when asked for.", "nullIf(JSONExtractInt(t.payload, 'sender', 'id'), 0)")),
    ];
    columns.extend(origin_columns());
    columns
});

/// The name of a source, as in views.
fn source_name(source: Source) -> &'static str {
    match source {
        Source::Webhook => "webhook",
        Source::Snapshot => "snapshot",
        Source::Listing => "listing",
        Source::Archive => "archive",
        Source::Gap => "gap",
    }
}

fn form_name(form: PayloadForm) -> &'static str {
    match form {
        PayloadForm::Raw => "raw",
        PayloadForm::Redacted => "redacted",
    }
}
