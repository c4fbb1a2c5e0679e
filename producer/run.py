"""``cfstream producer run``: checks everything, then runs the tails until told to end."""

import asyncio
import signal
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from random import Random
from typing import TypeVar

import structlog
from confluent_kafka.admin import AdminClient

from plumbing.clock import Clock, SystemClock
from plumbing.errors import AwayError, CfstreamError, UsageError
from plumbing.garbage import collect_seldom
from plumbing.health import Health, serving
from plumbing.kafka import client_config, registry_options
from plumbing.settings import masked
from plumbing.waiting import StoppedError, Wait
from producer import assemble
from producer.api.client import CloudController
from producer.api.errors import ApiError, ForbiddenError, LoginError, RetriableError
from producer.checkpoint import key
from producer.entry import ANSWER_S, Entering, Runs, entered
from producer.metrics import Metrics
from producer.publish.outlet import Identity
from producer.settings import Feed, Foundation, ProducerSettings
from producer.share import Membership, Runner, group_of
from producer.tail import Tail
from schemas import provision
from schemas.codec import Codec
from schemas.registry import ConfluentRegistry, IncompatibleSchemaError, RegistryUnreachableError
from schemas.rights import ROLES

log = structlog.get_logger()
T = TypeVar("T")

REMIND_S = 3600.0


async def run(settings: ProducerSettings, feeds: tuple[Feed, ...], *, until_caught_up: bool) -> None:
    """Run the tails of the feeds (none given: all) until SIGTERM or SIGINT, or until they are caught up.

    Raise UsageError before anything is written where a setting, a right or an address is wrong. Without
    ``until_caught_up`` it waits for a Cloud Controller, a registry or a Kafka that does not answer yet.
    """
    collect_seldom()
    foundations = settings.resolved(feeds)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, stop.set)
    log.info("producer starts", **{key: str(value) for key, value in masked(settings).items()})
    ports = _ports(settings)
    for foundation in foundations:
        for feed in foundation.feeds:
            # From the start on: an alert that a tail runs nowhere needs a figure from everybody who could run it.
            ports.metrics.running.labels(foundation.name, feed).set(0)
    health = Health()
    try:
        with serving(health, ports.metrics.registry, settings.http_host, settings.http_port) as port:
            log.info("health and metrics", address=f"http://{settings.http_host}:{port}")
            await _run(settings, foundations, ports, health, stop, until_caught_up=until_caught_up)
    except StoppedError:
        pass
    log.info("producer ends")


async def _run(
    settings: ProducerSettings,
    foundations: list[Foundation],
    ports: assemble.Ports,
    health: Health,
    stop: asyncio.Event,
    *,
    until_caught_up: bool,
) -> None:
    wait = Start(ports.clock, ports.random, stop, patient=not until_caught_up)
    await wait.with_broker(settings, lambda admin: prepare_topics(admin, settings, foundations))
    clients = [assemble.cloud_controller(foundation, settings, ports) for foundation in foundations]
    reminding = asyncio.create_task(remind(foundations if settings.cf_skip_ssl_validation else [], ports.clock))
    registering = asyncio.Lock()  # foundations share subjects, whose first version is made once
    entries = [
        asyncio.create_task(
            _tails(foundation, api, settings, ports, wait, registering, until_caught_up=until_caught_up)
        )
        for foundation, api in zip(foundations, clients, strict=True)
    ]
    try:
        waits = until_caught_up or len(entries) == 1
        await entered(entries, within_s=None if waits else ANSWER_S)
        tails: list[Runs] = []
        for foundation, entry in zip(foundations, entries, strict=True):
            names = [key(foundation.name, feed) for feed in foundation.feeds]
            tails += entry.result() if entry.done() else [Entering(name, entry) for name in names]
        if settings.share_tails and not until_caught_up:
            await share_tails(tails, settings, foundations, health, stop)
        else:
            for tail in tails:
                health.ready[tail.name] = tail.trouble
                health.live[tail.name] = tail.standstill
            await run_tails(tails, stop)
    finally:
        reminding.cancel()
        for entry in entries:
            entry.cancel()
        await asyncio.gather(*entries, return_exceptions=True)
        for client in clients:
            await client.close()


async def remind(unchecked: list[Foundation], clock: Clock) -> None:
    """Warn each hour of the foundations whose certificates are not checked; never ends by itself."""
    while True:
        await clock.sleep(REMIND_S)
        for foundation in unchecked:
            assemble.warn_unchecked(foundation)


async def _tails(
    foundation: Foundation,
    api: CloudController,
    settings: ProducerSettings,
    ports: assemble.Ports,
    wait: "Start",
    registering: asyncio.Lock,
    *,
    until_caught_up: bool,
) -> list[Tail]:
    """Return the tails of one foundation, ready to run."""
    access = await wait.until_done("Cloud Controller", lambda: enter(foundation, api))
    if not access.has_v3:
        log.warning("no snapshots", foundation=foundation.name, reason=assemble.NO_SNAPSHOTS)

    def made() -> list[Tail]:
        return [
            assemble.tail(foundation, feed, access, settings, ports, until_caught_up=until_caught_up)
            for feed in foundation.feeds
        ]

    async with registering:
        return await wait.until_done("schema registry", lambda: asyncio.to_thread(made))


async def run_tails(tails: Sequence[Runs], stop: asyncio.Event) -> None:
    """Run tails side by side; the first that fails ends the others, cleanly, and is raised."""
    tasks = [asyncio.create_task(tail.run(stop), name=tail.name) for tail in tails]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
    finally:
        stop.set()
        await asyncio.gather(*tasks, return_exceptions=True)
    for task in tasks:
        error = task.exception()
        if error is not None:
            raise error


async def share_tails(
    tails: Sequence[Runs],
    settings: ProducerSettings,
    foundations: Sequence[Foundation],
    health: Health,
    stop: asyncio.Event,
) -> None:
    """Run those tails that the producers' group gives to this one, until ``stop``; the first failure is raised."""
    runner = Runner(tails, settings.partitions)
    topic = assemble.topics_of(settings, foundations[0].topic_prefix).usage.name
    group = Membership(client_config(settings), group_name(foundations), topic, runner)
    health.ready["group"] = lambda: None if group.joined else "Kafka: not in the producers' group"
    for tail in tails:
        health.ready[tail.name] = partial(runner.trouble, tail.name)
        health.live[tail.name] = tail.standstill
    group.start()
    stopped: asyncio.Future[object] = asyncio.ensure_future(stop.wait())
    failed: asyncio.Future[object] = asyncio.ensure_future(asyncio.shield(runner.failed))
    try:
        await asyncio.wait({stopped, failed}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        stopped.cancel()
        failed.cancel()
        await group.leave()
    if runner.failed.done():
        raise runner.failed.result()


def group_name(foundations: Sequence[Foundation]) -> str:
    """Return the name of the group of those producers that read the same feeds of the same foundations."""
    tails = [
        Identity(foundation.topic_prefix, foundation.name, feed).transactional_id
        for foundation in foundations
        for feed in foundation.feeds
    ]
    return group_of(foundations[0].topic_prefix, tails)


class Start:
    """Waits for what must be there at the start, or (not ``patient``) refuses at once with one line."""

    def __init__(self, clock: Clock, random: Random, stop: asyncio.Event, *, patient: bool) -> None:
        self._wait = Wait(stop, clock, random, patient)

    async def with_broker(self, settings: ProducerSettings, work: Callable[[AdminClient], T]) -> T:
        """Return what ``work`` returns, once Kafka answers; as ``Wait.for_broker``."""
        return await self._wait.for_broker(settings, work)

    async def until_done(self, what: str, call: Callable[[], Awaitable[T]]) -> T:
        """Return the call's result. Raise UsageError, CfstreamError or StoppedError."""

        async def asked() -> T:
            try:
                return await call()
            except RetriableError as error:
                raise AwayError(str(error), _SET_API) from error
            except RegistryUnreachableError as error:
                raise AwayError(error.reason, error.mend) from error

        try:
            return await self._wait.for_answer(what, asked)
        except (LoginError, ForbiddenError, ApiError) as error:
            raise UsageError(str(error)) from error
        except IncompatibleSchemaError as error:
            raise CfstreamError(f"{error}: a newer producer has registered a schema that this one breaks") from error


_SET_API = "set CFSTREAM_CF_API to its address, such as https://api.sys.example.com"


async def enter(foundation: Foundation, api: CloudController) -> assemble.Access:
    """Log in, check the rights, choose the version. Raise ApiError, UsageError."""
    version = await assemble.version_of(foundation, api)
    await api.log_in()
    return assemble.Access(api, version, has_v3=(await api.links()).v3)


def prepare_topics(admin: AdminClient, settings: ProducerSettings, foundations: list[Foundation]) -> None:
    """Create missing topics, check all, look at our rights; of each prefix. Blocks. Raise as ``provision.require``."""
    for prefix in sorted({foundation.topic_prefix for foundation in foundations}):
        shares = settings.share_tails and prefix == foundations[0].topic_prefix
        findings = provision.require(
            admin,
            assemble.topics_of(settings, prefix),
            ROLES["producer"],
            [group_name(foundations)] if shares else [],
            partitions=settings.partitions,
            replication=settings.replication_factor,
            create=settings.create_topics,
        )
        for finding in findings:
            log.warning("topic differs", topic=finding.topic, difference=finding.text)


def _ports(settings: ProducerSettings) -> assemble.Ports:
    registry = ConfluentRegistry(settings.schema_registry_url, **registry_options(settings))
    return assemble.Ports(SystemClock(), Random(), Metrics(), Codec(registry))  # noqa: S311 - jitter, no secret
