"""Reads one record from each topic as any user of Kafka would, and prints what it saw as JSON.

Arguments: Kafka's address, the schema registry's, the topics.
"""

import datetime
import json
import sys

from confluent_kafka import Consumer
from confluent_kafka.schema_registry import Schema, SchemaRegistryClient
from confluent_kafka.schema_registry.avro import AvroDeserializer
from confluent_kafka.schema_registry.error import SchemaRegistryError
from confluent_kafka.serialization import MessageField, SerializationContext


def plain(value):
    """The value in terms of JSON: times as milliseconds, bytes as numbers."""
    if isinstance(value, dict):
        return {name: plain(member) for name, member in value.items()}
    if isinstance(value, list):
        return [plain(member) for member in value]
    if isinstance(value, datetime.datetime):
        epoch = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)
        return (value - epoch) // datetime.timedelta(milliseconds=1)
    if isinstance(value, bytes):
        return list(value)
    return value


def main():
    kafka, registry_url, settings, *topics = sys.argv[1:]
    registry = SchemaRegistryClient({"url": registry_url})
    subjects = registry.get_subjects()

    events = next(name for name in subjects if ".events." in name)
    known = registry.get_latest_version(events)
    assert registry.lookup_schema(events, known.schema).schema_id == known.schema_id
    again = registry.register_schema(events, known.schema)
    try:
        registry.register_schema(events, Schema('"string"', "AVRO"))
        refused = None
    except SchemaRegistryError as error:
        refused = error.error_code

    deserialize = AvroDeserializer(registry)
    consumer = Consumer(
        {**json.loads(settings), "bootstrap.servers": kafka, "group.id": "outside", "auto.offset.reset": "earliest"}
    )
    consumer.subscribe(topics)
    records = {}
    while len(records) < len(topics):
        message = consumer.poll(1.0)
        if message is None:
            continue
        if message.error():
            raise SystemExit(str(message.error()))
        context = SerializationContext(message.topic(), MessageField.VALUE)
        value = deserialize(message.value(), context)
        records[message.topic()] = {"key": message.key().decode(), "value": plain(value)}
    consumer.close()
    json.dump(
        {
            "subjects": sorted(subjects),
            "registered_again_as": again,
            "refused_with": refused,
            "records": records,
        },
        sys.stdout,
    )


main()
