"""What worker and notifier need at their start: topics as they should be, and a registry that answers."""

import asyncio
from contextlib import closing
from random import Random

import structlog

from plumbing.clock import SystemClock
from plumbing.errors import AwayError
from plumbing.kafka import registry_options
from plumbing.settings import CommonSettings
from plumbing.waiting import Wait
from processors.notify.settings import NotifierSettings
from processors.settings import WorkerSettings
from schemas import provision
from schemas.registry import ConfluentRegistry, RegistryUnreachableError
from schemas.rights import ROLES, Role
from schemas.topics import Topics

_log = structlog.get_logger(__name__)


async def prepare(settings: CommonSettings, topics: Topics, stop: asyncio.Event, *, patient: bool = True) -> None:
    """Create missing topics where the settings allow it, compare all, look at our rights; then ask the registry.

    Waits for a Kafka or a registry that is away, if ``patient``. Raise as ``provision.require`` and ``Wait``.
    """
    role, groups = _needs(settings)
    wait = Wait(stop, SystemClock(), Random(), patient)  # noqa: S311 - jitter
    findings = await wait.for_broker(
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
    )
    for finding in findings:
        _log.warning("topic differs", topic=finding.topic, difference=finding.text)
    await _require_registry(settings, topics, wait)


async def _require_registry(settings: CommonSettings, topics: Topics, wait: Wait) -> None:
    def ask() -> None:
        with closing(ConfluentRegistry(settings.schema_registry_url, **registry_options(settings))) as registry:
            try:
                registry.registered(topics.state.subject)
            except RegistryUnreachableError as error:
                raise AwayError(error.reason, error.mend) from error

    await wait.for_answer("schema registry", lambda: asyncio.to_thread(ask))


def _needs(settings: CommonSettings) -> tuple[Role, list[str]]:
    """Return what this process does with the topics, and the groups it joins."""
    if isinstance(settings, NotifierSettings):
        group = settings.notifier_group
        return ROLES["notifier"], [group, f"{group}-leader", f"{group}-storms"]
    if isinstance(settings, WorkerSettings):
        return ROLES["worker"], [settings.worker_group]
    raise TypeError(f"{type(settings).__name__} runs no process of this room")
