//! Each secret with each owner's deliveries, over real HTTP: a secret speaks for its own source only.

mod support;

use gapless_ingest::webhook::{Limits, Outcome, sign};
use gapless_ingest::{Secret, SourceConfig};
use serde_json::{Map, Value, json};
use support::{TestServer, client, source};

/// An owner, as payloads name it, and the id of a repository of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Owner {
    login: &'static str,
    id: i64,
}

const A: Owner = Owner {
    login: "Alpha",
    id: 10,
};
const B: Owner = Owner {
    login: "beta",
    id: 20,
};
/// Named by no source.
const C: Owner = Owner {
    login: "gamma",
    id: 30,
};

/// Secrets, and the owners whose deliveries they may sign.
const SECRETS: [(&str, &[Owner]); 5] = [
    ("of A", &[A]),
    ("the next of A", &[A]),
    ("of B", &[B]),
    ("of A and B", &[A, B]),
    // Of a source without owner: everybody for whom no other source has a secret.
    ("of nobody", &[C]),
];

fn of_owner(login: &str, secrets: &[&str]) -> SourceConfig {
    SourceConfig {
        owner: Some(login.into()),
        ..source("github.com", secrets)
    }
}

async fn server() -> TestServer {
    let sources = [
        // Logins are compared without case.
        of_owner("alpha", &["of A", "the next of A", "of A and B"]),
        of_owner("Beta", &["of B", "of A and B"]),
        source("github.com", &["of nobody"]),
        of_owner("polled-only", &[]),
        // Of another host: neither speaks for the other.
        source("ghes.example.com", &["of the GHES"]),
    ];
    TestServer::start_for(&sources, Limits::default()).await
}

struct Poster<'a> {
    server: &'a TestServer,
    client: reqwest::Client,
    sent: std::cell::Cell<u32>,
}

impl<'a> Poster<'a> {
    fn new(server: &'a TestServer) -> Self {
        Self {
            server,
            client: client(),
            sent: std::cell::Cell::new(0),
        }
    }

    /// Posts it under a GUID of its own.
    async fn post(&self, kind: &str, secret: &str, payload: &Value) -> u16 {
        self.sent.set(self.sent.get() + 1);
        let guid = format!("guid-{}", self.sent.get());
        self.post_as(&guid, kind, secret, payload).await
    }

    async fn post_as(&self, guid: &str, kind: &str, secret: &str, payload: &Value) -> u16 {
        let body = payload.to_string();
        let request = self
            .client
            .post(self.server.url())
            .header("X-GitHub-Event", kind)
            .header("X-GitHub-Delivery", guid)
            .header("Content-Type", "application/json")
            .header(
                "X-Hub-Signature-256",
                sign(&Secret::new(secret), body.as_bytes()),
            )
            .body(body);
        request.send().await.unwrap().status().as_u16()
    }
}

fn account(owner: Owner) -> Value {
    json!({"login": owner.login, "id": owner.id, "type": "Organization"})
}

fn repository(owner: Owner) -> Value {
    json!({"id": owner.id + 1, "full_name": format!("{}/r", owner.login), "owner": account(owner)})
}

/// Kinds of deliveries that are about a repository; an organisation's and an App's hooks get them too.
const OF_REPOSITORIES: &[&str] = &[
    "branch_protection_configuration",
    "branch_protection_rule",
    "check_run",
    "check_suite",
    "code_scanning_alert",
    "commit_comment",
    "create",
    "delete",
    "dependabot_alert",
    "deploy_key",
    "deployment",
    "deployment_protection_rule",
    "deployment_review",
    "deployment_status",
    "discussion",
    "discussion_comment",
    "fork",
    "gollum",
    "issue_comment",
    "issue_dependencies",
    "issues",
    "label",
    "member",
    "merge_group",
    "meta",
    "milestone",
    "package",
    "page_build",
    "ping",
    "project",
    "public",
    "pull_request",
    "pull_request_review",
    "pull_request_review_comment",
    "pull_request_review_thread",
    "push",
    "registry_package",
    "release",
    "repository",
    "repository_advisory",
    "repository_dispatch",
    "repository_import",
    "repository_ruleset",
    "repository_vulnerability_alert",
    "secret_scanning_alert",
    "secret_scanning_alert_location",
    "secret_scanning_scan",
    "security_and_analysis",
    "star",
    "status",
    "sub_issues",
    "team_add",
    "watch",
    "workflow_dispatch",
    "workflow_job",
    "workflow_run",
    "a_kind_of_next_year",
];

/// Kinds that are about an organisation.
const OF_ORGANIZATIONS: &[&str] = &[
    "custom_property",
    "custom_property_values",
    "member",
    "membership",
    "meta",
    "org_block",
    "organization",
    "organization_custom_property",
    "personal_access_token_request",
    "ping",
    "projects_v2",
    "projects_v2_item",
    "projects_v2_status_update",
    "repository_ruleset",
    "team",
    "a_kind_of_next_year",
];

/// Every form in which a payload names its owner.
fn forms(owner: Owner) -> Vec<(&'static str, Map<String, Value>)> {
    let mut forms = Vec::new();
    let mut form = |kind, payload: Value| {
        let Value::Object(members) = payload else {
            unreachable!("a payload is an object")
        };
        forms.push((kind, members));
    };
    for kind in OF_REPOSITORIES {
        form(*kind, json!({"repository": repository(owner)}));
        form(
            *kind,
            json!({"repository": repository(owner), "organization": account(owner)}),
        );
    }
    for kind in OF_ORGANIZATIONS {
        form(*kind, json!({"organization": account(owner)}));
    }
    // The name where others have a login, and only the full name.
    let mut bare = repository(owner);
    bare["owner"] = json!({"name": owner.login, "email": null});
    form("push", json!({"repository": bare}));
    bare["owner"] = Value::Null;
    form("watch", json!({"repository": bare}));
    let installation = json!({"id": 1, "account": account(owner)});
    form("installation", json!({"installation": installation}));
    form(
        "installation_repositories",
        json!({"installation": installation}),
    );
    form("installation_target", json!({"account": account(owner)}));
    form(
        "sponsorship",
        json!({"sponsorship": {"sponsorable": account(owner)}}),
    );
    form(
        "marketplace_purchase",
        json!({"marketplace_purchase": {"account": account(owner)}}),
    );
    forms
}

/// A form with each selection of what else payloads have.
fn with_the_rest(form: &Map<String, Value>) -> Vec<Value> {
    let rest = [
        ("enterprise", json!({"id": 5, "slug": "acme"})),
        ("installation", json!({"id": 7, "node_id": "x"})),
        // Whoever did it is no owner.
        ("sender", account(A)),
        ("sender", account(B)),
    ];
    let mut all = Vec::new();
    for selection in 0..1 << rest.len() {
        let mut members = form.clone();
        for (place, (key, value)) in rest.iter().enumerate() {
            if selection >> place & 1 == 1 {
                members.entry(*key).or_insert_with(|| value.clone());
            }
        }
        let payload = Value::Object(members);
        if !all.contains(&payload) {
            all.push(payload);
        }
    }
    all
}

#[tokio::test]
async fn exactly_the_right_ones_are_accepted() {
    let server = server().await;
    let poster = Poster::new(&server);
    let mut refused = 0;
    for owner in [A, B, C] {
        for (kind, form) in forms(owner) {
            for payload in with_the_rest(&form) {
                for (secret, owners) in SECRETS {
                    let status = poster.post(kind, secret, &payload).await;
                    let is_right = owners.contains(&owner);
                    let expected = match (is_right, kind) {
                        (false, _) => 403,
                        (true, "ping") => 200,
                        (true, _) => 202,
                    };
                    assert_eq!(
                        status, expected,
                        "{kind} {payload} signed with the secret {secret}"
                    );
                    refused += u64::from(!is_right);
                }
            }
        }
    }
    let counters = server.webhook.counters();
    assert_eq!(counters.count(Outcome::ForeignOwner), refused);
    let text = server.metrics();
    let line = format!("{{outcome=\"foreign_owner\",status=\"403\"}} {refused}");
    assert!(text.contains(&line), "{text}");
    // Each event that was taken says whose it is.
    for event in server.log.taken() {
        let owner = [A, B, C]
            .into_iter()
            .find(|owner| event.owner.as_deref() == Some(owner.login));
        assert!(owner.is_some() || event.kind == "watch", "{event:?}");
        assert!(event.owner_id.is_none() || event.owner_id == owner.map(|owner| owner.id));
    }
    server.stop().await;
}

#[tokio::test]
async fn what_names_nobody_is_taken_and_what_hides_its_owner_is_not() {
    let server = server().await;
    let poster = Poster::new(&server);
    let enterprise = json!({"enterprise": {"id": 5, "slug": "acme"}, "sender": account(A)});
    let hidden = json!({"repository": {"id": 21}});
    let half_hidden = json!({"repository": {"id": 21}, "organization": account(A)});
    let nameless = json!({"organization": {"id": 20}});
    let table = [
        // The ping of an App, and what an App is told of a person.
        (
            "ping",
            json!({"zen": "x", "hook": {"type": "App"}}),
            [200; 3],
        ),
        (
            "github_app_authorization",
            json!({"sender": account(C)}),
            [202; 3],
        ),
        (
            "security_advisory",
            json!({"security_advisory": {}}),
            [202; 3],
        ),
        // More than one owner's.
        ("enterprise_thing", enterprise, [403, 403, 202]),
        // A repository, or somebody, without a name.
        ("star", hidden, [403; 3]),
        ("star", half_hidden, [403; 3]),
        ("team", nameless, [403; 3]),
        // Two owners.
        (
            "star",
            json!({"repository": repository(A), "organization": account(B)}),
            [403; 3],
        ),
        (
            "star",
            json!({"repository": {"id": 1, "full_name": "beta/r", "owner": account(A)}}),
            [403; 3],
        ),
        (
            "installation",
            json!({"installation": {"account": account(B)}, "organization": account(A)}),
            [403; 3],
        ),
    ];
    for (kind, payload, expected) in table {
        for (secret, status) in ["of A", "of B", "of nobody"].into_iter().zip(expected) {
            let found = poster.post(kind, secret, &payload).await;
            assert_eq!(
                found, status,
                "{kind} {payload} signed with the secret {secret}"
            );
        }
    }
    // The source without owner speaks for those who are only polled.
    let polled = Owner {
        login: "polled-only",
        id: 40,
    };
    let payload = json!({"repository": repository(polled)});
    assert_eq!(poster.post("star", "of nobody", &payload).await, 202);
    assert_eq!(poster.post("star", "of A", &payload).await, 403);
    server.stop().await;
}

#[tokio::test]
async fn a_login_keeps_its_first_id_and_that_narrows_only() {
    let server = server().await;
    let poster = Poster::new(&server);
    let organization = |login, id| json!({"organization": account(Owner { login, id })});
    // Before A is heard of: somebody with the secret of B claims the id of A.
    assert_eq!(
        poster.post("team", "of B", &organization("beta", 10)).await,
        202
    );
    // That gains nothing but the loss of B's own.
    assert_eq!(
        poster
            .post("team", "of B", &organization("Alpha", 10))
            .await,
        403
    );
    assert_eq!(
        poster
            .post("team", "of B", &organization("gamma", 10))
            .await,
        403
    );
    assert_eq!(
        poster.post("team", "of B", &organization("beta", 20)).await,
        403
    );
    // Once A is heard of, its secret speaks for its id alone.
    assert_eq!(
        poster
            .post("team", "of A", &organization("ALPHA", 10))
            .await,
        202
    );
    assert_eq!(
        poster
            .post("team", "of A", &organization("Alpha", 20))
            .await,
        403
    );
    assert_eq!(
        poster
            .post("team", "of A", &organization("renamed", 10))
            .await,
        403
    );
    assert_eq!(
        poster
            .post("team", "of A", &organization("alpha", 10))
            .await,
        202
    );
    server.stop().await;
}

#[tokio::test]
async fn a_delivery_that_is_there_already_is_told_to_those_alone_who_may_tell_it() {
    let server = server().await;
    let poster = Poster::new(&server);
    let payload = json!({"repository": repository(A)});
    for (secret, status) in [
        ("of A", 202),
        ("of B", 403),
        ("of nobody", 403),
        ("of A", 202),
    ] {
        assert_eq!(
            poster.post_as("guid", "star", secret, &payload).await,
            status
        );
    }
    assert_eq!(server.webhook.counters().count(Outcome::Duplicate), 1);
    assert_eq!(server.log.taken().len(), 1);
    server.stop().await;
}
