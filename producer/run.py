"""``cfstream producer run``: checks everything, then runs the tails until told to end."""

import asyncio
import signal
import time
from collections.abc import Awaitable, Callable
from random import Random
from typing import TypeVar

import structlog
from confluent_kafka import KafkaException

from plumbing.backoff import Backoff
from plumbing.clock import Clock, SystemClock
from plumbing.errors import CfstreamError, UsageError
from plumbing.health import Health, serving
from plumbing.kafka import NoBrokerError, client_config, registry_options, require_broker
from plumbing.settings import masked
from producer import assemble
from producer.api.client import CloudController
from producer.api.errors import ApiError, ForbiddenError, LoginError, RetriableError
from producer.metrics import Metrics
from producer.settings import Feed, Foundation, ProducerSettings
from producer.share import Membership, Runner
from producer.tail import Tail
from producer.waiting import StoppedError, unless_stopped
from schemas import allowed, provision
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
    foundations = settings.resolved(feeds)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, stop.set)
    log.info("producer starts", **{key: str(value) for key, value in masked(settings).items()})
    ports = _ports(settings)
    health = Health()
    try:
        with serving(health, ports.metrics.registry, settings.http_host, settings.http_port) as port:
            log.info("health and metrics", address=f"http://{settings.http_host}:{port}")
            await _run(settings, foundations, ports, health, stop, until_caught_up=until_caught_up)
    except StoppedError:
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
    await wait.until_done("Kafka", lambda: asyncio.to_thread(prepare_topics, settings, foundations))
    clients = [assemble.cloud_controller(foundation, settings, ports) for foundation in foundations]
    reminding = asyncio.create_task(remind(foundations if settings.cf_skip_ssl_validation else [], ports.clock))
    try:
        tails: list[Tail] = []
        for foundation, api in zip(foundations, clients, strict=True):
            tails += await _tails(foundation, api, settings, ports, wait, until_caught_up=until_caught_up)
        if settings.share_tails and not until_caught_up:
            await share_tails(tails, settings, foundations[0].topic_prefix, health, stop)
        else:
            for tail in tails:
                health.ready[tail.name] = tail.trouble
                health.live[tail.name] = tail.standstill
            await run_tails(tails, stop)
    finally:
        reminding.cancel()
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
    *,
    until_caught_up: bool,
) -> list[Tail]:
    """Return the tails of one foundation, ready to run."""
    access = await wait.until_done("Cloud Controller", lambda: enter(foundation, api))

    def made() -> list[Tail]:
        return [
            assemble.tail(foundation, feed, access, settings, ports, until_caught_up=until_caught_up)
            for feed in foundation.feeds
        ]

    return await wait.until_done("schema registry", lambda: asyncio.to_thread(made))


async def run_tails(tails: list[Tail], stop: asyncio.Event) -> None:
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
    tails: list[Tail], settings: ProducerSettings, prefix: str, health: Health, stop: asyncio.Event
) -> None:
    """Run those tails that the producers' group gives to this one, until ``stop``; the first failure is raised."""
    runner = Runner(tails, settings.partitions)
    topic = assemble.topics_of(settings, prefix).usage.name
    group = Membership(client_config(settings), f"{prefix}producer", topic, runner)
    health.ready["group"] = lambda: None if group.joined else "not in the producers' group yet"
    for tail in tails:
        health.ready[tail.name] = lambda tail=tail: tail.trouble() if runner.holds(tail.name) else None  # type: ignore[misc] # mypy cannot type a default
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


class Start:
    """Waits for what must be there at the start, or (not ``patient``) refuses at once with one line."""

    def __init__(self, clock: Clock, random: Random, stop: asyncio.Event, *, patient: bool) -> None:
        self._clock = clock
        self._random = random
        self._stop = stop
        self._patient = patient

    async def until_done(self, what: str, call: Callable[[], Awaitable[T]]) -> T:
        """Return the call's result. Raise UsageError, CfstreamError or StoppedError."""
        attempt = 0
        backoff = Backoff(first_s=1, cap_s=30)
        while True:
            try:
                return await unless_stopped(self._stop, call())
            except (RetriableError, RegistryUnreachableError, UnavailableError) as error:
                hint = error.hint if isinstance(error, UnavailableError) else _HINTS[what]
                if not self._patient:
                    raise UsageError(f"{error}: {hint}") from error
                delay = backoff.delay(attempt, self._random)
                log.warning("no answer: trying again", what=what, reason=str(error), hint=hint, in_s=round(delay, 1))
                await unless_stopped(self._stop, self._clock.sleep(delay))
                attempt += 1
            except (LoginError, ForbiddenError, ApiError) as error:
                raise UsageError(str(error)) from error
            except IncompatibleSchemaError as error:
                raise CfstreamError(
                    f"{error}: a newer producer has registered a schema that this one breaks"
                ) from error


_TOPICS_SHOW_UP_S = 15.0

_HINTS = {
    "Kafka": "set CFSTREAM_KAFKA_BOOTSTRAP_SERVERS to a running broker",
    "Cloud Controller": "set CFSTREAM_CF_API to its address, such as https://api.sys.example.com",
    "schema registry": "set CFSTREAM_SCHEMA_REGISTRY_URL to a running registry",
}


class UnavailableError(Exception):
    """Kafka does not answer. ``hint``: what to do, where more is known than that."""

    def __init__(self, reason: str, hint: str = _HINTS["Kafka"]) -> None:
        super().__init__(reason)
        self.hint = hint


async def enter(foundation: Foundation, api: CloudController) -> assemble.Access:
    """Log in, check the rights, choose the version. Raise ApiError, UsageError."""
    version = await assemble.version_of(foundation, api)
    await api.log_in()
    return assemble.Access(api, version, has_v3=(await api.links()).v3)


def prepare_topics(settings: ProducerSettings, foundations: list[Foundation]) -> None:
    """Create missing topics, check all, look at our rights. Blocks.

    Raise UnavailableError, UsageError for unfit topics, NotAllowedError with every right that is lacking.
    """
    try:
        admin = require_broker(settings)
    except NoBrokerError as error:
        raise UnavailableError(error.reason, error.mend) from error
    try:
        for prefix in sorted({foundation.topic_prefix for foundation in foundations}):
            topics = assemble.topics_of(settings, prefix)
            created = []
            if settings.create_topics:
                created = provision.apply(
                    admin, topics, partitions=settings.partitions, replication=settings.replication_factor
                )
            # A broker may learn of new topics a moment after they were made.
            deadline = time.monotonic() + (_TOPICS_SHOW_UP_S if created else 0)
            while unfit := [
                each for each in provision.check(admin, topics, partitions=settings.partitions) if each.fatal
            ]:
                if time.monotonic() >= deadline:
                    raise UsageError(f"topic {unfit[0].topic} {unfit[0].text}")
                time.sleep(0.2)
            shares = settings.share_tails and prefix == foundations[0].topic_prefix
            allowed.require(admin, topics, ROLES["producer"], [f"{prefix}producer"] if shares else [])
    except KafkaException as error:
        raise UnavailableError(f"Kafka: {error.args[0].str()}") from error


def _ports(settings: ProducerSettings) -> assemble.Ports:
    registry = ConfluentRegistry(settings.schema_registry_url, **registry_options(settings))
    return assemble.Ports(SystemClock(), Random(), Metrics(), Codec(registry))  # noqa: S311 - jitter, no secret
