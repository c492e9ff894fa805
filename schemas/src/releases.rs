//! Every released version of every schema, for ever: a log is never rewritten, so what any release
//! wrote under an id is read by that id's text.
//!
//! To release a changed schema, where a field that may be left out was appended:
//!
//! 1. change `avro/<name>.avsc` and its Rust type (for events also `event_datum`);
//! 2. run `GAPLESS_RELEASE_SCHEMAS=1 cargo test -p gapless-schemas --test golden`, which writes the
//!    version's files into `golden/`, and says what to append to the list below;
//! 3. append that.
//!
//! Without these steps the golden tests fail.

use crate::{Schema, SchemaId};

/// A schema's text as one release of Gapless wrote it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Release {
    /// Its id in the embedded registry.
    pub id: SchemaId,
    /// What it is a version of.
    pub schema: Schema,
    /// Its number among the versions of its schema, from 1.
    pub version: u32,
    /// The `.avsc` file as it was.
    pub text: &'static str,
}

macro_rules! releases {
    ($($id:literal $schema:ident $version:literal $file:literal;)*) => {
        &[$(Release {
            id: $id,
            schema: Schema::$schema,
            version: $version,
            text: include_str!(concat!("../golden/", $file)),
        }),*]
    };
}

impl Release {
    /// All of them: each with the next id, so append only, and change nothing.
    pub const ALL: &'static [Self] = releases! {
        1 Event 1 "event.v1.avsc";
        2 PullRequest 1 "pull_request.v1.avsc";
        3 Issue 1 "issue.v1.avsc";
        4 Repository 1 "repository.v1.avsc";
        5 LedgerBlock 1 "ledger_block.v1.avsc";
        6 Gap 1 "gap.v1.avsc";
        7 Refetch 1 "refetch.v1.avsc";
        8 DeadLetter 1 "dead_letter.v1.avsc";
        9 PullRequest 2 "pull_request.v2.avsc";
        10 Issue 2 "issue.v2.avsc";
        11 Repository 2 "repository.v2.avsc";
    };
}
