//! Webhook server and GitHub client: everything that appends events to the log.
