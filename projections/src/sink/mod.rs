//! The sink: reads events and states, writes all tables.
//!
//! ```text
//! service (Kafka) ──Record──▶ Projector (pure) ──Step──▶ Store: ClickHouse, or Memory in simulations
//! upkeep: notices where ClickHouse has lost something of that, and writes it again
//! ```

mod buffer;
mod clickhouse;
mod memory;
mod of_state;
mod projector;
mod service;
mod step;
mod tellings;
mod upkeep;

pub use clickhouse::{ClickHouse, ClickHouseOptions, SetupError, make_live, prepare};
pub use memory::Memory;
pub(crate) use of_state::{NamingsOf, OfState, StateRow};
pub use projector::{Batch, Bounds, Offsets, Projector, Record, Refused};
pub use service::{CrashPoint, Error, Options, Phase, Status, TableRebuild, run, topics};
pub use step::{Recompute, Step, StepKind, Store, StoreError};
