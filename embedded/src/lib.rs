//! Kafka, ClickHouse and a schema registry for a laptop: fetch, start, watch, stop.
