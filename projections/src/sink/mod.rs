//! The sink: reads events and states, writes all tables.

mod buffer;
mod clickhouse;
mod memory;
mod projector;
mod step;

pub use clickhouse::{ClickHouse, ClickHouseOptions, SetupError, make_live, prepare};
pub use memory::Memory;
pub use projector::{Batch, Offsets, Projector, Record, Refused};
pub use step::{Recompute, Step, Store, StoreError};
