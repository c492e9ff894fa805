//! Benchmarks against controls, as ratios in one run.
