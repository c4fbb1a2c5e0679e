"""Topics on a real broker: made once, by however many at a time; found wrong; keys where Java puts them."""

import threading
import uuid
from collections.abc import Iterator

import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import (
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    NewTopic,
    ResourceType,
)
from support.waiting import until

from plumbing.kafka import PARTITIONER, client_config, require_broker
from plumbing.settings import CommonSettings
from schemas import provision
from schemas.reader import rows
from schemas.topics import Topics

PARTITIONS = 3


@pytest.fixture
def settings(kafka: str) -> CommonSettings:
    return CommonSettings.load(kafka_bootstrap_servers=kafka)


@pytest.fixture
def admin(settings: CommonSettings) -> AdminClient:
    return require_broker(settings)


@pytest.fixture
def topics(topic_prefix: str, admin: AdminClient) -> Iterator[Topics]:
    """Definitions under a prefix of their own; what was made of them is deleted at the end."""
    topics = Topics(topic_prefix, retention_days=7)
    yield topics
    there = admin.list_topics(timeout=15).topics
    made = [topic.name for topic in topics if topic.name in there]
    for future in admin.delete_topics(made).values() if made else ():
        future.result(timeout=30)


def test_what_is_missing_is_made_as_defined_and_nothing_the_second_time(admin: AdminClient, topics: Topics) -> None:
    assert sorted(provision.apply(admin, topics, partitions=PARTITIONS)) == sorted(topic.name for topic in topics)
    assert provision.apply(admin, topics, partitions=PARTITIONS) == []
    assert provision.check(admin, topics, partitions=PARTITIONS) == []
    asked = {topic.name: ConfigResource(ResourceType.TOPIC, topic.name) for topic in topics}
    found = admin.describe_configs(list(asked.values()))
    for topic in topics:
        config = found[asked[topic.name]].result(timeout=15)
        assert {name: config[name].value for name in topic.config} == topic.config


def test_many_may_make_them_at_once(settings: CommonSettings, topics: Topics) -> None:
    made: list[list[str]] = []
    faults: list[Exception] = []

    def make() -> None:
        try:
            made.append(provision.apply(require_broker(settings), topics, partitions=PARTITIONS))
        except Exception as error:  # noqa: BLE001 - shown by the assertion
            faults.append(error)

    threads = [threading.Thread(target=make) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert faults == []
    assert sorted(name for names in made for name in names) == sorted(topic.name for topic in topics)


def test_a_wrong_partition_count_is_fatal_where_keys_are_shared_out(admin: AdminClient, topics: Topics) -> None:
    provision.apply(admin, topics, partitions=PARTITIONS)
    found = provision.check(admin, topics, partitions=PARTITIONS + 1)
    assert {finding.topic for finding in found} == {topic.name for topic in topics if topic.partitioned}
    assert all(finding.fatal for finding in found)
    assert (
        found[0].text
        == f"has {PARTITIONS} partitions, CFSTREAM_PARTITIONS asks for {PARTITIONS + 1}; set it to {PARTITIONS}"
    )


def test_a_wrong_clean_up_is_fatal(admin: AdminClient, topics: Topics) -> None:
    provision.apply(admin, topics, partitions=PARTITIONS)
    wrong = ConfigEntry("cleanup.policy", "delete", incremental_operation=AlterConfigOpType.SET)
    resource = ConfigResource(ResourceType.TOPIC, topics.state.name, incremental_configs=[wrong])
    for future in admin.incremental_alter_configs([resource]).values():
        future.result(timeout=15)
    # The brokers learn of it a moment later.
    [finding] = until(lambda: provision.check(admin, topics, partitions=PARTITIONS), within_s=15, what="the change")
    assert (finding.topic, finding.fatal) == (topics.state.name, True)
    assert "cleanup.policy=delete, needs compact" in finding.text


def test_a_missing_topic_is_fatal_and_the_rest_is_checked(admin: AdminClient, topics: Topics) -> None:
    others = [topic for topic in topics if topic != topics.alerts]
    provision.apply(admin, others, partitions=PARTITIONS)
    [finding] = provision.check(admin, topics, partitions=PARTITIONS)
    assert (finding.topic, finding.fatal) == (topics.alerts.name, True)
    assert "cfstream topics apply" in finding.text


def test_prepare_makes_nothing_when_told_not_to(admin: AdminClient, topics: Topics) -> None:
    found = provision.prepare(admin, topics, partitions=PARTITIONS, create=False)
    assert len(found) == len(list(topics))
    assert not [topic for topic in topics if topic.name in admin.list_topics(timeout=15).topics]


def test_keys_lie_in_the_partitions_that_a_java_client_chooses(
    settings: CommonSettings, admin: AdminClient, topic_prefix: str
) -> None:
    name, count = f"{topic_prefix}keys", 12
    admin.create_topics([NewTopic(name, num_partitions=count)])[name].result(timeout=30)
    try:
        keys = [str(uuid.uuid5(uuid.NAMESPACE_URL, str(number))).encode() for number in range(300)]
        keys += [b"", b"a", b"ab", b"abc", b"abcd", "k\u00fcche/\u6c34".encode()]
        producer = Producer(client_config(settings, partitioner=PARTITIONER))
        for key in keys:
            producer.produce(name, key=key, value=b"")
        assert producer.flush(30) == 0
        found = {row.key: row.partition for row in rows(client_config(settings), name) if row.key}
        assert found == {key: java_partition(key, count) for key in keys if key}
        assert len(set(found.values())) == count
    finally:
        admin.delete_topics([name])[name].result(timeout=30)


@pytest.mark.parametrize(
    ("key", "digest"),
    [
        # As published with Kafka: UtilsTest.testMurmur2.
        (b"21", -973932308),
        (b"foobar", -790332482),
        (b"a-little-bit-long-string", -985981536),
        (b"a-little-bit-longer-string", -1486304829),
        (b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971),
        (b"abc", 479470107),
    ],
)
def test_our_own_murmur2_is_the_one_of_kafka(key: bytes, digest: int) -> None:
    assert signed(murmur2(key)) == digest


def java_partition(key: bytes, count: int) -> int:
    """Return what Kafka's Java partitioner chooses: the hash without its sign bit, modulo the partitions."""
    return (murmur2(key) & 0x7FFFFFFF) % count


def murmur2(data: bytes) -> int:
    """Return Kafka's 32-bit murmur2, written from its definition, as an unsigned number."""
    mask, multiplier = 0xFFFFFFFF, 0x5BD1E995
    value = (0x9747B28C ^ len(data)) & mask
    whole = len(data) // 4 * 4
    for start in range(0, whole, 4):
        word = int.from_bytes(data[start : start + 4], "little") * multiplier & mask
        word = (word ^ word >> 24) * multiplier & mask
        value = (value * multiplier & mask) ^ word
    rest = data[whole:]
    if rest:
        value = (value ^ int.from_bytes(rest, "little")) * multiplier & mask
    value = (value ^ value >> 13) * multiplier & mask
    return value ^ value >> 15


def signed(value: int) -> int:
    """Return a 32-bit number as Java prints it."""
    return value - (1 << 32) if value >= 1 << 31 else value
