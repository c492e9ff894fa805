//! The simulator as a GitHub of tests, without sockets.

use bytes::Bytes;
use gapless_ingest::Clock;
use gapless_ingest::github::{Answer, GitHub, KEPT_HEADERS, TransportError};
use gapless_schemas::Timestamp;
use gapless_simulator::{Request, SimulatedClock, Transport, World};
use std::sync::{Arc, Mutex};

/// The clock of a simulated world.
#[derive(Clone)]
pub struct TestClock(pub SimulatedClock);

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        self.0.now()
    }
}

/// A simulated world's API, and every path that was asked for.
pub struct WorldGitHub {
    pub world: Mutex<World>,
    pub clock: SimulatedClock,
    pub asked: Mutex<Vec<String>>,
}

impl WorldGitHub {
    /// The world once all its changes are made.
    pub fn at_rest(options: gapless_simulator::Options) -> Arc<Self> {
        let mut world = World::new(options);
        while world.step().is_some() {}
        Self::of(world)
    }

    pub fn of(world: World) -> Arc<Self> {
        Arc::new(Self {
            clock: SimulatedClock::new(world.now().plus_seconds(3_600)),
            world: Mutex::new(world),
            asked: Mutex::default(),
        })
    }

    pub fn clock(&self) -> TestClock {
        TestClock(self.clock.clone())
    }
}

impl GitHub for WorldGitHub {
    async fn get(&self, path_and_query: &str) -> Result<Answer, TransportError> {
        self.asked.lock().unwrap().push(path_and_query.to_owned());
        // Every request takes its time.
        self.clock.advance_to(self.clock.now().plus_millis(100));
        let request = Request::get(path_and_query, self.clock.now());
        let response = self.world.lock().unwrap().answer(&request);
        match response.transport {
            Transport::Complete => Ok(Answer {
                status: response.status,
                headers: response
                    .headers
                    .iter()
                    .filter(|(name, _)| KEPT_HEADERS.contains(name))
                    .map(|(name, value)| ((*name).to_owned(), value.clone()))
                    .collect(),
                body: Bytes::from(response.body),
            }),
            Transport::Truncated | Transport::Never => {
                Err(TransportError("the connection ended".into()))
            }
        }
    }

    fn host(&self) -> &str {
        "github.com"
    }

    fn credential_kind(&self) -> &'static str {
        "token"
    }
}
