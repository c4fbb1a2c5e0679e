"""A transaction of more messages than the client's own queue holds, on a real Kafka."""

from support.kafka_rows import topics

from plumbing.kafka import ClientConfig
from producer.publish.batch import Message
from producer.publish.transaction import Publisher
from schemas.reader import rows

MANY = 230_000
"""The queue holds 200,000."""


def test_a_snapshot_larger_than_the_clients_queue_goes_out_whole_and_in_order(kafka: str) -> None:
    config: ClientConfig = {"bootstrap.servers": kafka}
    messages: list[Message] = [{"key": b"app", "value": b"%d" % number} for number in range(MANY)]
    with topics(kafka, "large") as (topic,):
        publisher = Publisher(config, topic)
        publisher.start()
        publisher.publish(
            {topic: [*messages, {"value": b"end", "partition": 0}]}, (topic, {"key": b"k", "value": b"c"})
        )
        found = [row.value for row in rows(config, topic)]
        assert found == [*(message["value"] for message in messages), b"end", b"c"]
        publisher.discard()
