//! How many connections the process may have: each is an open file, and a limit on those binds all
//! parts alike. At the limit, Kafka's and ClickHouse's clients could not connect again either.

use rustix::process::{Resource, getrlimit};

/// Files for all that is no webhook connection: Kafka's and GitHub's connections, stores, logs.
const OTHERS: u64 = 256;
/// Connections that are allowed however low the limit is.
const CONNECTIONS_MIN: usize = 16;

/// `wanted` connections, or as many as this process may open.
pub(super) fn connections_max(wanted: usize) -> usize {
    let limit = getrlimit(Resource::Nofile).current;
    let connections = within(wanted, limit);
    if let (true, Some(limit)) = (connections < wanted, limit) {
        tracing::warn!(
            "the webhook takes {connections} connections at a time instead of {wanted}, as this \
             process may open {limit} files: raise the hard limit (ulimit -Hn, or LimitNOFILE= of \
             its unit) to {} or more",
            wanted as u64 + OTHERS
        );
    }
    connections
}

/// `limit`: none where there is none.
fn within(wanted: usize, limit: Option<u64>) -> usize {
    let Some(limit) = limit else {
        return wanted;
    };
    let room = usize::try_from(limit.saturating_sub(OTHERS)).unwrap_or(usize::MAX);
    wanted.min(room.max(CONNECTIONS_MIN))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_leave_files_for_all_else() {
        assert_eq!(within(2_000, None), 2_000);
        assert_eq!(within(2_000, Some(524_288)), 2_000);
        assert_eq!(within(2_000, Some(1_024)), 768);
        assert_eq!(within(2_000, Some(100)), CONNECTIONS_MIN);
        assert_eq!(within(3, Some(100)), 3);
    }
}
