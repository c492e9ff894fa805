//! Rows of cases that are rare: an owner each, so that a test chooses its own by organisation.

/// Writes them.
pub(crate) const STATEMENTS: [&str; 2] = [
    // Of 25,000 authors, each opened one pull request more than the one before.
    "INSERT INTO gapless_1.repositories (host, repository_id, repository, owner, presence, version) \
     VALUES ('github.com', 1, 'crowd/town', 'crowd', 'alive', 1)",
    "INSERT INTO gapless_1.pull_requests_daily (host, repository_id, repository, day, author, \
     opened, version) SELECT 'github.com', 1, 'crowd/town', toDate(now('UTC')), \
     'author-' || leftPad(toString(number), 5, '0'), number + 1, 1 FROM numbers(25000)",
];
