//! The law: entities, lifts, joins, the ledger and the detectors, without any IO.
