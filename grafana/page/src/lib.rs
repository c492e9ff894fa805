//! The built-in page: renders the Grafana dashboards from ClickHouse.
