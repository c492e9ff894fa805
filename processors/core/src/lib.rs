//! The law of Gapless, pure: what one event tells ([`lift`]), how partial states are joined
//! ([`law`]), what a state shows and asks, and what detectors decide ([`detect`]).
//!
//! Nothing here does IO, reads a clock or draws a random number; the engine brings events and time
//! as values and carries out the decisions.

pub mod detect;
mod entity;
mod gap;
mod issue;
mod item;
pub mod law;
mod ledger;
mod lifecycle;
mod names;
pub mod payload;
mod presence;
mod pull_request;
mod repository;

pub use entity::{Entity, Key, Kind, Parts, Record, State, lift, lift_unreadable, note_of_row};
