//! Rows of cases that are rare: an owner each, so that a test chooses its own by organisation.

/// Writes them.
pub(crate) const STATEMENTS: [&str; 15] = [
    // Of 25,000 authors, each opened one pull request more than the one before.
    "INSERT INTO gapless_1.repositories (host, repository_id, repository, owner, presence, version) \
     VALUES ('github.com', 1, 'crowd/town', 'crowd', 'alive', 1)",
    "INSERT INTO gapless_1.pull_requests_daily (host, repository_id, repository, day, author, \
     author_id, opened, version) SELECT 'github.com', 1, 'crowd/town', toDate(now('UTC')), \
     'author-' || leftPad(toString(number), 5, '0'), number + 1, number + 1, 1 FROM numbers(25000)",
    // One that was closed, reopened and merged; one closed; one closed and reopened; a bot's.
    "INSERT INTO gapless_1.repositories (host, repository_id, repository, owner, presence, version) \
     VALUES ('github.com', 2, 'twice/told', 'twice', 'alive', 1)",
    "INSERT INTO gapless_1.pull_requests (host, repository_id, repository, number, author_is_bot, \
     outcome, merged_at, closed_at, version) SELECT 'github.com', 2, 'twice/told', number, bot, \
     outcome, if(outcome = 'merged', at, NULL), if(outcome = 'open', NULL, at), 1 FROM VALUES( \
     'number Int64, bot Bool, outcome String, at DateTime64(3)', \
     (1, false, 'merged', now64(3) - 172800), (2, false, 'closed_unmerged', now64(3) - 86400), \
     (3, false, 'open', now64(3) - 86400), (4, true, 'merged', now64(3) - 86400))",
    "INSERT INTO gapless_1.pull_requests_daily (host, repository_id, repository, day, \
     author_is_bot, merged, closed_unmerged, version) SELECT 'github.com', 2, 'twice/told', \
     toDate(now('UTC')) - ago, bot, merged, closed, 1 FROM VALUES( \
     'ago Int64, bot Bool, merged Int64, closed Int64', \
     (3, false, 0, 1), (2, false, 1, 1), (1, false, 0, 1), (1, true, 1, 0))",
    // A repository with events under both of its names, and events that belong to none.
    "INSERT INTO gapless_1.repositories (host, repository_id, repository, owner, presence, version) \
     VALUES ('github.com', 3, 'renamed/new', 'renamed', 'alive', 1)",
    "INSERT INTO gapless_1.events (event_id, source, kind, host, owner, repository, repository_id, \
     received_at, stored_at, version) SELECT toString(number), 'webhook', 'push', 'github.com', \
     owner, repository, id, now64(3) - 3600 * (1 + number) AS at, at, 1 FROM VALUES( \
     'number Int64, owner String, repository Nullable(String), id Int64', \
     (0, 'renamed', NULL, 0), (1, 'old', 'old/old', 3), (2, 'renamed', 'renamed/new', 3))",
    // A pull request and an issue, open since long ago, in a repository that is there and in one
    // that was deleted.
    "INSERT INTO gapless_1.repositories (host, repository_id, repository, owner, presence, \
     first_seen_at, listed_until, version) SELECT 'github.com', 4 + number, \
     ['left/here', 'left/gone'][number + 1], 'left', ['unreachable', 'gone'][number + 1], \
     now64(3) - 120 * 86400, now64(3), 1 FROM numbers(2)",
    "INSERT INTO gapless_1.pull_requests (host, repository_id, repository, number, state, \
     ready_at, version) SELECT 'github.com', 4 + number, 'as/then', 1, 'open', \
     now64(3) - 100 * 86400, 1 FROM numbers(2)",
    "INSERT INTO gapless_1.issues (host, repository_id, repository, number, state, \
     created_at, version) SELECT 'github.com', 4 + number, 'as/then', 2, 'open', \
     now64(3) - 100 * 86400, 1 FROM numbers(2)",
    "INSERT INTO gapless_1.pull_requests_daily (host, repository_id, repository, day, opened, \
     open_delta, awaiting_30_delta, version) SELECT 'github.com', 4 + number, 'as/then', \
     toDate(now('UTC')) - 100, 1, 1, 1, 1 FROM numbers(2)",
    "INSERT INTO gapless_1.issues_daily (host, repository_id, repository, day, opened, \
     open_delta, awaiting_30_delta, awaiting_90_delta, version) SELECT 'github.com', 4 + number, \
     'as/then', toDate(now('UTC')) - 100, 1, 1, 1, 1, 1 FROM numbers(2)",
    // Open pull requests that were all first ready 200 days ago: one has waited ever since, one was
    // reopened 20 days ago, one is a draft again. An issue that was reopened 20 days ago.
    "INSERT INTO gapless_1.repositories (host, repository_id, repository, owner, presence, \
     first_seen_at, listed_until, version) VALUES ('github.com', 6, 'turns/again', 'turns', 'alive', \
     now64(3) - 210 * 86400, now64(3), 1)",
    "INSERT INTO gapless_1.pull_requests (host, repository_id, repository, number, state, ready_at, \
     version, daily.day, daily.awaiting_10_delta) SELECT 'github.com', 6, 'turns/again', number, \
     'open', now64(3) - 200 * 86400, 1, arrayMap(ago -> toDate(now('UTC')) - ago, ago), delta FROM VALUES( \
     'number Int64, ago Array(Int64), delta Array(Int64)', \
     (1, [190], [1]), (2, [190, 150, 10], [1, -1, 1]), (3, [190, 30], [1, -1]))",
    "INSERT INTO gapless_1.issues (host, repository_id, repository, number, state, created_at, \
     version, daily.day, daily.awaiting_10_delta) SELECT 'github.com', 6, 'turns/again', 4, 'open', \
     now64(3) - 200 * 86400, 1, arrayMap(ago -> toDate(now('UTC')) - ago, [190, 150, 10]), [1, -1, 1]",
];
