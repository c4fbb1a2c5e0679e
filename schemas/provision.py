"""Creates the topics and compares those that are there with their definitions."""

import time
from collections.abc import Iterable
from dataclasses import dataclass

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import (
    AdminClient,
    ConfigResource,
    NewTopic,
    ResourceType,
)

from schemas import allowed
from schemas.allowed import DENIED, hidden
from schemas.errors import SetupError
from schemas.rights import NotAllowedError, Role
from schemas.topics import Topic, Topics

_CHECKED = ("cleanup.policy",)
_SHOW_UP_S = 15.0


class UnfitTopicError(SetupError):
    """A topic with which numbers would be wrong or rows lost."""


@dataclass(frozen=True)
class Finding:
    """One difference between a definition and the cluster. ``fatal``: numbers could be wrong or rows lost."""

    topic: str
    text: str
    fatal: bool


def check(admin: AdminClient, topics: Iterable[Topic], *, partitions: int, timeout_s: float = 15) -> list[Finding]:
    """Compare the cluster with the definitions; an empty list means all agrees. Changes nothing.

    Raise KafkaException when the cluster does not answer within ``timeout_s``, NotAllowedError.
    """
    there = admin.list_topics(timeout=timeout_s).topics
    findings = []
    present = []
    topics = list(topics)
    unseen = hidden(admin, [topic.name for topic in topics if topic.name not in there], timeout_s)
    if unseen:
        raise NotAllowedError([f"Describe on topic {name}" for name in unseen])
    for topic in topics:
        metadata = there.get(topic.name)
        if metadata is None:
            findings.append(Finding(topic.name, "is missing; create it with: cfstream topics apply", fatal=True))
            continue
        present.append(topic)
        wanted = partitions if topic.partitioned else 1
        found = len(metadata.partitions)
        if found != wanted:
            text = f"has {found} partitions, CFSTREAM_PARTITIONS asks for {wanted}; set it to {found}"
            findings.append(Finding(topic.name, text, fatal=topic.partitioned))
    if present:
        findings += _config_findings(admin, present, timeout_s)
    return findings


def apply(
    admin: AdminClient,
    topics: Iterable[Topic],
    *,
    partitions: int,
    replication: int = -1,
    timeout_s: float = 30,
) -> list[str]:
    """Create the topics that are missing and return their names; idempotent, safe to run from several places.

    Returns when the brokers know them. ``replication`` -1 leaves the factor to the cluster. Topics that exist are
    left as they are. Raise NotAllowedError, or KafkaException for anything else than "exists already".
    """
    topics = list(topics)
    there = admin.list_topics(timeout=timeout_s).topics
    missing = [
        NewTopic(
            topic.name,
            num_partitions=partitions if topic.partitioned else 1,
            replication_factor=replication,
            config=topic.config,
        )
        for topic in topics
        if topic.name not in there
    ]
    if not missing:
        return []
    unseen = hidden(admin, [topic.topic for topic in missing], timeout_s)
    if unseen:
        raise NotAllowedError([f"Describe on topic {name}" for name in unseen])
    created = []
    denied = []
    for name, future in admin.create_topics(missing, operation_timeout=timeout_s).items():
        try:
            future.result(timeout=timeout_s)
        except KafkaException as error:
            code = error.args[0].code()
            if code in DENIED:
                denied.append(f"Create on topic {name}")
            elif code != KafkaError.TOPIC_ALREADY_EXISTS:
                raise
        else:
            created.append(name)
    if denied:
        raise NotAllowedError(denied)
    _await_all(admin, {topic.name for topic in topics}, timeout_s)
    return created


def _await_all(admin: AdminClient, names: set[str], timeout_s: float) -> None:
    """Wait until the brokers tell of topics that the controller has made: they learn of them a moment later."""
    deadline = time.monotonic() + timeout_s
    while True:
        there = admin.list_topics(timeout=timeout_s).topics
        late = [name for name in names if name not in there or not there[name].partitions]
        if not late:
            return
        if time.monotonic() > deadline:
            raise KafkaException(KafkaError(KafkaError.UNKNOWN_TOPIC_OR_PART, f"{late[0]} was made and is not told of"))
        time.sleep(0.05)


def prepare(
    admin: AdminClient, topics: Iterable[Topic], *, partitions: int, replication: int = -1, create: bool = True
) -> list[Finding]:
    """Create what is missing, unless ``create`` is false, then compare."""
    wanted = list(topics)
    created = apply(admin, wanted, partitions=partitions, replication=replication) if create else []
    # Of several brokers one may learn of new topics a moment after another has told us of them.
    deadline = time.monotonic() + (_SHOW_UP_S if created else 0)
    while True:
        findings = check(admin, wanted, partitions=partitions)
        if not any(each.fatal for each in findings) or time.monotonic() >= deadline:
            return findings
        time.sleep(0.2)


def require(
    admin: AdminClient,
    topics: Topics,
    role: Role,
    groups: Iterable[str] = (),
    *,
    partitions: int,
    replication: int = -1,
    create: bool = True,
) -> list[Finding]:
    """Do what every process does at its start: prepare the topics, and look at our rights. Blocks.

    Return the differences that do no harm. Raise UnfitTopicError, NotAllowedError with every right that is lacking,
    KafkaException where Kafka does not answer.
    """
    findings = prepare(admin, topics, partitions=partitions, replication=replication, create=create)
    for finding in findings:
        if finding.fatal:
            raise UnfitTopicError(f"topic {finding.topic} {finding.text}")
    allowed.require(admin, topics, role, groups)
    return findings


def _config_findings(admin: AdminClient, topics: list[Topic], timeout_s: float) -> list[Finding]:
    resources = [ConfigResource(ResourceType.TOPIC, topic.name) for topic in topics]
    settings = admin.describe_configs(resources, request_timeout=timeout_s)
    by_name = {}
    denied = []
    for resource, future in settings.items():
        try:
            by_name[resource.name] = future.result(timeout=timeout_s)
        except KafkaException as error:
            if error.args[0].code() not in DENIED:
                raise
            denied.append(f"DescribeConfigs on topic {resource.name}")
    if denied:
        raise NotAllowedError(denied)
    findings = []
    for topic in topics:
        for key in _CHECKED:
            found, wanted = by_name[topic.name][key].value, topic.config[key]
            if found != wanted:
                text = f"has {key}={found}, needs {wanted}; set it with kafka-configs or your operator"
                findings.append(Finding(topic.name, text, fatal=True))
    return findings
