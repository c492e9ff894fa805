//! What GitHub does now and then and readers get wrong: things that are rare in an ordinary life, so
//! that a short one would not meet them by chance. Each is therefore planned, happens in every life
//! that [`crate::Options::oddities`] asks for it, and is counted when it happens.

/// Something that GitHub does now and then.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Oddity {
    /// An issue becomes a pull request under the same number.
    IssueConverted,
    /// A repository is deleted and some time later restored under the same id. Nothing tells of the
    /// restoring but that the API knows it again and deliveries come from it.
    RepositoryRestored,
    /// The default branch changes, which moves no `updated_at`.
    DefaultBranchChanged,
    /// A person who has reviewed takes another login and reviews the same pull request again.
    PersonRenamed,
    /// Another account takes the login that somebody left.
    LoginReused,
    /// An account with items and reviews is deleted: payloads and answers show nobody or the ghost
    /// in its place, for all that it ever did.
    PersonDeleted,
    /// Closed, reopened and closed, or drafted, readied and drafted, all in one second.
    TurnsInOneSecond,
    /// The same within five seconds.
    TurnsInFiveSeconds,
    /// Opened ready, drafted later, and readied again.
    DraftedAfterReady,
    /// A review of what is merged already.
    ReviewedAfterMerge,
    /// A review by the author of the pull request.
    ReviewedByAuthor,
    /// An imported issue that was closed before it was created.
    ClosedBeforeCreated,
    /// An imported issue from years ago.
    CreatedLongAgo,
    /// An imported issue with a creation that no calendar of figures holds: before 1970, or far in
    /// the future.
    CreatedOutOfRange,
    /// A pull request whose first commit says that it was made in 1970.
    CommittedInTheEpoch,
    /// A label that items bear gets another name; its items are not told of one by one.
    LabelRenamed,
    /// A label that items bear is deleted; its items are not told of one by one.
    LabelDeleted,
    /// A milestone that items have gets another title; its items are not told of one by one.
    MilestoneRenamed,
    /// A milestone that items have is deleted; its items are not told of one by one.
    MilestoneDeleted,
}

impl Oddity {
    /// All of them.
    pub const ALL: [Self; 19] = [
        Self::IssueConverted,
        Self::RepositoryRestored,
        Self::DefaultBranchChanged,
        Self::PersonRenamed,
        Self::LoginReused,
        Self::PersonDeleted,
        Self::TurnsInOneSecond,
        Self::TurnsInFiveSeconds,
        Self::DraftedAfterReady,
        Self::ReviewedAfterMerge,
        Self::ReviewedByAuthor,
        Self::ClosedBeforeCreated,
        Self::CreatedLongAgo,
        Self::CreatedOutOfRange,
        Self::CommittedInTheEpoch,
        Self::LabelRenamed,
        Self::LabelDeleted,
        Self::MilestoneRenamed,
        Self::MilestoneDeleted,
    ];
}
