"""Topics of a test's own on the session's Kafka: transactional rows, committed offsets, what a topic holds."""

import contextlib
import json
import os
import secrets
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from confluent_kafka import Consumer, ConsumerGroupTopicPartitions, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic  # type: ignore[attr-defined]  # public, without a mark

ROOT = Path(__file__).parents[2]


@contextlib.contextmanager
def topics(bootstrap: str, *names: str, partitions: int = 1, **config: str) -> Iterator[list[str]]:
    """Create topics with a random prefix; delete them in the end."""
    admin = AdminClient({"bootstrap.servers": bootstrap})
    full = [f"t{secrets.token_hex(4)}-{name}" for name in names]
    for future in admin.create_topics([NewTopic(name, partitions, 1, config=config) for name in full]).values():
        future.result(20)
    yield full
    for future in admin.delete_topics(full).values():
        future.result(20)


def transactions(bootstrap: str, topic: str, batches: Iterable[tuple[list[int], bool]], partition: int = 0) -> None:
    """Write each batch of numbers in a transaction of its own; False aborts it."""
    producer = Producer({"bootstrap.servers": bootstrap, "transactional.id": secrets.token_hex(8)})
    producer.init_transactions()
    for numbers, commit in batches:
        producer.begin_transaction()
        for number in numbers:
            producer.produce(topic, str(number), str(number), partition=partition)
        producer.flush()
        if commit:
            producer.commit_transaction()
        else:
            producer.abort_transaction()


def plain(bootstrap: str, topic: str, numbers: Iterable[int], partition: int = 0) -> None:
    """Write numbers without a transaction."""
    producer = Producer({"bootstrap.servers": bootstrap})
    for number in numbers:
        producer.produce(topic, str(number), str(number), partition=partition)
    assert producer.flush(20) == 0


def committed(bootstrap: str, group: str, topic: str, partition: int = 0) -> int:
    """Return the committed offset of a group; -1001 where there is none."""
    admin = AdminClient({"bootstrap.servers": bootstrap})
    asked = ConsumerGroupTopicPartitions(group, [TopicPartition(topic, partition)])
    found = admin.list_consumer_group_offsets([asked])[group].result(20).topic_partitions
    return int(found[0].offset)


def end(bootstrap: str, topic: str, partition: int = 0) -> int:
    """Return the position after the last committed record or marker."""
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "ends", "isolation.level": "read_committed"})
    try:
        return int(consumer.get_watermark_offsets(TopicPartition(topic, partition), timeout=20)[1])
    finally:
        consumer.close()


def probe(kind: str, bootstrap: str, group: str, topic: str, scenario: str = "plain", seconds: float = 6) -> Any:
    """Run ``faust_probe`` and return what it reports."""
    script = str(Path(__file__).with_name("faust_probe.py"))
    done = subprocess.run(
        [sys.executable, script, kind, bootstrap, group, topic, scenario, str(seconds)],
        capture_output=True,
        text=True,
        timeout=seconds + 40,
        check=False,
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "ignore"},
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout.splitlines()[-1])
