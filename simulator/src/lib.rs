//! A GitHub that can be told to lose, delay, double and refuse, and knows the truth.
//!
//! [`World`] is the pure core: from a seed, whole lives of repositories, pull requests and issues
//! over simulated time ([`World::step`]), the REST answers about them ([`World::answer`]) and the
//! truth to compare figures with ([`World::truth`]). [`FaultyChannel`] decides what happens to
//! deliveries on their way, [`Feed`] joins both into one stream in the order of arrival.
//!
//! Around the core lies a thin shell: [`ApiServer`] serves the answers on a loopback port,
//! [`Driver`] runs a feed, posts what arrives and moves the [`SimulatedClock`].

mod account;
mod api;
mod chance;
mod clock;
mod delivery;
mod drive;
mod faults;
mod http;
mod item;
mod json;
mod life;
mod oddity;
mod options;
mod render;
mod repository;
pub mod truth;
mod world;

pub use api::{Request, Response, Transport};
pub use clock::SimulatedClock;
pub use delivery::{Delivery, sign};
pub use drive::{DriveOptions, DriveReport, Driver};
pub use faults::{Fate, FaultReport, FaultyChannel, FaultyDelivery, Feed, LostDelivery};
pub use http::{ApiServer, SharedFeed};
pub use oddity::Oddity;
pub use options::{ApiFaults, Faults, LEAST_CHANGES_FOR_ODDITIES, Options, PayloadForm};
pub use truth::Truth;
pub use world::{Step, World};
