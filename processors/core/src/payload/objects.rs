use super::{Field, present, time};
use compact_str::CompactString;
use gapless_schemas::Timestamp;
use serde::de::value::MapAccessDeserializer;
use serde::de::{IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use std::fmt;

/// A user, bot or organisation. Source: `simple-user` of GitHub's REST description.
#[derive(Clone, Debug, Deserialize)]
pub struct UserObject {
    /// Id.
    pub id: i64,
    /// Login.
    pub login: CompactString,
    /// `User`, `Bot`, `Organization`, `Mannequin`.
    #[serde(rename = "type")]
    pub kind: Option<CompactString>,
}

impl UserObject {
    /// The person, unless this is `ghost`, GitHub's stand-in for every account that is gone: two of
    /// them are not one person. (Its id is 10137 on github.com and another elsewhere; the login is
    /// reserved.)
    pub fn person(&self) -> Option<&Self> {
        (!self.login.eq_ignore_ascii_case("ghost")).then_some(self)
    }

    /// Whether it is no person.
    pub fn is_bot(&self) -> bool {
        self.kind.as_deref() == Some("Bot") || self.login.ends_with("[bot]")
    }
}

/// A label: with an id, or a plain text, as GitHub's description allows of issues.
#[derive(Clone, Debug)]
pub struct LabelObject {
    /// Id, never reused.
    pub id: Option<i64>,
    /// Name.
    pub name: CompactString,
}

/// Read as it comes: an untagged enum would keep every member of it first, and labels are many.
impl<'de> Deserialize<'de> for LabelObject {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct Object {
            id: Option<i64>,
            name: CompactString,
        }

        struct Label;

        impl<'de> Visitor<'de> for Label {
            type Value = LabelObject;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a label or its name")
            }

            fn visit_str<E>(self, name: &str) -> Result<LabelObject, E> {
                let name = name.into();
                Ok(LabelObject { id: None, name })
            }

            fn visit_map<A: MapAccess<'de>>(self, members: A) -> Result<LabelObject, A::Error> {
                let Object { id, name } = Object::deserialize(MapAccessDeserializer::new(members))?;
                Ok(LabelObject { id, name })
            }
        }

        deserializer.deserialize_any(Label)
    }
}

/// Who was asked for a review: a user, though GitHub's schemas allow a team here too, which has no
/// login and is listed among the teams.
#[derive(Debug, Deserialize)]
#[serde(try_from = "UserOrTeam")]
pub enum RequestedReviewer {
    /// A user.
    User(UserObject),
    /// A team.
    Team,
}

/// Members of both: an untagged enum would keep all of an object first, to read it twice.
#[derive(Deserialize)]
struct UserOrTeam {
    id: Option<i64>,
    login: Option<CompactString>,
    #[serde(rename = "type")]
    kind: Option<CompactString>,
    /// A team's.
    name: Option<IgnoredAny>,
}

impl TryFrom<UserOrTeam> for RequestedReviewer {
    type Error = &'static str;

    fn try_from(read: UserOrTeam) -> Result<Self, Self::Error> {
        let UserOrTeam {
            id,
            login,
            kind,
            name,
        } = read;
        match (id, login, name) {
            (Some(id), Some(login), _) => Ok(Self::User(UserObject { id, login, kind })),
            (_, _, Some(_)) => Ok(Self::Team),
            _ => Err("neither a user nor a team"),
        }
    }
}

impl RequestedReviewer {
    /// The user, unless it is a team.
    pub fn user(&self) -> Option<&UserObject> {
        match self {
            Self::User(user) => Some(user),
            Self::Team => None,
        }
    }
}

/// A discussion: that it takes this number is all that is read of it.
#[derive(Debug, Deserialize)]
pub struct DiscussionObject {
    /// Number.
    pub number: i64,
    /// Created.
    #[serde(default, deserialize_with = "time::optional")]
    pub created_at: Option<Timestamp>,
}

/// A team whose review was requested.
#[derive(Debug, Deserialize)]
pub struct TeamObject {
    /// Slug.
    pub slug: Option<String>,
    /// Name, for hosts that send no slug.
    pub name: String,
}

/// A milestone.
#[derive(Debug, Deserialize)]
pub struct MilestoneObject {
    /// Id, never reused.
    pub id: Option<i64>,
    /// Title.
    pub title: CompactString,
    /// Changed; of an item's milestone too.
    #[serde(default, deserialize_with = "time::lenient")]
    pub updated_at: Option<Timestamp>,
}

/// One side of a pull request.
#[derive(Debug, Deserialize)]
pub struct BranchObject {
    /// Branch.
    #[serde(rename = "ref")]
    pub name: String,
    /// Commit.
    pub sha: String,
}

/// A pull request: full in `pull_request` webhooks and `GET …/pulls/{n}`, without figures and
/// `merged` in review webhooks.
#[derive(Debug, Deserialize)]
pub struct PullRequestObject {
    /// Pull request id.
    pub id: i64,
    /// Number.
    pub number: i64,
    /// `open` or `closed`.
    pub state: Option<String>,
    /// Title.
    pub title: Option<String>,
    /// Draft; absent on old hosts.
    pub draft: Option<bool>,
    /// Conversation locked.
    pub locked: Option<bool>,
    /// Page.
    pub html_url: Option<String>,
    /// Author; null where the account was deleted.
    #[serde(default, deserialize_with = "present")]
    pub user: Field<UserObject>,
    /// Labels.
    pub labels: Option<Vec<LabelObject>>,
    /// Assignees; null stands for an account that is gone.
    pub assignees: Option<Vec<Option<UserObject>>>,
    /// Reviewers asked and not yet heard.
    pub requested_reviewers: Option<Vec<Option<RequestedReviewer>>>,
    /// Teams asked and not yet heard.
    pub requested_teams: Option<Vec<TeamObject>>,
    /// Milestone.
    #[serde(default, deserialize_with = "present")]
    pub milestone: Field<MilestoneObject>,
    /// Where it comes from.
    pub head: Option<BranchObject>,
    /// Where it goes to.
    pub base: Option<BranchObject>,
    /// Created.
    #[serde(default, deserialize_with = "time::optional")]
    pub created_at: Option<Timestamp>,
    /// Changed.
    #[serde(default, deserialize_with = "time::optional")]
    pub updated_at: Option<Timestamp>,
    /// Closed.
    #[serde(default, deserialize_with = "time::nullable")]
    pub closed_at: Field<Timestamp>,
    /// Merged.
    #[serde(default, deserialize_with = "time::nullable")]
    pub merged_at: Field<Timestamp>,
    /// Who merged it; full objects only.
    #[serde(default, deserialize_with = "present")]
    pub merged_by: Field<UserObject>,
    /// Full objects only.
    pub additions: Option<i64>,
    /// Full objects only.
    pub deletions: Option<i64>,
    /// Full objects only.
    pub changed_files: Option<i64>,
    /// Full objects only.
    pub commits: Option<i64>,
    /// Full objects only.
    pub comments: Option<i64>,
    /// Full objects only.
    pub review_comments: Option<i64>,
}

/// What an issue object says of being a pull request.
#[derive(Debug, Deserialize)]
pub struct PullRequestLink {
    /// Merged; absent on old hosts.
    #[serde(default, deserialize_with = "time::nullable")]
    pub merged_at: Field<Timestamp>,
}

/// An issue; pull requests are shown in this form too, then with `pull_request`.
#[derive(Debug, Deserialize)]
pub struct IssueObject {
    /// Issue id; for a pull request not the id of the pull request.
    pub id: i64,
    /// Number.
    pub number: i64,
    /// Present where it is a pull request.
    pub pull_request: Option<PullRequestLink>,
    /// `open` or `closed`.
    pub state: Option<String>,
    /// Why it is in that state.
    #[serde(default, deserialize_with = "present")]
    pub state_reason: Field<String>,
    /// Title.
    pub title: Option<String>,
    /// Draft; only of pull requests.
    pub draft: Option<bool>,
    /// Conversation locked.
    pub locked: Option<bool>,
    /// Page.
    pub html_url: Option<String>,
    /// Author; null where the account was deleted.
    #[serde(default, deserialize_with = "present")]
    pub user: Field<UserObject>,
    /// Labels.
    pub labels: Option<Vec<LabelObject>>,
    /// Assignees; null stands for an account that is gone.
    pub assignees: Option<Vec<Option<UserObject>>>,
    /// Milestone.
    #[serde(default, deserialize_with = "present")]
    pub milestone: Field<MilestoneObject>,
    /// Comments.
    pub comments: Option<i64>,
    /// Created.
    #[serde(default, deserialize_with = "time::optional")]
    pub created_at: Option<Timestamp>,
    /// Changed.
    #[serde(default, deserialize_with = "time::optional")]
    pub updated_at: Option<Timestamp>,
    /// Closed.
    #[serde(default, deserialize_with = "time::nullable")]
    pub closed_at: Field<Timestamp>,
}

/// A review.
#[derive(Debug, Deserialize)]
pub struct ReviewObject {
    /// Review id.
    pub id: i64,
    /// Reviewer; null where the account was deleted.
    pub user: Option<UserObject>,
    /// Lower case in webhooks, upper case in answers.
    pub state: String,
    /// Commit.
    pub commit_id: Option<String>,
    /// Submitted; absent while pending.
    #[serde(default, deserialize_with = "time::optional")]
    pub submitted_at: Option<Timestamp>,
}

/// A repository, as every webhook carries it.
#[derive(Debug, Deserialize)]
pub struct RepositoryObject {
    /// `owner/name`.
    pub full_name: String,
    /// Owner.
    pub owner: Option<OwnerObject>,
    /// Visible to members only.
    pub private: Option<bool>,
    /// Read-only; absent on old hosts.
    pub archived: Option<bool>,
    /// A fork.
    pub fork: Option<bool>,
    /// Default branch.
    pub default_branch: Option<String>,
    /// Created.
    #[serde(default, deserialize_with = "time::optional")]
    pub created_at: Option<Timestamp>,
    /// Changed.
    #[serde(default, deserialize_with = "time::optional")]
    pub updated_at: Option<Timestamp>,
}

/// An owner; `push` payloads give a name instead of a login.
#[derive(Debug, Deserialize)]
pub struct OwnerObject {
    /// Id.
    pub id: Option<i64>,
    /// Login.
    pub login: Option<String>,
    /// Name, in `push` payloads.
    pub name: Option<String>,
}
