//! What lies on Kafka: every record that has a schema, and every state topic. A new one is a line here,
//! an `.avsc` file with its release ([`crate::Release`]), and its type.

use crate::{DeadLetter, Event, Gap, Issue, LedgerBlock, PullRequest, Refetch, Repository};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// A value that has a schema of ours.
pub trait Record: Serialize + DeserializeOwned {
    /// Its schema.
    const SCHEMA: Schema;
}

macro_rules! catalogue {
    (
        records { $($record:ident, $file:literal;)* }
        states { $($topic:ident, $name:literal: $state:ident, $state_file:literal;)* }
    ) => {
        /// Our schemas, at their newest version.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Schema {
            $(#[doc = concat!("[`crate::", stringify!($record), "`].")] $record,)*
            $(#[doc = concat!("[`crate::", stringify!($state), "`].")] $state,)*
        }

        impl Schema {
            /// All of them.
            pub const ALL: [Self; [$($file,)* $($state_file,)*].len()] =
                [$(Self::$record,)* $(Self::$state,)*];

            /// The schema's newest text, an `.avsc` file; [`crate::Release::ALL`] has them all.
            pub const fn text(self) -> &'static str {
                match self {
                    $(Self::$record => include_str!(concat!("../avro/", $file, ".avsc")),)*
                    $(Self::$state => include_str!(concat!("../avro/", $state_file, ".avsc")),)*
                }
            }
        }

        $(impl Record for $record { const SCHEMA: Schema = Schema::$record; })*
        $(impl Record for $state { const SCHEMA: Schema = Schema::$state; })*

        /// State topics, one an entity.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum StateTopic {
            $(#[doc = concat!("Values are [`crate::", stringify!($state), "`].")] $topic,)*
        }

        impl StateTopic {
            /// All of them.
            pub const ALL: [Self; [$($name),*].len()] = [$(Self::$topic),*];

            /// Last part of the topic's name.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$topic => $name),* }
            }

            /// The schema of its values.
            pub const fn schema(self) -> Schema {
                match self { $(Self::$topic => Schema::$state),* }
            }
        }
    };
}

catalogue! {
    records {
        Event, "event";
        Refetch, "refetch";
        DeadLetter, "dead_letter";
    }
    states {
        PullRequests, "pull-requests": PullRequest, "pull_request";
        Issues, "issues": Issue, "issue";
        Repositories, "repositories": Repository, "repository";
        Ledger, "ledger": LedgerBlock, "ledger_block";
        Gaps, "gaps": Gap, "gap";
    }
}
