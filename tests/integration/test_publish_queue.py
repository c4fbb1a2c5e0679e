"""A transaction of more messages than the client's own queue holds, on a real Kafka."""

from confluent_kafka.admin import AdminClient, NewTopic

from plumbing.kafka import ClientConfig
from producer.publish.batch import Message
from producer.publish.transaction import Publisher
from schemas.reader import rows

MANY = 230_000
"""The queue holds 200,000."""


def test_a_snapshot_larger_than_the_clients_queue_goes_out_whole_and_in_order(kafka: str, topic_prefix: str) -> None:
    config: ClientConfig = {"bootstrap.servers": kafka}
    admin = AdminClient(config)
    topic = f"{topic_prefix}large"
    admin.create_topics([NewTopic(topic, 1, 1)])[topic].result()
    messages: list[Message] = [{"key": b"app", "value": b"%d" % number} for number in range(MANY)]
    publisher = Publisher(config, topic)
    try:
        publisher.start()
        publisher.publish(
            {topic: [*messages, {"value": b"end", "partition": 0}]}, (topic, {"key": b"k", "value": b"c"})
        )
        found = [row.value for row in rows(config, topic)]
        assert found == [*(message["value"] for message in messages), b"end", b"c"]
    finally:
        publisher.discard()
        admin.delete_topics([topic])[topic].result()
