CREATE TABLE IF NOT EXISTS `{database}`.`events` (
    `event_id` String COMMENT 'Its id: 32 hex digits; the same fact ingested twice has one id.',
    `source` LowCardinality(String) COMMENT 'Where it came from: webhook, snapshot, listing, archive or gap.',
    `change` Nullable(String) COMMENT 'Of a webhook: kind, action, number and time of the change, by which deliveries through two hooks are one.',
    `kind` LowCardinality(String) COMMENT 'X-GitHub-Event of a webhook, else the kind of snapshot or listing, or gap. Elsewhere: event.',
    `action` LowCardinality(Nullable(String)) COMMENT 'The payload\'s action.',
    `delivery_id` Nullable(String) COMMENT 'X-GitHub-Delivery of a webhook.',
    `host` LowCardinality(String) COMMENT 'GitHub host; ids and numbers are counted per host.',
    `owner` LowCardinality(Nullable(String)) COMMENT 'Login of the repository\'s owner, as it was then. Elsewhere: organization.',
    `owner_id` Nullable(Int64) COMMENT 'Id of that owner. Elsewhere: organization_id.',
    `repository` LowCardinality(Nullable(String)) COMMENT 'Full name of the repository, as it was then. Elsewhere: repository_full_name.',
    `repository_id` Int64 COMMENT 'Repository id; in the table 0 where it belongs to none.',
    `number` Nullable(Int64) COMMENT 'Number of the issue or pull request that it speaks of.',
    `hook_target_id` Nullable(Int64) COMMENT 'Id of what the hook is installed on.',
    `occurred_at` Nullable(DateTime64(3, 'UTC')) COMMENT 'The entity\'s own time, where the payload tells one. Unit: UTC.',
    `occurred_on` Date COMMENT 'Day of occurred_at; in the table 1970-01-01 where the payload tells none, or one before 1990 or more than a day ahead of the receipt.',
    `first_delivered_at` Nullable(DateTime64(3, 'UTC')) COMMENT 'First delivery attempt, where GitHub\'s delivery list told it. Unit: UTC.',
    `requested_at` Nullable(DateTime64(3, 'UTC')) COMMENT 'Start of the API request that it answers. Unit: UTC.',
    `received_at` DateTime64(3, 'UTC') COMMENT 'When Gapless received it. Elsewhere: received. Unit: UTC.',
    `stored_at` DateTime64(3, 'UTC') DEFAULT now64(3, 'UTC') COMMENT 'When this row was written: less received_at, its freshness. Unit: UTC.',
    `credential_kind` LowCardinality(Nullable(String)) COMMENT 'Kind of credential that an API answer was visible to: app, token or anonymous.',
    `headers` Map(LowCardinality(String), String) COMMENT 'HTTP headers worth keeping, names in lower case.',
    `payload_form` LowCardinality(String) COMMENT 'raw: the bytes as received; redacted: parts were taken out.',
    `payload_bytes` Int64 COMMENT 'Size of the payload. Unit: bytes.',
    `payload` String COMMENT 'The payload: JSON as received.' CODEC(ZSTD(1)),
    `version` UInt64 COMMENT 'Epoch times 2^48 plus input offset of the task that wrote it: of all rows with one key, the greatest counts.',
    `topic` LowCardinality(String) COMMENT 'Kafka topic of the record that this row was made of.',
    `partition` Int32 COMMENT 'Kafka partition of that record.',
    `offset` Int64 COMMENT 'Kafka offset of that record.',
    `is_deleted` UInt8 COMMENT '1 where nothing is there any more: views leave the row out.'
) ENGINE = ReplacingMergeTree(version, is_deleted) ORDER BY (host, repository_id, occurred_on, event_id)
SETTINGS min_bytes_for_wide_part = 268435456, merge_selector_base = 16, index_granularity_bytes = 1048576
COMMENT 'One row an event, however often it was delivered or appended: what reached Gapless, as it came.';

CREATE TABLE IF NOT EXISTS `{database}`.`pull_requests` (
    `host` LowCardinality(String) COMMENT 'GitHub host; ids and numbers are counted per host.',
    `repository_id` Int64 COMMENT 'Repository id: its identity, also after a renaming.',
    `repository` LowCardinality(String) COMMENT 'Full name of the repository (owner/name), in views the current one; empty where nothing told it. Elsewhere: repository_full_name.',
    `number` Int64 COMMENT 'Number within the repository.',
    `pull_request_id` Nullable(Int64) COMMENT 'Pull request id (not the id of its issue). Elsewhere: id, pr_id.',
    `title` Nullable(String) COMMENT 'Title.',
    `html_url` Nullable(String) COMMENT 'Its page on GitHub.',
    `presence` LowCardinality(String) COMMENT 'alive, or unreachable: 404 for our credential, deleted or not.',
    `state` LowCardinality(Nullable(String)) COMMENT 'open or closed.',
    `draft` Nullable(Bool) COMMENT 'Whether it is a draft.',
    `merged` Nullable(Bool) COMMENT 'Whether it was merged.',
    `author` LowCardinality(String) COMMENT 'Login of who opened it, now; empty where unknown.',
    `author_id` Int64 COMMENT 'Id of who opened it; in the table 0 where nobody knows.',
    `author_is_bot` Bool COMMENT 'Whether a bot opened it.',
    `merged_by` LowCardinality(Nullable(String)) COMMENT 'Login of who merged it.',
    `merged_by_id` Nullable(Int64) COMMENT 'Id of who merged it.',
    `base_ref` LowCardinality(Nullable(String)) COMMENT 'Branch that it is to be merged into.',
    `head_ref` Nullable(String) COMMENT 'Branch that it comes from.',
    `head_sha` Nullable(String) COMMENT 'Head commit.',
    `labels` Array(LowCardinality(String)) COMMENT 'Names of its labels, sorted: as they are called now.',
    `label_ids` Array(Int64) COMMENT 'Ids of its labels, in the order of labels; 0 for one without an id.',
    `assignees` Array(LowCardinality(String)) COMMENT 'Logins of its assignees, sorted. Elsewhere: assignee.',
    `assignee_ids` Array(Int64) COMMENT 'Ids of its assignees, in the order of assignees.',
    `requested_reviewers` Array(LowCardinality(String)) COMMENT 'Logins of those whose review is requested now, sorted.',
    `requested_reviewer_ids` Array(Int64) COMMENT 'Their ids, in the order of requested_reviewers.',
    `requested_teams` Array(LowCardinality(String)) COMMENT 'Slugs of the teams whose review is requested now, sorted.',
    `milestone` LowCardinality(Nullable(String)) COMMENT 'Title of its milestone, as it is called now.',
    `milestone_id` Int64 COMMENT 'Id of its milestone; 0 where it has none.',
    `locked` Nullable(Bool) COMMENT 'Whether its conversation is locked.',
    `created_at` Nullable(DateTime64(3, 'UTC')) COMMENT 'When it was opened. Unit: UTC.',
    `updated_at` Nullable(DateTime64(3, 'UTC')) COMMENT 'When it last changed, by GitHub\'s own clock. Unit: UTC.',
    `closed_at` Nullable(DateTime64(3, 'UTC')) COMMENT 'When it was closed, where it is closed now. Unit: UTC.',
    `merged_at` Nullable(DateTime64(3, 'UTC')) COMMENT 'When it was merged. Elsewhere: submitted. Unit: UTC.',
    `first_commit_at` Nullable(DateTime64(3, 'UTC')) COMMENT 'Author date of its first commit; of dates that no commit can have (before git\'s own first one, on 2005-04-07, or in the future) the next counts. Unit: UTC.',
    `additions` Nullable(Int64) COMMENT 'Lines added. Elsewhere: insertions. Unit: lines.',
    `deletions` Nullable(Int64) COMMENT 'Lines deleted. Unit: lines.',
    `changed_files` Nullable(Int64) COMMENT 'Files changed. Unit: files.',
    `commits` Nullable(Int64) COMMENT 'Commits. Unit: commits.',
    `comments` Nullable(Int64) COMMENT 'Comments on the conversation. Unit: comments.',
    `review_comments` Nullable(Int64) COMMENT 'Comments on the diff. Unit: comments.',
    `outcome` LowCardinality(Nullable(String)) COMMENT 'open, merged or closed_unmerged.',
    `size` LowCardinality(Nullable(String)) COMMENT 'XS up to 9 lines changed, S up to 49, M up to 249, L up to 999, XL above. Elsewhere: pr_size.',
    `lines` Nullable(Int64) COMMENT 'Lines added and deleted. Unit: lines.',
    `ready_at` Nullable(DateTime64(3, 'UTC')) COMMENT 'When it was first ready for review: when it was opened, unless as a draft, else the first ready_for_review; NULL for a draft that never was. Unit: UTC.',
    `first_review_at` Nullable(DateTime64(3, 'UTC')) COMMENT 'First review, up to its merge or the closing that holds, by a person who is neither the author nor a bot; a review dismissed later counts as given. Unit: UTC.',
    `first_approved_at` Nullable(DateTime64(3, 'UTC')) COMMENT 'First approval, up to its merge or the closing that holds, by someone other than the author; one that is dismissed later no longer counts. Unit: UTC.',
    `last_approved_at` Nullable(DateTime64(3, 'UTC')) COMMENT 'Last approval, up to its merge or the closing that holds, by someone other than the author; none that is dismissed later. Unit: UTC.',
    `coding_seconds` Nullable(Int64) COMMENT 'First commit\'s author date to opening; NULL where negative. Unit: seconds.',
    `pickup_seconds` Nullable(Int64) COMMENT 'Ready to first review; NULL where negative, and where nobody reviewed it before its end. Unit: seconds.',
    `rework_seconds` Nullable(Int64) COMMENT 'First review to first approval; NULL where negative. Unit: seconds.',
    `merge_seconds` Nullable(Int64) COMMENT 'Last approval to merge; NULL where nothing approved, and where negative. Unit: seconds.',
    `cycle_seconds` Nullable(Int64) COMMENT 'First commit\'s author date to merge; NULL where negative. Unit: seconds.',
    `review_count` Int64 COMMENT 'Reviews given by others than the author, bots included, whenever. Unit: reviews.',
    `reviewers` Array(LowCardinality(String)) COMMENT 'Logins of those who gave them, sorted, each person once. Elsewhere: reviewer.',
    `reviewer_ids` Array(Int64) COMMENT 'Their ids, in the order of reviewers.',
    `review_decision` LowCardinality(String) COMMENT 'By each reviewer\'s latest decision: changes_requested where one asks for changes, else approved where one approves, else review_required. Comments decide nothing; a dismissed review decides nothing.',
    `review_cycles` Int64 COMMENT 'How often a request for changes was followed by a new head, before the first approval and its end. Unit: cycles.',
    `closed_count` Int64 COMMENT 'How often it was closed, the merge included. Unit: closings.',
    `reopened_count` Int64 COMMENT 'How often it was reopened. Unit: reopenings.',
    `head_changes` Int64 COMMENT 'How often its head changed. Unit: pushes.',
    `waiting_for` LowCardinality(Nullable(String)) COMMENT 'What an open one waits for: ready (a draft), review, author (changes were requested) or merge (approved). NULL where it is not open.',
    `daily.day` Array(Date) COMMENT 'What it adds to the figure of this name in pull_requests_daily, by daily.day.',
    `daily.opened` Array(Int64) COMMENT 'What it adds to the figure of this name in pull_requests_daily, by daily.day.',
    `daily.merged` Array(Int64) COMMENT 'What it adds to the figure of this name in pull_requests_daily, by daily.day.',
    `daily.merged_unapproved` Array(Int64) COMMENT 'What it adds to the figure of this name in pull_requests_daily, by daily.day.',
    `daily.closed_unmerged` Array(Int64) COMMENT 'What it adds to the figure of this name in pull_requests_daily, by daily.day.',
    `daily.reopened` Array(Int64) COMMENT 'What it adds to the figure of this name in pull_requests_daily, by daily.day.',
    `daily.open_delta` Array(Int64) COMMENT 'What it adds to the figure of this name in pull_requests_daily, by daily.day.',
    `daily.awaiting_10_delta` Array(Int64) COMMENT 'What it adds to the figure of this name in pull_requests_daily, by daily.day.',
    `daily.awaiting_30_delta` Array(Int64) COMMENT 'What it adds to the figure of this name in pull_requests_daily, by daily.day.',
    `daily.awaiting_60_delta` Array(Int64) COMMENT 'What it adds to the figure of this name in pull_requests_daily, by daily.day.',
    `daily.awaiting_90_delta` Array(Int64) COMMENT 'What it adds to the figure of this name in pull_requests_daily, by daily.day.',
    `daily.awaiting_365_delta` Array(Int64) COMMENT 'What it adds to the figure of this name in pull_requests_daily, by daily.day.',
    `daily.coding_seconds` Array(Nullable(Int64)) COMMENT 'What it adds to the figure of this name in pull_requests_daily, by daily.day.',
    `daily.pickup_seconds` Array(Nullable(Int64)) COMMENT 'What it adds to the figure of this name in pull_requests_daily, by daily.day.',
    `daily.rework_seconds` Array(Nullable(Int64)) COMMENT 'What it adds to the figure of this name in pull_requests_daily, by daily.day.',
    `daily.merge_seconds` Array(Nullable(Int64)) COMMENT 'What it adds to the figure of this name in pull_requests_daily, by daily.day.',
    `daily.cycle_seconds` Array(Nullable(Int64)) COMMENT 'What it adds to the figure of this name in pull_requests_daily, by daily.day.',
    `version` UInt64 COMMENT 'Epoch times 2^48 plus input offset of the task that wrote it: of all rows with one key, the greatest counts.',
    `topic` LowCardinality(String) COMMENT 'Kafka topic of the record that this row was made of.',
    `partition` Int32 COMMENT 'Kafka partition of that record.',
    `offset` Int64 COMMENT 'Kafka offset of that record.',
    `is_deleted` UInt8 COMMENT '1 where nothing is there any more: views leave the row out.'
) ENGINE = ReplacingMergeTree(version, is_deleted) ORDER BY (host, repository_id, number)
SETTINGS min_bytes_for_wide_part = 268435456
COMMENT 'One row a pull request that is there (deleted and moved ones are left out): its state, and what follows from it. NULL is what nothing told, never 0.';

CREATE TABLE IF NOT EXISTS `{database}`.`issues` (
    `host` LowCardinality(String) COMMENT 'GitHub host; ids and numbers are counted per host.',
    `repository_id` Int64 COMMENT 'Repository id: its identity, also after a renaming.',
    `repository` LowCardinality(String) COMMENT 'Full name of the repository (owner/name), in views the current one; empty where nothing told it. Elsewhere: repository_full_name.',
    `number` Int64 COMMENT 'Number within the repository.',
    `issue_id` Nullable(Int64) COMMENT 'Issue id. Elsewhere: id.',
    `title` Nullable(String) COMMENT 'Title.',
    `html_url` Nullable(String) COMMENT 'Its page on GitHub.',
    `presence` LowCardinality(String) COMMENT 'alive, or unreachable: 404 for our credential, deleted or not.',
    `state` LowCardinality(Nullable(String)) COMMENT 'open or closed.',
    `state_reason` LowCardinality(Nullable(String)) COMMENT 'Why it is in this state: completed, not_planned, duplicate, reopened.',
    `author` LowCardinality(String) COMMENT 'Login of who opened it, now; empty where unknown. Elsewhere: username.',
    `author_id` Int64 COMMENT 'Id of who opened it; in the table 0 where nobody knows.',
    `author_is_bot` Bool COMMENT 'Whether a bot opened it.',
    `labels` Array(LowCardinality(String)) COMMENT 'Names of its labels, sorted: as they are called now.',
    `label_ids` Array(Int64) COMMENT 'Ids of its labels, in the order of labels; 0 for one without an id.',
    `assignees` Array(LowCardinality(String)) COMMENT 'Logins of its assignees, sorted. Elsewhere: assignee.',
    `assignee_ids` Array(Int64) COMMENT 'Ids of its assignees, in the order of assignees.',
    `milestone` LowCardinality(Nullable(String)) COMMENT 'Title of its milestone, as it is called now.',
    `milestone_id` Int64 COMMENT 'Id of its milestone; 0 where it has none.',
    `locked` Nullable(Bool) COMMENT 'Whether its conversation is locked.',
    `comments` Nullable(Int64) COMMENT 'Comments. Unit: comments.',
    `created_at` Nullable(DateTime64(3, 'UTC')) COMMENT 'When it was opened. Unit: UTC.',
    `updated_at` Nullable(DateTime64(3, 'UTC')) COMMENT 'When it last changed, by GitHub\'s own clock. Unit: UTC.',
    `closed_at` Nullable(DateTime64(3, 'UTC')) COMMENT 'When it was closed, where it is closed now. Unit: UTC.',
    `close_seconds` Nullable(Int64) COMMENT 'Opening to the closing that holds now; NULL while it is open, and where negative. Unit: seconds.',
    `closed_count` Int64 COMMENT 'How often it was closed. Unit: closings.',
    `reopened_count` Int64 COMMENT 'How often it was reopened. Unit: reopenings.',
    `daily.day` Array(Date) COMMENT 'What it adds to the figure of this name in issues_daily, by daily.day.',
    `daily.opened` Array(Int64) COMMENT 'What it adds to the figure of this name in issues_daily, by daily.day.',
    `daily.closed` Array(Int64) COMMENT 'What it adds to the figure of this name in issues_daily, by daily.day.',
    `daily.closed_not_planned` Array(Int64) COMMENT 'What it adds to the figure of this name in issues_daily, by daily.day.',
    `daily.closed_duplicate` Array(Int64) COMMENT 'What it adds to the figure of this name in issues_daily, by daily.day.',
    `daily.reopened` Array(Int64) COMMENT 'What it adds to the figure of this name in issues_daily, by daily.day.',
    `daily.open_delta` Array(Int64) COMMENT 'What it adds to the figure of this name in issues_daily, by daily.day.',
    `daily.awaiting_10_delta` Array(Int64) COMMENT 'What it adds to the figure of this name in issues_daily, by daily.day.',
    `daily.awaiting_30_delta` Array(Int64) COMMENT 'What it adds to the figure of this name in issues_daily, by daily.day.',
    `daily.awaiting_60_delta` Array(Int64) COMMENT 'What it adds to the figure of this name in issues_daily, by daily.day.',
    `daily.awaiting_90_delta` Array(Int64) COMMENT 'What it adds to the figure of this name in issues_daily, by daily.day.',
    `daily.awaiting_365_delta` Array(Int64) COMMENT 'What it adds to the figure of this name in issues_daily, by daily.day.',
    `daily.close_seconds` Array(Nullable(Int64)) COMMENT 'What it adds to the figure of this name in issues_daily, by daily.day.',
    `version` UInt64 COMMENT 'Epoch times 2^48 plus input offset of the task that wrote it: of all rows with one key, the greatest counts.',
    `topic` LowCardinality(String) COMMENT 'Kafka topic of the record that this row was made of.',
    `partition` Int32 COMMENT 'Kafka partition of that record.',
    `offset` Int64 COMMENT 'Kafka offset of that record.',
    `is_deleted` UInt8 COMMENT '1 where nothing is there any more: views leave the row out.'
) ENGINE = ReplacingMergeTree(version, is_deleted) ORDER BY (host, repository_id, number)
SETTINGS min_bytes_for_wide_part = 268435456
COMMENT 'One row an issue that is there (deleted and transferred ones are left out; pull requests are no issues here). NULL is what nothing told, never 0.';

CREATE TABLE IF NOT EXISTS `{database}`.`repositories` (
    `host` LowCardinality(String) COMMENT 'GitHub host; ids and numbers are counted per host.',
    `repository_id` Int64 COMMENT 'Repository id: its identity, also after a renaming.',
    `repository` LowCardinality(String) COMMENT 'Full name now (owner/name); empty where nothing told it. Elsewhere: repository_full_name.',
    `owner` LowCardinality(Nullable(String)) COMMENT 'Login of its owner now. Elsewhere: organization.',
    `owner_id` Nullable(Int64) COMMENT 'Id of its owner. Elsewhere: organization_id.',
    `private` Nullable(Bool) COMMENT 'Whether only members see it. Elsewhere: repository_visibility.',
    `archived` Nullable(Bool) COMMENT 'Whether it is read-only.',
    `fork` Nullable(Bool) COMMENT 'Whether it is a fork of another repository.',
    `default_branch` LowCardinality(Nullable(String)) COMMENT 'Its default branch. Elsewhere: repository_default_branch.',
    `presence` LowCardinality(String) COMMENT 'alive, gone (deleted), unreachable (404 for our credential) or moved.',
    `created_at` Nullable(DateTime64(3, 'UTC')) COMMENT 'When it was created. Unit: UTC.',
    `names` Array(LowCardinality(String)) COMMENT 'Every full name that it was seen under, sorted.',
    `first_seen_at` Nullable(DateTime64(3, 'UTC')) COMMENT 'When the first event about it was received. Unit: UTC.',
    `listed_until` Nullable(DateTime64(3, 'UTC')) COMMENT 'Start of the last complete listing of its issues and pull requests: up to here, absence was asked for. Unit: UTC.',
    `version` UInt64 COMMENT 'Epoch times 2^48 plus input offset of the task that wrote it: of all rows with one key, the greatest counts.',
    `topic` LowCardinality(String) COMMENT 'Kafka topic of the record that this row was made of.',
    `partition` Int32 COMMENT 'Kafka partition of that record.',
    `offset` Int64 COMMENT 'Kafka offset of that record.',
    `is_deleted` UInt8 COMMENT '1 where nothing is there any more: views leave the row out.'
) ENGINE = ReplacingMergeTree(version, is_deleted) ORDER BY (host, repository_id)
SETTINGS min_bytes_for_wide_part = 268435456
COMMENT 'One row a repository that was ever seen, also after it was deleted: what happened in it happened.';

CREATE TABLE IF NOT EXISTS `{database}`.`ledger` (
    `host` LowCardinality(String) COMMENT 'GitHub host; ids and numbers are counted per host.',
    `repository_id` Int64 COMMENT 'Repository id: its identity, also after a renaming.',
    `block` Int64 COMMENT 'Index of the block, from 0: it holds the numbers 1024 block + 1 to 1024 (block + 1).',
    `highest` Int64 COMMENT 'Highest number of the block known to exist; 0 where none is.',
    `known` Int64 COMMENT 'Known as an issue, a pull request or a discussion. Unit: numbers.',
    `explained` Int64 COMMENT 'Explained otherwise: deleted, moved away, never visible. Unit: numbers.',
    `missing` Array(Int64) COMMENT 'Numbers up to the highest that are neither, ascending.',
    `daily.day` Array(Date) COMMENT 'What it adds to numbers_daily: the day. Unit: UTC day.',
    `daily.existing` Array(Int64) COMMENT 'What it adds to numbers_daily: numbers that exist. Unit: numbers.',
    `daily.accounted` Array(Int64) COMMENT 'What it adds to numbers_daily: of these, known or explained. Unit: numbers.',
    `version` UInt64 COMMENT 'Epoch times 2^48 plus input offset of the task that wrote it: of all rows with one key, the greatest counts.',
    `topic` LowCardinality(String) COMMENT 'Kafka topic of the record that this row was made of.',
    `partition` Int32 COMMENT 'Kafka partition of that record.',
    `offset` Int64 COMMENT 'Kafka offset of that record.',
    `is_deleted` UInt8 COMMENT '1 where nothing is there any more: views leave the row out.'
) ENGINE = ReplacingMergeTree(version, is_deleted) ORDER BY (host, repository_id, block)
SETTINGS min_bytes_for_wide_part = 268435456
COMMENT 'One row a block of 1,024 numbers of a repository: which exist, which are accounted for, which are missing.';

CREATE TABLE IF NOT EXISTS `{database}`.`gaps` (
    `host` LowCardinality(String) COMMENT 'GitHub host; ids and numbers are counted per host.',
    `repository_id` Int64 COMMENT 'Repository id: its identity, also after a renaming.',
    `repository` LowCardinality(String) COMMENT 'Full name of the repository (owner/name), in views the current one; empty where nothing told it. Elsewhere: repository_full_name.',
    `gap_id` String COMMENT 'Its id: 32 hex digits.',
    `detector` LowCardinality(String) COMMENT 'What found it: number_space, head_chain, impossible_transition, contested_second, clock, dead_letter or unproven_history.',
    `number` Nullable(Int64) COMMENT 'Number of the issue or pull request in question, where it is about one.',
    `evidence` String COMMENT 'What shows that something is missing, in words.',
    `since` DateTime64(3, 'UTC') COMMENT 'When the missing fact happened, at the latest: its day is the one whose completeness it lowers. Unit: UTC.',
    `opened_at` DateTime64(3, 'UTC') COMMENT 'When it was opened. Unit: UTC.',
    `closed_at` Nullable(DateTime64(3, 'UTC')) COMMENT 'When it was closed; NULL while it is open. Unit: UTC.',
    `is_open` Bool COMMENT 'Whether it is still open.',
    `outcome` LowCardinality(Nullable(String)) COMMENT 'How it ended: arrived (late, by itself), fetched or explained (GitHub says there is nothing).',
    `answers` Int64 COMMENT 'Answers that were asked for on its behalf. Unit: answers.',
    `heal_seconds` Nullable(Int64) COMMENT 'Opening to closing; NULL while it is open, and where negative. Unit: seconds.',
    `daily.day` Array(Date) COMMENT 'What it adds to gaps_daily: the day of since.',
    `daily.opened` Array(Int64) COMMENT 'What it adds to gaps_daily: itself. Unit: gaps.',
    `daily.open` Array(Int64) COMMENT 'What it adds to gaps_daily: itself, while it is open. Unit: gaps.',
    `daily.lacking` Array(Int64) COMMENT 'What it adds to gaps_daily: itself, while it is open and asks for more than a missing number. Unit: gaps.',
    `version` UInt64 COMMENT 'Epoch times 2^48 plus input offset of the task that wrote it: of all rows with one key, the greatest counts.',
    `topic` LowCardinality(String) COMMENT 'Kafka topic of the record that this row was made of.',
    `partition` Int32 COMMENT 'Kafka partition of that record.',
    `offset` Int64 COMMENT 'Kafka offset of that record.',
    `is_deleted` UInt8 COMMENT '1 where nothing is there any more: views leave the row out.'
) ENGINE = ReplacingMergeTree(version, is_deleted) ORDER BY (host, repository_id, gap_id)
SETTINGS min_bytes_for_wide_part = 268435456
COMMENT 'One row a gap: a question that a detector asked because something is missing, and how it was answered.';

CREATE TABLE IF NOT EXISTS `{database}`.`names` (
    `host` LowCardinality(String) COMMENT 'GitHub host; ids and numbers are counted per host.',
    `kind` LowCardinality(String) COMMENT 'What bears it: person, label or milestone.',
    `id` Int64 COMMENT 'Id of what bears it.',
    `name` String COMMENT 'Login, name or title.',
    `deleted` Bool COMMENT 'Whether that was told with the deletion of what bore it.',
    `told_at` DateTime64(3, 'UTC') COMMENT 'When that was told last. Unit: UTC.',
    `version` UInt64 COMMENT 'Epoch times 2^48 plus input offset of the task that wrote it: of all rows with one key, the greatest counts.',
    `topic` LowCardinality(String) COMMENT 'Kafka topic of the record that this row was made of.',
    `partition` Int32 COMMENT 'Kafka partition of that record.',
    `offset` Int64 COMMENT 'Kafka offset of that record.',
    `is_deleted` UInt8 COMMENT '1 where nothing is there any more: views leave the row out.'
) ENGINE = ReplacingMergeTree(version, is_deleted) ORDER BY (host, kind, id, name)
SETTINGS min_bytes_for_wide_part = 268435456
COMMENT 'One row a name that a person, label or milestone was ever told with. Views show the one that was told last; its version is the time of telling, and not its record\'s.';

CREATE TABLE IF NOT EXISTS `{database}`.`pull_requests_daily` (
    `host` LowCardinality(String) COMMENT 'GitHub host; ids and numbers are counted per host.',
    `repository_id` Int64 COMMENT 'Repository id: its identity, also after a renaming.',
    `day` Date COMMENT 'The day. Unit: UTC day.',
    `author_id` Int64 COMMENT 'Id of who opened them; 0 where unknown.',
    `author_is_bot` Bool COMMENT 'Whether that is a bot.',
    `repository` LowCardinality(String) COMMENT 'Full name of the repository (owner/name), in views the current one; empty where nothing told it. Elsewhere: repository_full_name.',
    `author` LowCardinality(String) COMMENT 'Login of who opened them, now; empty where unknown.',
    `opened` Int64 COMMENT 'Opened that day. Unit: pull requests.',
    `merged` Int64 COMMENT 'Merged that day. Unit: pull requests.',
    `merged_unapproved` Int64 COMMENT 'Of these, merged without an approval by someone other than the author. Unit: pull requests.',
    `closed_unmerged` Int64 COMMENT 'Closings that day without a merge. Unit: pull requests.',
    `reopened` Int64 COMMENT 'Reopenings that day. Unit: pull requests.',
    `open_delta` Int64 COMMENT 'Opened and reopened less merged and closed: its sum up to a day is what was open at its end. Unit: pull requests.',
    `awaiting_10_delta` Int64 COMMENT 'Summed up to a day: those open and ready for 10 days or longer at its end. The wait begins anew with a reopening and when a draft becomes ready. Unit: pull requests.',
    `awaiting_30_delta` Int64 COMMENT 'The same for 30 days. Unit: pull requests.',
    `awaiting_60_delta` Int64 COMMENT 'The same for 60 days. Unit: pull requests.',
    `awaiting_90_delta` Int64 COMMENT 'The same for 90 days. Unit: pull requests.',
    `awaiting_365_delta` Int64 COMMENT 'The same for 365 days. Unit: pull requests.',
    `coding_count` Int64 COMMENT 'How many coding times ended that day. Unit: durations.',
    `pickup_count` Int64 COMMENT 'How many pickup times ended that day. Unit: durations.',
    `rework_count` Int64 COMMENT 'How many rework times ended that day. Unit: durations.',
    `merge_count` Int64 COMMENT 'How many merge times ended that day. Unit: durations.',
    `cycle_count` Int64 COMMENT 'How many cycle times ended that day. Unit: durations.',
    `coding_seconds` AggregateFunction(quantilesBFloat16(0.5, 0.75, 0.9, 0.95), Nullable(Int64)) COMMENT 'Coding times that ended that day: a state, to be merged with quantilesBFloat16Merge(0.5, 0.75, 0.9, 0.95) and no other levels. Unit: seconds.',
    `pickup_seconds` AggregateFunction(quantilesBFloat16(0.5, 0.75, 0.9, 0.95), Nullable(Int64)) COMMENT 'Pickup times that ended that day: a state, to be merged with quantilesBFloat16Merge(0.5, 0.75, 0.9, 0.95) and no other levels. Unit: seconds.',
    `rework_seconds` AggregateFunction(quantilesBFloat16(0.5, 0.75, 0.9, 0.95), Nullable(Int64)) COMMENT 'Rework times that ended that day: a state, to be merged with quantilesBFloat16Merge(0.5, 0.75, 0.9, 0.95) and no other levels. Unit: seconds.',
    `merge_seconds` AggregateFunction(quantilesBFloat16(0.5, 0.75, 0.9, 0.95), Nullable(Int64)) COMMENT 'Merge times that ended that day: a state, to be merged with quantilesBFloat16Merge(0.5, 0.75, 0.9, 0.95) and no other levels. Unit: seconds.',
    `cycle_seconds` AggregateFunction(quantilesBFloat16(0.5, 0.75, 0.9, 0.95), Nullable(Int64)) COMMENT 'Cycle times that ended that day: a state, to be merged with quantilesBFloat16Merge(0.5, 0.75, 0.9, 0.95) and no other levels. Unit: seconds.',
    `version` UInt64 COMMENT 'Epoch times 2^48 plus input offset of the task that wrote it: of all rows with one key, the greatest counts.',
    `is_deleted` UInt8 COMMENT '1 where nothing is there any more: views leave the row out.'
) ENGINE = ReplacingMergeTree(version, is_deleted) ORDER BY (host, repository_id, day, author_id, author_is_bot)
SETTINGS min_bytes_for_wide_part = 268435456
COMMENT 'One row a repository, day (UTC) and author. Counts belong to the day of their event, a duration to the day on which it ended. What holds as of a day is the sum of a delta up to and with that day; rows of days to come tell when those open now will have waited so long.';

CREATE TABLE IF NOT EXISTS `{database}`.`pull_requests_days` (
    `host` LowCardinality(String) COMMENT 'GitHub host; ids and numbers are counted per host.',
    `repository_id` Int64 COMMENT 'Repository id: its identity, also after a renaming.',
    `number` Int64 COMMENT 'Number within the repository.',
    `day` Date COMMENT 'The day. Unit: UTC day.',
    `author_id` Int64 COMMENT 'Id of who opened them; 0 where unknown.',
    `author_is_bot` Bool COMMENT 'Whether that is a bot.'
) ENGINE = ReplacingMergeTree ORDER BY (host, repository_id, number, day, author_id, author_is_bot)
SETTINGS min_bytes_for_wide_part = 268435456
COMMENT 'Every row of pull_requests_daily that a pull request ever counted under; never shortened.';

CREATE TABLE IF NOT EXISTS `{database}`.`issues_daily` (
    `host` LowCardinality(String) COMMENT 'GitHub host; ids and numbers are counted per host.',
    `repository_id` Int64 COMMENT 'Repository id: its identity, also after a renaming.',
    `day` Date COMMENT 'The day. Unit: UTC day.',
    `author_id` Int64 COMMENT 'Id of who opened them; 0 where unknown.',
    `author_is_bot` Bool COMMENT 'Whether that is a bot.',
    `repository` LowCardinality(String) COMMENT 'Full name of the repository (owner/name), in views the current one; empty where nothing told it. Elsewhere: repository_full_name.',
    `author` LowCardinality(String) COMMENT 'Login of who opened them, now; empty where unknown.',
    `opened` Int64 COMMENT 'Opened that day. Unit: issues.',
    `closed` Int64 COMMENT 'Closings that day, whatever their reason. Unit: issues.',
    `closed_not_planned` Int64 COMMENT 'Of these, closings that still hold, as not planned. Unit: issues.',
    `closed_duplicate` Int64 COMMENT 'Of these, closings that still hold, as duplicate. Unit: issues.',
    `reopened` Int64 COMMENT 'Reopenings that day. Unit: issues.',
    `open_delta` Int64 COMMENT 'Opened and reopened less closed: its sum up to a day is what was open at its end. Unit: issues.',
    `awaiting_10_delta` Int64 COMMENT 'Summed up to a day: those open for 10 days or longer at its end. The wait begins anew with a reopening. Unit: issues.',
    `awaiting_30_delta` Int64 COMMENT 'The same for 30 days. Unit: issues.',
    `awaiting_60_delta` Int64 COMMENT 'The same for 60 days. Unit: issues.',
    `awaiting_90_delta` Int64 COMMENT 'The same for 90 days. Unit: issues.',
    `awaiting_365_delta` Int64 COMMENT 'The same for 365 days. Unit: issues.',
    `close_count` Int64 COMMENT 'How many times to close ended that day, and still hold. Unit: durations.',
    `close_seconds` AggregateFunction(quantilesBFloat16(0.5, 0.75, 0.9, 0.95), Nullable(Int64)) COMMENT 'Times to close that ended that day, and still hold: a state, to be merged with quantilesBFloat16Merge(0.5, 0.75, 0.9, 0.95) and no other levels. Unit: seconds.',
    `version` UInt64 COMMENT 'Epoch times 2^48 plus input offset of the task that wrote it: of all rows with one key, the greatest counts.',
    `is_deleted` UInt8 COMMENT '1 where nothing is there any more: views leave the row out.'
) ENGINE = ReplacingMergeTree(version, is_deleted) ORDER BY (host, repository_id, day, author_id, author_is_bot)
SETTINGS min_bytes_for_wide_part = 268435456
COMMENT 'One row a repository, day (UTC) and author. Counts belong to the day of their event, a duration to the day on which it ended. What holds as of a day is the sum of a delta up to and with that day.';

CREATE TABLE IF NOT EXISTS `{database}`.`issues_days` (
    `host` LowCardinality(String) COMMENT 'GitHub host; ids and numbers are counted per host.',
    `repository_id` Int64 COMMENT 'Repository id: its identity, also after a renaming.',
    `number` Int64 COMMENT 'Number within the repository.',
    `day` Date COMMENT 'The day. Unit: UTC day.',
    `author_id` Int64 COMMENT 'Id of who opened them; 0 where unknown.',
    `author_is_bot` Bool COMMENT 'Whether that is a bot.'
) ENGINE = ReplacingMergeTree ORDER BY (host, repository_id, number, day, author_id, author_is_bot)
SETTINGS min_bytes_for_wide_part = 268435456
COMMENT 'Every row of issues_daily that an issue ever counted under; never shortened.';

CREATE TABLE IF NOT EXISTS `{database}`.`numbers_daily` (
    `host` LowCardinality(String) COMMENT 'GitHub host; ids and numbers are counted per host.',
    `repository_id` Int64 COMMENT 'Repository id: its identity, also after a renaming.',
    `day` Date COMMENT 'The day. Unit: UTC day.',
    `existing` Int64 COMMENT 'Numbers that exist. Unit: numbers.',
    `accounted` Int64 COMMENT 'Of these, known or explained. Unit: numbers.',
    `version` UInt64 COMMENT 'Epoch times 2^48 plus input offset of the task that wrote it: of all rows with one key, the greatest counts.',
    `is_deleted` UInt8 COMMENT '1 where nothing is there any more: views leave the row out.'
) ENGINE = ReplacingMergeTree(version, is_deleted) ORDER BY (host, repository_id, day)
SETTINGS min_bytes_for_wide_part = 268435456
COMMENT 'One row a repository and day (UTC): numbers of issues, pull requests and discussions by the day of their creation.';

CREATE TABLE IF NOT EXISTS `{database}`.`numbers_days` (
    `host` LowCardinality(String) COMMENT 'GitHub host; ids and numbers are counted per host.',
    `repository_id` Int64 COMMENT 'Repository id: its identity, also after a renaming.',
    `block` Int64 COMMENT 'Index of the block, from 0: it holds the numbers 1024 block + 1 to 1024 (block + 1).',
    `day` Date COMMENT 'The day. Unit: UTC day.'
) ENGINE = ReplacingMergeTree ORDER BY (host, repository_id, block, day)
SETTINGS min_bytes_for_wide_part = 268435456
COMMENT 'Every row of numbers_daily that a block ever counted under; never shortened.';

CREATE TABLE IF NOT EXISTS `{database}`.`gaps_daily` (
    `host` LowCardinality(String) COMMENT 'GitHub host; ids and numbers are counted per host.',
    `repository_id` Int64 COMMENT 'Repository id: its identity, also after a renaming.',
    `day` Date COMMENT 'The day. Unit: UTC day.',
    `opened` Int64 COMMENT 'Gaps about that day, open or closed. Unit: gaps.',
    `open` Int64 COMMENT 'Of these, still open. Unit: gaps.',
    `lacking` Int64 COMMENT 'Of these, not about a missing number, which the ledger counts. Unit: gaps.',
    `version` UInt64 COMMENT 'Epoch times 2^48 plus input offset of the task that wrote it: of all rows with one key, the greatest counts.',
    `is_deleted` UInt8 COMMENT '1 where nothing is there any more: views leave the row out.'
) ENGINE = ReplacingMergeTree(version, is_deleted) ORDER BY (host, repository_id, day)
SETTINGS min_bytes_for_wide_part = 268435456
COMMENT 'One row a repository and day (UTC): gaps by the day on which the missing fact happened.';

CREATE TABLE IF NOT EXISTS `{database}`.`gaps_days` (
    `host` LowCardinality(String) COMMENT 'GitHub host; ids and numbers are counted per host.',
    `repository_id` Int64 COMMENT 'Repository id: its identity, also after a renaming.',
    `gap_id` String COMMENT 'Its id: 32 hex digits.',
    `day` Date COMMENT 'The day. Unit: UTC day.'
) ENGINE = ReplacingMergeTree ORDER BY (host, repository_id, gap_id, day)
SETTINGS min_bytes_for_wide_part = 268435456
COMMENT 'Every row of gaps_daily that a gap ever counted under; never shortened.';

CREATE TABLE IF NOT EXISTS `{database}`.`events_daily` (
    `host` LowCardinality(String) COMMENT 'GitHub host; ids and numbers are counted per host.',
    `repository_id` Int64 COMMENT 'Repository id: its identity, also after a renaming.',
    `day` Date COMMENT 'The day. Unit: UTC day.',
    `events` Int64 COMMENT 'Events that occurred that day. Unit: events.',
    `webhooks` Int64 COMMENT 'Changes that webhooks told of: one that came through two hooks counts once, as do those of one kind, item and second. Unit: changes.',
    `version` UInt64 COMMENT 'Epoch times 2^48 plus input offset of the task that wrote it: of all rows with one key, the greatest counts.',
    `is_deleted` UInt8 COMMENT '1 where nothing is there any more: views leave the row out.'
) ENGINE = ReplacingMergeTree(version, is_deleted) ORDER BY (host, repository_id, day)
SETTINGS min_bytes_for_wide_part = 268435456
COMMENT 'One row a repository and day (UTC): events by the day on which they occurred; those that tell none are in no row.';
