//! The contract: envelope, states, ids, keys, topics and their Avro form.
