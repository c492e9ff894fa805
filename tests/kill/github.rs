//! A simulated organisation that has come to rest: its deliveries, and its API.

use gapless_simulator::{ApiServer, Delivery, Feed, Options, SimulatedClock, World};
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
        let options = Options {
            seed: 7,
            repositories: 4,
            changes: deliveries,
            span_days: 60,
            requests_per_hour: u32::MAX,
            // Contested seconds are what is asked about where nothing is lost.
            same_second_share: 0.4,
            ..Options::default()
        };
        let mut world = World::new(options.clone());
        let mut streams: BTreeMap<_, Vec<_>> = BTreeMap::new();
        while let Some(step) = world.step() {
            for delivery in step.deliveries {
                streams
                    .entry(delivery.repository_id)
                    .or_default()
                    .push(delivery);
            }
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
