//! The shell around the world: API and driver over real connections.

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use gapless_simulator::truth::Explanation;
use gapless_simulator::{
    ApiFaults, ApiServer, DriveOptions, DriveReport, Driver, Faults, Feed, Options, SharedFeed,
    SimulatedClock, World, sign,
};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::net::TcpListener;

#[derive(Clone, Default)]
struct Receiver {
    secret: String,
    /// Answers 503 to every delivery's first attempt.
    busy_at_first: bool,
    received: Arc<Mutex<BTreeMap<String, u32>>>,
}

async fn receive(State(receiver): State<Receiver>, headers: HeaderMap, body: Bytes) -> StatusCode {
    let header = |name: &str| headers[name].to_str().unwrap().to_owned();
    if header("x-hub-signature-256") != sign(&receiver.secret, &body) {
        return StatusCode::UNAUTHORIZED;
    }
    let mut received = receiver.received.lock().unwrap();
    let times = received.entry(header("x-github-delivery")).or_default();
    *times += 1;
    if receiver.busy_at_first && *times == 1 {
        return StatusCode::SERVICE_UNAVAILABLE;
    }
    StatusCode::OK
}

async fn webhook(receiver: Receiver) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/webhook", listener.local_addr().unwrap());
    let router = Router::new()
        .route("/webhook", post(receive))
        .with_state(receiver);
    tokio::spawn(async { axum::serve(listener, router).await.unwrap() });
    url
}

fn feed(options: Options) -> (SharedFeed, SimulatedClock) {
    let world = World::new(Options {
        repositories: 4,
        ..options
    });
    let clock = SimulatedClock::new(world.now());
    (Arc::new(Mutex::new(Feed::new(world))), clock)
}

async fn until_delivered(driver: &Driver) -> DriveReport {
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        let report = driver.report();
        if report.all_delivered {
            return report;
        }
        assert!(Instant::now() < deadline, "{report:?}");
        tokio::task::yield_now().await;
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_delivery_that_is_not_lost_is_posted_signed_and_accepted() {
    let faults = Faults {
        lost: 0.05,
        doubled: 0.1,
        delayed: 0.05,
        reordered: 0.1,
    };
    let (feed, clock) = feed(Options {
        changes: 400,
        faults,
        ..Options::default()
    });
    let receiver = Receiver {
        secret: feed.lock().unwrap().world.options().secret.clone(),
        ..Receiver::default()
    };
    let options = DriveOptions::new(webhook(receiver.clone()).await);
    let driver = Driver::start(feed.clone(), clock.clone(), options).unwrap();
    let report = until_delivered(&driver).await;
    let faults = &report.faults;
    assert_eq!(report.refused, 0);
    assert_eq!(report.accepted, faults.sent - faults.lost + faults.doubled);
    let distinct = receiver.received.lock().unwrap().len() as u64;
    assert_eq!(distinct, faults.sent - faults.lost);
    // The clock goes on while nothing arrives any more.
    let quiet = clock.now();
    let deadline = Instant::now() + Duration::from_secs(20);
    while clock.now().millis_since(quiet) < 3_600_000 {
        assert!(Instant::now() < deadline);
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    driver.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_delivery_counts_as_lost_and_is_named() {
    let (feed, clock) = feed(Options {
        changes: 50,
        ..Options::default()
    });
    let url = webhook(Receiver {
        secret: "another".to_owned(),
        ..Receiver::default()
    })
    .await;
    let driver = Driver::start(feed, clock, DriveOptions::new(url)).unwrap();
    let report = until_delivered(&driver).await;
    assert_eq!(report.accepted, 0);
    assert_eq!(report.refused, report.faults.sent);
    assert_eq!(report.refusals.len() as u64, report.refused);
    driver.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_busy_receiver_is_tried_again_where_the_options_say_so() {
    let (feed, clock) = feed(Options {
        changes: 40,
        ..Options::default()
    });
    let receiver = Receiver {
        secret: feed.lock().unwrap().world.options().secret.clone(),
        busy_at_first: true,
        ..Receiver::default()
    };
    let options = DriveOptions {
        attempts: 3,
        ..DriveOptions::new(webhook(receiver).await)
    };
    let driver = Driver::start(feed, clock, options).unwrap();
    let report = until_delivered(&driver).await;
    assert_eq!((report.accepted, report.refused), (report.faults.sent, 0));
    driver.stop().await;
}

fn no_redirects() -> reqwest::Client {
    let client = reqwest::Client::builder().no_proxy();
    client
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_api_answers_at_the_clocks_time_with_addresses_of_its_own() {
    let (feed, clock) = feed(Options {
        changes: 6_000,
        ..Options::default()
    });
    let server = ApiServer::start(feed.clone(), clock.clone()).await.unwrap();
    let base = server.base_url();
    let client = no_redirects();
    let list = format!("{base}/orgs/lighthouse-works/repos");
    let early: serde_json::Value = json(&client, &list).await;
    assert_eq!(early.as_array().unwrap().len(), 0);
    clock.advance_to(clock.now().plus_seconds(400 * 86_400));
    let late: serde_json::Value = json(&client, &list).await;
    assert_eq!(late.as_array().unwrap().len(), 4);
    let moved = {
        let truth = feed.lock().unwrap().world.truth();
        let mut numbers = truth.explained.into_iter();
        numbers
            .find(|number| matches!(number.why, Explanation::Transferred { .. }))
            .unwrap()
    };
    let (repository, number) = (moved.repository_id, moved.number);
    let response = client
        .get(format!("{base}/repositories/{repository}/issues/{number}"))
        .send()
        .await
        .unwrap();
    assert_eq!(response.status().as_u16(), 301);
    let location = response.headers()["location"].to_str().unwrap();
    assert!(location.starts_with(&base), "{location}");
    let page = client
        .get(format!(
            "{base}/repositories/{repository}/issues?state=all&per_page=5"
        ))
        .header("authorization", "Bearer x")
        .send()
        .await
        .unwrap();
    assert!(page.headers()["link"].to_str().unwrap().contains(&base));
    assert_eq!(page.headers()["x-ratelimit-limit"], "5000");
    server.stop().await;
}

async fn json(client: &reqwest::Client, url: &str) -> serde_json::Value {
    client.get(url).send().await.unwrap().json().await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_truncated_body_is_an_error_of_the_connection() {
    let api_faults = ApiFaults {
        truncated_body_rate: 1.0,
        ..ApiFaults::default()
    };
    let (feed, clock) = feed(Options {
        changes: 100,
        api_faults,
        ..Options::default()
    });
    let server = ApiServer::start(feed, clock.clone()).await.unwrap();
    clock.advance_to(clock.now().plus_seconds(86_400));
    let url = format!("{}/orgs/lighthouse-works/repos", server.base_url());
    let response = no_redirects().get(url).send().await.unwrap();
    assert_eq!(response.status().as_u16(), 200);
    assert!(response.bytes().await.is_err());
    server.stop().await;
}
