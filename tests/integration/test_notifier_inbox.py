"""What the notifier commits in Kafka is there for its successor."""

from collections.abc import Iterator
from contextlib import contextmanager

from confluent_kafka import Producer
from support.waiting import until

from plumbing.kafka import require_broker
from plumbing.settings import CommonSettings
from processors.notify.inbox import Inbox
from schemas import provision
from schemas.topics import Topics


@contextmanager
def opened(kafka: str, topics: Topics) -> Iterator[Inbox]:
    inbox = Inbox({"bootstrap.servers": kafka}, f"{topics.prefix}g", resumed=[topics.audit], whole=[topics.checkpoints])
    inbox.open()
    try:
        yield inbox
    finally:
        inbox.close()


def test_a_note_stands_beside_its_offset_until_the_next_one(kafka: str, registry_url: str, topic_prefix: str) -> None:
    topics = Topics(topic_prefix)
    settings = CommonSettings.load(
        kafka_bootstrap_servers=kafka, schema_registry_url=registry_url, topic_prefix=topic_prefix, partitions=1
    )
    provision.apply(require_broker(settings), topics, partitions=1, replication=1)
    producer = Producer({"bootstrap.servers": kafka})
    for _ in range(5):
        producer.produce(topics.audit.name, value=b"x")
    producer.flush()
    place = (topics.audit.name, 0)

    def read(inbox: Inbox) -> bool:
        inbox.read(0.1)
        return inbox.loaded

    with opened(kafka, topics) as inbox:
        assert inbox.note(*place) == ""
        until(lambda: read(inbox), within_s=30, what="all is read")
        inbox.commit({place: 2}, {place: "a"})
        inbox.commit({place: 2}, {place: "b"})
    with opened(kafka, topics) as inbox:
        assert (inbox.position(*place), inbox.note(*place)) == (2, "b")
        until(lambda: read(inbox), within_s=30, what="the rest is read")
        inbox.commit({})
    with opened(kafka, topics) as inbox:
        assert (inbox.position(*place), inbox.note(*place)) == (5, "")
