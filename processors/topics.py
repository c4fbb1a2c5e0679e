"""What worker and notifier do about the topics at their start."""

import structlog

from plumbing.errors import UsageError
from plumbing.kafka import require_broker
from plumbing.settings import CommonSettings
from processors.notify.settings import NotifierSettings
from processors.settings import WorkerSettings
from schemas import allowed, provision
from schemas.rights import ROLES, Role
from schemas.topics import Topics

_log = structlog.get_logger(__name__)


def require_topics(settings: CommonSettings, topics: Topics) -> None:
    """Create missing topics where the settings allow it, and compare all; look at our rights. Blocks.

    Raise UsageError for unfit topics, NotAllowedError with every right that is lacking.
    """
    admin = require_broker(settings)
    role, groups = _needs(settings)
    findings = provision.prepare(
        admin,
        topics,
        partitions=settings.partitions,
        replication=settings.replication_factor,
        create=settings.create_topics,
    )
    for finding in findings:
        if finding.fatal:
            raise UsageError(f"{finding.topic} {finding.text}")
        _log.warning("topic differs", topic=finding.topic, difference=finding.text)
    allowed.require(admin, topics, role, groups)


def _needs(settings: CommonSettings) -> tuple[Role, list[str]]:
    """Return what this process does with the topics, and the groups it joins."""
    if isinstance(settings, NotifierSettings):
        group = settings.notifier_group
        return ROLES["notifier"], [group, f"{group}-leader", f"{group}-storms"]
    if isinstance(settings, WorkerSettings):
        return ROLES["worker"], [settings.worker_group]
    raise TypeError(f"{type(settings).__name__} runs no process of this room")
