//! The view `rebuilds`: which tables were damaged and are written again, from what the sink's upkeep
//! notes of each (`sink/upkeep`).

use crate::table::{Column, Type};
use crate::view::View;

const fn column(name: &'static str, ty: Type, unit: &'static str, meaning: &'static str) -> Column {
    Column::stored(name, ty, unit, meaning)
}

/// Tables and their rebuilds.
pub(crate) static VIEW: View = View::By {
    name: "rebuilds",
    meaning: "One row a table of the live generation: whether it is whole, or was damaged and is written again from the log, and when that last was so.",
    columns: &[
        column("table", Type::Text, "", "Its name."),
        column(
            "is_rebuilding",
            Type::Bool,
            "",
            "Whether it is written again now: until then what it shows is incomplete.",
        ),
        column(
            "reason",
            Type::Nullable(&Type::Text),
            "",
            "What happened to it; NULL while it is whole.",
        ),
        column(
            "began_at",
            Type::Nullable(&Type::Time),
            "UTC",
            "When it was found damaged, the last time; NULL where it never was.",
        ),
        column(
            "ended_at",
            Type::Nullable(&Type::Time),
            "UTC",
            "When it was whole again; NULL while it is not, and where it always was.",
        ),
        column(
            "records_read",
            Type::Int,
            "records",
            "Records of its topic that were written again, as of some seconds ago; 0 while it is whole.",
        ),
        column(
            "records_left",
            Type::Int,
            "records",
            "Records that are still to be written again; 0 also where it is computed from other tables.",
        ),
    ],
    query: "SELECT i.table AS table, i.reason != '' AS is_rebuilding, nullIf(i.reason, '') AS reason, \
        fromUnixTimestamp64Milli(nullIf(if(i.reason != '', i.since_millis, i.last_began_millis), 0), 'UTC') AS began_at, \
        fromUnixTimestamp64Milli(nullIf(if(i.reason != '', 0, i.last_ended_millis), 0), 'UTC') AS ended_at, \
        toInt64(i.records_read) AS records_read, toInt64(i.records_left) AS records_left \
        FROM {g}.inventory AS i FINAL",
};
