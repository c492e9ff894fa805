//! A simulated organisation that has come to rest: its deliveries, and its API.

use gapless_simulator::truth::Explanation;
use gapless_simulator::{ApiServer, Delivery, Feed, Oddity, Options, SimulatedClock, Truth, World};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

pub(crate) struct GitHub {
    pub(crate) options: Options,
    /// Deliveries by repository, each repository's in order; those of none are under `None`.
    pub(crate) streams: BTreeMap<Option<u64>, Vec<Delivery>>,
    api: ApiServer,
}

impl GitHub {
    pub(crate) async fn start(deliveries: usize) -> Self {
        let at_rest = (7..).map(|seed| World::new(options(seed, deliveries)));
        let at_rest = at_rest.map(|mut world| {
            let steps = std::iter::from_fn(|| world.step());
            let deliveries: Vec<Delivery> = steps.flat_map(|step| step.deliveries).collect();
            (world, deliveries)
        });
        let found = { at_rest }.find(|(world, _)| !has_a_past_elsewhere(&world.truth()));
        let (world, deliveries) = found.expect("of all seeds one");
        let met = world.truth().oddities;
        for oddity in Oddity::ALL {
            assert!(met.contains_key(&oddity), "no {oddity:?}");
        }
        let options = world.options().clone();
        let mut streams: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for delivery in deliveries {
            let stream = streams.entry(delivery.repository_id).or_default();
            stream.push(delivery);
        }
        let clock = SimulatedClock::new(world.now().plus_seconds(3_600));
        let feed = Arc::new(Mutex::new(Feed::new(world)));
        let api = ApiServer::start(feed, clock).await.unwrap();
        Self {
            options,
            streams,
            api,
        }
    }

    pub(crate) fn api_base_url(&self) -> String {
        self.api.base_url()
    }

    pub(crate) async fn stop(self) {
        self.api.stop().await;
    }
}

fn options(seed: u64, deliveries: usize) -> Options {
    Options {
        seed,
        repositories: 4,
        changes: deliveries,
        span_days: 60,
        requests_per_hour: u32::MAX,
        // Contested seconds are what is asked about where nothing is lost.
        same_second_share: 0.4,
        oddities: &Oddity::ALL,
        ..Options::default()
    }
}

/// Whether an issue was closed before it was transferred to where it is. Its deliveries there do not
/// tell that, only GitHub's answer does; and without audits it is asked about if a contested second of
/// it stands longer than its grace, which a kill prolongs. So its history would differ from run to run.
fn has_a_past_elsewhere(truth: &Truth) -> bool {
    truth.explained.iter().any(|left| {
        let Explanation::Transferred {
            to_repository_id,
            to_number,
            at,
        } = left.why
        else {
            return false;
        };
        let here = (to_repository_id, to_number);
        let mut items = truth.issues.iter().map(|issue| &issue.item);
        let item = items.find(|item| (item.repository_id, item.number) == here);
        item.is_some_and(|item| item.transitions.iter().any(|turn| turn.at < at))
    })
}

#[test]
fn a_past_elsewhere_is_noticed() {
    let found = (7..17).any(|seed| {
        let mut world = World::new(options(seed, 2_400));
        while world.step().is_some() {}
        has_a_past_elsewhere(&world.truth())
    });
    assert!(found, "of ten seeds one");
}
