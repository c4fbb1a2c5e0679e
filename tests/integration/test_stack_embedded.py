"""The embedded Kafka and registry, started here, do what the product and its tests rely on."""

import contextlib
import json
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from confluent_kafka import Consumer, KafkaException, Producer
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic
from confluent_kafka.schema_registry import Schema, SchemaRegistryClient
from confluent_kafka.schema_registry.error import SchemaRegistryError
from support.waiting import until

from plumbing.errors import UsageError
from standin.embedded_kafka import Broker
from standin.embedded_registry import Registry
from standin.places import RunFolder, data_folder

WITHIN_S = 30.0


@dataclass(frozen=True)
class Pair:
    broker: Broker
    registry: Registry


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    run = RunFolder.at(tmp_path_factory.mktemp("stack"))
    broker = Broker(data_folder(), run)
    registry = Registry(data_folder(), run, broker.bootstrap_servers)
    try:
        broker.launch()
        registry.launch()
        broker.await_ready()
        registry.await_ready()
        yield Pair(broker, registry)
    finally:
        registry.end()
        broker.end()


@pytest.fixture
def topic(pair: Pair) -> str:
    name = f"t-{uuid.uuid4().hex[:8]}"
    client = admin(pair)
    client.create_topics([NewTopic(name, num_partitions=1)])[name].result(WITHIN_S)
    return name


def admin(pair: Pair) -> AdminClient:
    return AdminClient({"bootstrap.servers": pair.broker.bootstrap_servers, "log_level": 0})


@contextlib.contextmanager
def schemas(pair: Pair) -> Iterator[SchemaRegistryClient]:
    with SchemaRegistryClient({"url": pair.registry.url}) as client:
        yield client


def send(pair: Pair, topic: str, *values: str) -> None:
    producer = Producer({"bootstrap.servers": pair.broker.bootstrap_servers, "acks": "all", "log_level": 0})
    for value in values:
        producer.produce(topic, value.encode())
    assert producer.flush(WITHIN_S) == 0


def committed(pair: Pair, topic: str) -> list[str]:
    """Return the values of all committed records, up to the end."""
    consumer = Consumer(
        {
            "bootstrap.servers": pair.broker.bootstrap_servers,
            "group.id": uuid.uuid4().hex,
            "auto.offset.reset": "earliest",
            "enable.partition.eof": True,
            "log_level": 0,
        }
    )
    consumer.subscribe([topic])
    values: list[str] = []
    try:
        while (message := consumer.poll(WITHIN_S)) is not None:
            if message.error():
                return values
            values.append((message.value() or b"").decode())
    finally:
        consumer.close()
    raise AssertionError("the end of the topic never came")


def record(kind: str) -> Schema:
    fields = [{"name": "x", "type": kind}]
    return Schema(json.dumps({"type": "record", "name": "R", "fields": fields}), "AVRO")


def test_a_topic_that_nobody_defined_does_not_appear(pair: Pair) -> None:
    name = f"t-{uuid.uuid4().hex[:8]}"
    producer = Producer(
        {"bootstrap.servers": pair.broker.bootstrap_servers, "log_level": 0, "message.timeout.ms": 2000}
    )
    failed: list[object] = []
    producer.produce(name, b"x", on_delivery=lambda error, _message: failed.append(error))
    producer.flush(WITHIN_S)
    assert failed[0] is not None
    assert name not in admin(pair).list_topics(timeout=WITHIN_S).topics


def test_a_committed_transaction_is_seen_and_an_aborted_one_is_not(pair: Pair, topic: str) -> None:
    producer = Producer(
        {"bootstrap.servers": pair.broker.bootstrap_servers, "transactional.id": uuid.uuid4().hex, "log_level": 0}
    )
    producer.init_transactions(WITHIN_S)
    for value, end in (
        ("a", producer.commit_transaction),
        ("b", producer.abort_transaction),
        ("c", producer.commit_transaction),
    ):
        producer.begin_transaction()
        producer.produce(topic, value.encode())
        producer.flush(WITHIN_S)
        end(WITHIN_S)
    assert committed(pair, topic) == ["a", "c"]


def test_the_registry_refuses_a_schema_that_breaks_readers(pair: Pair) -> None:
    subject = f"s-{uuid.uuid4().hex[:8]}-value"
    with schemas(pair) as client:
        first = client.register_schema(subject, record("string"))
        client.set_compatibility(subject, "BACKWARD_TRANSITIVE")
        with pytest.raises(SchemaRegistryError) as refused:
            client.register_schema(subject, record("long"))
        assert refused.value.http_status_code == 409
        assert client.register_schema(subject, record("string")) == first


def test_a_restart_keeps_records_port_and_schema_ids(pair: Pair, topic: str) -> None:
    send(pair, topic, "kept")
    subject = f"s-{uuid.uuid4().hex[:8]}-value"
    with schemas(pair) as client:
        schema_id = client.register_schema(subject, record("string"))
    addresses = (pair.broker.bootstrap_servers, pair.registry.url)
    pair.registry.kill()
    pair.broker.restart()
    pair.registry.start()
    assert (pair.broker.bootstrap_servers, pair.registry.url) == addresses
    assert committed(pair, topic) == ["kept"]
    with schemas(pair) as client:
        assert client.get_latest_version(subject).schema_id == schema_id


def test_a_killed_broker_comes_back_with_what_it_acknowledged(pair: Pair, topic: str) -> None:
    send(pair, topic, "a", "b")
    pair.broker.kill()
    pair.broker.start()
    assert committed(pair, topic) == ["a", "b"]


def test_a_frozen_broker_answers_nothing_and_goes_on_afterwards(pair: Pair, topic: str) -> None:
    send(pair, topic, "a")
    pair.broker.pause()
    try:
        with pytest.raises(KafkaException):
            admin(pair).list_topics(timeout=0.5)
    finally:
        pair.broker.resume()
    until(lambda: committed(pair, topic) == ["a"], within_s=WITHIN_S, what="it is committed")


def test_a_frozen_registry_can_be_ended(pair: Pair) -> None:
    pair.registry.pause()
    pair.registry.end()
    pair.registry.start()
    with schemas(pair) as client:
        assert isinstance(client.get_subjects(), list)


def test_a_taken_port_is_said_before_anything_starts(pair: Pair, tmp_path: Path) -> None:
    run = RunFolder.at(tmp_path)
    with pytest.raises(UsageError, match=rf"port {pair.broker.port} for Kafka is taken.*--kafka-port"):
        Broker(data_folder(), run, port=pair.broker.port)
    with pytest.raises(
        UsageError, match=rf"port {pair.registry.port} for the schema registry is taken.*--registry-port"
    ):
        Registry(data_folder(), run, pair.broker.bootstrap_servers, port=pair.registry.port)
