"""What worker and notifier do about the topics at their start."""

import structlog

from plumbing.errors import UsageError
from plumbing.kafka import require_broker
from plumbing.settings import CommonSettings
from schemas import provision
from schemas.topics import Topics

_log = structlog.get_logger(__name__)


def require_topics(settings: CommonSettings, topics: Topics) -> None:
    """Create missing topics where the settings allow it, and compare all. Blocks. Raise UsageError for unfit ones."""
    admin = require_broker(settings)
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
