//! The view `issues`: one row an issue, with what follows from its state.

mod daily;
mod row;
mod table;
#[cfg(test)]
mod tests;

pub(crate) use row::IssueRow;
pub(crate) use table::MAPPING;
pub(crate) use table::TABLE;
