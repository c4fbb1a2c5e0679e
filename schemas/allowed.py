"""Asks Kafka what this principal may do. A cluster without an authorizer allows everything, and says so."""

from collections.abc import Iterable

from confluent_kafka import KafkaError, KafkaException, TopicCollection
from confluent_kafka.admin import AclOperation, AdminClient

from schemas.rights import Allowed, NotAllowedError, Role, lacking
from schemas.topics import Topics

DENIED = {
    KafkaError.TOPIC_AUTHORIZATION_FAILED,
    KafkaError.GROUP_AUTHORIZATION_FAILED,
    KafkaError.CLUSTER_AUTHORIZATION_FAILED,
    KafkaError.TRANSACTIONAL_ID_AUTHORIZATION_FAILED,
}
"""The authorizer's refusals: no retry helps."""


def hidden(admin: AdminClient, topics: Iterable[str], timeout_s: float = 15) -> list[str]:
    """Return the topics that this principal may not even see: Kafka lists them as if they were not there."""
    return [name for name, denied in _asked(admin, topics, timeout_s).items() if denied is None]


def allowed(admin: AdminClient, topics: Topics, timeout_s: float = 15) -> dict[str, Allowed]:
    """Return what may be done with each topic, by its name without prefix; not those of which Kafka tells nothing."""
    asked = _asked(admin, [topic.name for topic in topics], timeout_s)
    return {
        name.removeprefix(topics.prefix): Allowed(AclOperation.READ in found, AclOperation.WRITE in found)
        for name, found in asked.items()
        if found
    }


def require(admin: AdminClient, topics: Topics, role: Role, groups: Iterable[str] = (), timeout_s: float = 15) -> None:
    """Raise NotAllowedError with all that a role lacks to run. Raise KafkaException where Kafka does not answer."""
    lacks = lacking(role, allowed(admin, topics, timeout_s), topics.prefix)
    lacks += [f"Read on group {group}" for group in groups if not _may_join(admin, group, timeout_s)]
    if lacks:
        raise NotAllowedError(lacks)


def _may_join(admin: AdminClient, group: str, timeout_s: float) -> bool:
    asked = admin.describe_consumer_groups([group], include_authorized_operations=True)
    try:
        found = asked[group].result(timeout=timeout_s).authorized_operations
    except KafkaException as error:
        # A group that is not there yet is as good as any other that one may read.
        return error.args[0].code() not in DENIED
    return not found or AclOperation.READ in found


def _asked(admin: AdminClient, topics: Iterable[str], timeout_s: float) -> dict[str, set[AclOperation] | None]:
    """Return the operations by topic: None where even to look is denied, none where Kafka does not tell."""
    asked = admin.describe_topics(TopicCollection(list(topics)), include_authorized_operations=True)
    found: dict[str, set[AclOperation] | None] = {}
    for name, future in asked.items():
        try:
            found[name] = set(future.result(timeout=timeout_s).authorized_operations or [])
        except KafkaException as error:
            code = error.args[0].code()
            if code == KafkaError.UNKNOWN_TOPIC_OR_PART:
                found[name] = set()
            elif code in DENIED:
                found[name] = None
            else:
                raise
    return found
