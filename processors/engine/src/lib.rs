//! Runs the law over the log: tasks, the order of writing, stores and Kafka.
