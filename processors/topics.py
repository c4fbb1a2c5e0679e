"""What worker and notifier do about the topics at their start."""

import asyncio
from random import Random

import structlog

from plumbing.clock import SystemClock
from plumbing.settings import CommonSettings
from plumbing.waiting import with_broker
from processors.notify.settings import NotifierSettings
from processors.settings import WorkerSettings
from schemas import provision
from schemas.rights import ROLES, Role
from schemas.topics import Topics

_log = structlog.get_logger(__name__)


async def require_topics(
    settings: CommonSettings, topics: Topics, stop: asyncio.Event, *, patient: bool = True
) -> None:
    """Create missing topics where the settings allow it, compare all, look at our rights.

    Waits for a Kafka that is away, if ``patient``. Raise as ``provision.require`` and ``with_broker``.
    """
    role, groups = _needs(settings)
    clock, random = SystemClock(), Random()  # noqa: S311 - jitter
    findings = await with_broker(
        settings,
        lambda admin: provision.require(
            admin,
            topics,
            role,
            groups,
            partitions=settings.partitions,
            replication=settings.replication_factor,
            create=settings.create_topics,
        ),
        stop,
        clock=clock,
        random=random,
        patient=patient,
    )
    for finding in findings:
        _log.warning("topic differs", topic=finding.topic, difference=finding.text)


def _needs(settings: CommonSettings) -> tuple[Role, list[str]]:
    """Return what this process does with the topics, and the groups it joins."""
    if isinstance(settings, NotifierSettings):
        group = settings.notifier_group
        return ROLES["notifier"], [group, f"{group}-leader", f"{group}-storms"]
    if isinstance(settings, WorkerSettings):
        return ROLES["worker"], [settings.worker_group]
    raise TypeError(f"{type(settings).__name__} runs no process of this room")
