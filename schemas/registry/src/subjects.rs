//! Subjects by Confluent's default strategy, `<topic>-value`: what readers assume when nobody
//! tells them otherwise.

use gapless_schemas::{Schema, StateTopic, Topics};

/// A subject and the schema of its records.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subject {
    /// `<topic>-value`.
    pub name: String,
    /// What the topic's values are.
    pub schema: Schema,
}

/// The subjects of an installation, one a topic. Record keys are plain text and have none.
pub fn subjects(topics: &Topics) -> Vec<Subject> {
    let subject = |topic: String, schema| Subject {
        name: format!("{topic}-value"),
        schema,
    };
    let mut subjects = vec![
        subject(topics.events(), Schema::Event),
        subject(topics.dead_letters(), Schema::DeadLetter),
        subject(topics.refetches(), Schema::Refetch),
    ];
    subjects.extend(
        StateTopic::ALL
            .into_iter()
            .map(|topic| subject(topics.state(topic), topic.schema())),
    );
    subjects
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn every_topic_has_a_subject_and_every_schema_one_topic() {
        let topics = Topics::new("gapless", 4);
        let subjects = subjects(&topics);
        let of_topics: HashSet<String> = topics
            .specs()
            .into_iter()
            .map(|spec| format!("{}-value", spec.name))
            .collect();
        let named: HashSet<String> = subjects.iter().map(|s| s.name.clone()).collect();
        let schemas: HashSet<Schema> = subjects.iter().map(|s| s.schema).collect();
        assert_eq!(named, of_topics);
        assert_eq!(schemas.len(), Schema::ALL.len());
    }
}
