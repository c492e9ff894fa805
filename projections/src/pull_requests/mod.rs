//! The view `pull_requests`: one row a pull request, with what follows from its state.

mod daily;
mod figures;
mod row;
mod table;
#[cfg(test)]
mod tests;

pub(crate) use row::PullRequestRow;
pub(crate) use table::MAPPING;
pub(crate) use table::TABLE;
