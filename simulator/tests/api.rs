//! The REST answers follow GitHub's rules.

use gapless_simulator::truth::{Explanation, Truth};
use gapless_simulator::{ApiFaults, Options, Request, Response, Transport, World};
use serde_json::Value;
use std::collections::BTreeSet;

fn lived(options: Options) -> World {
    let mut world = World::new(Options {
        repositories: 7,
        changes: 5_000,
        ..options
    });
    while world.step().is_some() {}
    world
}

fn get(world: &mut World, path: &str) -> Response {
    world.answer(&Request::get(path, world.now()))
}

fn body(response: &Response) -> Value {
    serde_json::from_slice(&response.body).unwrap()
}

fn explained(truth: &Truth, wanted: fn(&Explanation) -> bool) -> (u64, u32) {
    let mut numbers = truth.explained.iter();
    let found = numbers.find(|number| wanted(&number.why)).unwrap();
    (found.repository_id, found.number)
}

#[test]
fn pages_linked_by_next_hold_every_item_once_in_order() {
    let mut world = lived(Options::default());
    let truth = world.truth();
    let repository = truth.repositories[0].id;
    let mut path = format!(
        "/repositories/{repository}/issues?state=all&sort=updated&direction=asc&per_page=40"
    );
    let (mut numbers, mut last) = (BTreeSet::new(), String::new());
    loop {
        let response = get(&mut world, &path);
        for item in body(&response).as_array().unwrap() {
            assert!(numbers.insert(item["number"].as_u64().unwrap()));
            let updated_at = item["updated_at"].as_str().unwrap().to_owned();
            assert!(last <= updated_at);
            last = updated_at;
        }
        let link = response.header("link").unwrap_or_default();
        let next = link.split(", ").find(|part| part.ends_with("rel=\"next\""));
        let Some(next) = next else { break };
        let address = next.split_once('>').unwrap().0.trim_start_matches('<');
        path = address
            .trim_start_matches("https://api.github.com")
            .to_owned();
    }
    let items = truth.pull_requests.iter().map(|pull| &pull.item);
    let items = items.chain(truth.issues.iter().map(|issue| &issue.item));
    let expected = items.filter(|item| item.repository_id == repository);
    assert_eq!(numbers.len(), expected.count());
}

#[test]
fn since_is_inclusive_and_the_epoch_as_since_gives_nothing() {
    let mut world = lived(Options::default());
    let repository = world.truth().repositories[0].id;
    let newest = format!("/repositories/{repository}/issues?state=all&sort=updated&per_page=1");
    let updated_at = body(&get(&mut world, &newest))[0]["updated_at"].clone();
    let since = format!("{newest}&since={}", updated_at.as_str().unwrap());
    assert_eq!(body(&get(&mut world, &since)).as_array().unwrap().len(), 1);
    let epoch = format!("{newest}&since=1970-01-01T00:00:00Z");
    assert_eq!(body(&get(&mut world, &epoch)).as_array().unwrap().len(), 0);
}

#[test]
fn pull_requests_stand_in_the_list_of_issues_and_say_so() {
    let mut world = lived(Options::default());
    let truth = world.truth();
    let merged = truth
        .pull_requests
        .iter()
        .find(|pull| pull.merged())
        .unwrap();
    let (repository, number) = (merged.item.repository_id, merged.item.number);
    let issue = body(&get(
        &mut world,
        &format!("/repositories/{repository}/issues/{number}"),
    ));
    let merged_at = merged.merged_at.unwrap().to_string();
    assert_eq!(issue["pull_request"]["merged_at"], merged_at);
    assert_ne!(issue["id"], merged.id);
    let open_issue = &truth.issues[0];
    let (repository, number) = (open_issue.item.repository_id, open_issue.item.number);
    let issue = body(&get(
        &mut world,
        &format!("/repositories/{repository}/issues/{number}"),
    ));
    assert!(issue.get("pull_request").is_none());
    let pull = get(
        &mut world,
        &format!("/repositories/{repository}/pulls/{number}"),
    );
    assert_eq!(pull.status, 404);
}

#[test]
fn a_deleted_issue_is_gone_a_discussion_is_not_found_a_number_not_taken_neither() {
    let mut world = lived(Options {
        seed: 3,
        ..Options::default()
    });
    let truth = world.truth();
    let (repository, number) = explained(&truth, |why| matches!(why, Explanation::Deleted { .. }));
    let path = format!("/repositories/{repository}/issues/{number}");
    let gone = get(&mut world, &path);
    assert_eq!(
        (gone.status, body(&gone)["message"].as_str()),
        (410, Some("This issue was deleted"))
    );
    assert_eq!(get(&mut world, &format!("{path}/timeline")).status, 410);
    let (repository, number) = explained(&truth, |why| matches!(why, Explanation::Discussion));
    for kind in ["issues", "pulls"] {
        let path = format!("/repositories/{repository}/{kind}/{number}");
        assert_eq!(get(&mut world, &path).status, 404);
        let path = format!("/repositories/{repository}/{kind}/999999");
        assert_eq!(get(&mut world, &path).status, 404);
    }
}

#[test]
fn a_transferred_issue_moved_to_where_its_location_says() {
    let mut world = lived(Options {
        seed: 2,
        ..Options::default()
    });
    let truth = world.truth();
    let (repository, number) =
        explained(&truth, |why| matches!(why, Explanation::Transferred { .. }));
    let mut path = format!("/repositories/{repository}/issues/{number}");
    loop {
        let response = get(&mut world, &path);
        if response.status != 301 {
            assert!([200, 410].contains(&response.status));
            break;
        }
        let location = response.header("location").unwrap();
        path = location
            .trim_start_matches("https://api.github.com")
            .to_owned();
    }
    let moved = truth
        .issues
        .iter()
        .find(|issue| !issue.former_places.is_empty())
        .unwrap();
    let path = format!(
        "/repositories/{}/issues/{}",
        moved.item.repository_id, moved.item.number
    );
    assert_eq!(body(&get(&mut world, &path))["id"], moved.id);
}

#[test]
fn a_former_name_leads_to_the_id_until_another_repository_takes_it() {
    let options = Options::default();
    let mut world = World::new(Options {
        repositories: 7,
        changes: 9_000,
        ..options
    });
    let start = world.options().start;
    let organisation = world.options().organisation_login.clone();
    let day = |world: &World| world.now().millis_since(start) / 86_400_000;
    while day(&world) < 160 {
        world.step();
    }
    let renamed = world.truth().repositories[1].clone();
    let old = format!("/repos/{organisation}/{}", renamed.former_names[0]);
    let answer = get(&mut world, &format!("{old}/issues/1"));
    assert_eq!(answer.status, 301);
    let location = format!(
        "https://api.github.com/repositories/{}/issues/1",
        renamed.id
    );
    assert_eq!(answer.header("location"), Some(location.as_str()));
    let new = format!("/repos/{organisation}/{}", renamed.name);
    assert_eq!(body(&get(&mut world, &new))["id"], renamed.id);
    while day(&world) < 200 {
        world.step();
    }
    let taken = get(&mut world, &old);
    assert_eq!(taken.status, 200);
    assert_ne!(body(&taken)["id"], renamed.id);
}

#[test]
fn the_organisations_repositories_are_listed() {
    let mut world = lived(Options::default());
    let organisation = world.options().organisation_login.clone();
    let listed = body(&get(
        &mut world,
        &format!("/orgs/{organisation}/repos?per_page=100"),
    ));
    let names: Vec<&str> = listed
        .as_array()
        .unwrap()
        .iter()
        .map(|repository| repository["full_name"].as_str().unwrap())
        .collect();
    let truth = world.truth();
    let expected: Vec<&str> = truth
        .repositories
        .iter()
        .map(|r| r.full_name.as_str())
        .collect();
    assert_eq!(names, expected);
    assert_eq!(get(&mut world, "/orgs/nobody/repos").status, 404);
}

#[test]
fn an_unchanged_answer_is_304_and_costs_nothing() {
    let mut world = lived(Options::default());
    let repository = world.truth().repositories[0].id;
    let mut request = Request::get(&format!("/repositories/{repository}"), world.now());
    let first = world.answer(&request);
    let etag = first.header("etag").unwrap().to_owned();
    assert_eq!(first.header("x-ratelimit-used"), Some("1"));
    request.if_none_match = Some(etag);
    let second = world.answer(&request);
    assert_eq!((second.status, second.body.len()), (304, 0));
    assert_eq!(second.header("x-ratelimit-used"), Some("1"));
    assert_eq!(second.header("x-ratelimit-remaining"), Some("4999"));
    assert!(second.header("date").unwrap().ends_with(" GMT"));
}

#[test]
fn a_spent_budget_is_refused_until_its_hour_is_over() {
    let mut world = lived(Options {
        requests_per_hour: 3,
        ..Options::default()
    });
    let mut request = Request::get("/rate_limit", world.now());
    request.path = format!("/repositories/{}", world.truth().repositories[0].id);
    for _ in 0..3 {
        assert_eq!(world.answer(&request).status, 200);
    }
    let refused = world.answer(&request);
    assert_eq!(refused.status, 403);
    assert_eq!(refused.header("x-ratelimit-remaining"), Some("0"));
    let reset: i64 = refused
        .header("x-ratelimit-reset")
        .unwrap()
        .parse()
        .unwrap();
    let other = Request {
        token: Some("another".to_owned()),
        ..request.clone()
    };
    assert_eq!(world.answer(&other).status, 200);
    request.now = gapless_schemas::Timestamp::from_seconds(reset + 1);
    assert_eq!(world.answer(&request).status, 200);
}

#[test]
fn the_api_fails_about_as_often_as_it_is_told_to() {
    let rate = 0.1;
    let mut world = lived(Options {
        requests_per_hour: 1_000_000,
        api_faults: ApiFaults {
            error_500_rate: rate,
            timeout_rate: rate,
            secondary_limit_rate: rate,
            truncated_body_rate: rate,
        },
        ..Options::default()
    });
    let path = format!("/repositories/{}", world.truth().repositories[0].id);
    let (mut failed, mut never, mut limited, mut with_wait, mut cut) = (0, 0, 0, 0, 0);
    for _ in 0..1_000 {
        let response = get(&mut world, &path);
        match (response.transport, response.status) {
            (Transport::Never, _) => never += 1,
            (Transport::Truncated, _) => {
                cut += 1;
                assert!(serde_json::from_slice::<Value>(&response.body).is_err());
            }
            (_, 500 | 502) => failed += 1,
            (_, 403) => {
                limited += 1;
                with_wait += usize::from(response.header("retry-after").is_some());
            }
            (_, status) => assert_eq!(status, 200),
        }
    }
    for count in [failed, never, limited, cut] {
        assert!(
            (50..150).contains(&count),
            "{failed} {never} {limited} {cut}"
        );
    }
    assert!(0 < with_wait && with_wait < limited);
}

#[test]
fn a_ghes_answers_below_its_own_prefix() {
    let mut world = lived(Options {
        host: "github.example.org".to_owned(),
        ..Options::default()
    });
    let repository = world.truth().repositories[0].id;
    let answer = get(&mut world, &format!("/api/v3/repositories/{repository}"));
    let url = body(&answer)["url"].as_str().unwrap().to_owned();
    assert!(url.starts_with("https://github.example.org/api/v3/repos/"));
}
