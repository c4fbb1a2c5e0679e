"""Waiting until a part really answers its clients, whoever started it."""

import time
from collections.abc import Callable

import httpx
from confluent_kafka import Consumer, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient

from plumbing.errors import CfstreamError

KAFKA_WITHIN_S = 60.0
REGISTRY_WITHIN_S = 120.0
LOOK_EVERY_S = 0.1


def await_kafka(
    bootstrap_servers: str, *, require_running: Callable[[], None], log: str, within_s: float = KAFKA_WITHIN_S
) -> None:
    """Wait until a broker gives out metadata. ``require_running`` raises when waiting is in vain."""
    deadline = time.monotonic() + within_s
    # log_level 0: a broker that does not listen yet is what we wait for, nothing to tell anybody.
    admin = AdminClient({"bootstrap.servers": bootstrap_servers, "log_level": 0, "reconnect.backoff.max.ms": 100})
    while True:
        require_running()
        try:
            if admin.list_topics(timeout=0.5).brokers:
                return
        except KafkaException:
            if time.monotonic() > deadline:
                raise _late("Kafka", within_s, log) from None


def await_groups(bootstrap_servers: str, *, log: str, within_s: float = KAFKA_WITHIN_S) -> None:
    """Wait until a broker serves consumer groups: it makes the topic for them when it is first asked.

    A client that asks meanwhile may have no answer for long; librdkafka's may even abort (its issue 4605).
    """
    first = Consumer({"bootstrap.servers": bootstrap_servers, "group.id": "cfstream-stack", "log_level": 0})
    try:
        first.committed([TopicPartition("none", 0)], timeout=within_s)
    except KafkaException:
        raise _late("Kafka", within_s, log) from None
    finally:
        first.close()


def await_registry(
    url: str, *, require_running: Callable[[], None], log: str, within_s: float = REGISTRY_WITHIN_S
) -> None:
    """Wait until the registry lists its subjects, which it does once it has read its storage."""
    deadline = time.monotonic() + within_s
    while not _answers(url):
        require_running()
        if time.monotonic() > deadline:
            raise _late("the schema registry", within_s, log)
        time.sleep(LOOK_EVERY_S)


def _answers(url: str) -> bool:
    try:
        return httpx.get(f"{url}/subjects", timeout=2, trust_env=False).status_code == httpx.codes.OK
    except httpx.TransportError:
        return False


def _late(what: str, within_s: float, log: str) -> CfstreamError:
    return CfstreamError(
        f"{what} does not answer after {within_s:.0f} s; see {log}, and try again when this machine is less busy"
    )
