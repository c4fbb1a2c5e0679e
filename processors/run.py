"""A worker process: puts the parts together, runs until told to stop, ends on the first fault."""

import asyncio
import contextlib
import signal
from collections.abc import AsyncIterator
from random import Random
from typing import Any

import structlog
from prometheus_client import CollectorRegistry

from plumbing.clock import Clock, SystemClock
from plumbing.errors import CfstreamError, UsageError
from plumbing.health import Health, serving
from plumbing.kafka import client_config, registry_options, require_broker
from processors.alerts.files import load_rules
from processors.alerts.rules import Rules
from processors.book import AppBook
from processors.checkpoints import Checkpoints
from processors.crashes import CrashWatch
from processors.credentials import credentials
from processors.decode import Decoder
from processors.follower import Follower
from processors.lane.app import LaneApp, LaneSettings, add_agent, add_table, create_app
from processors.lane.check import check as check_libraries
from processors.lane.table import StateTable
from processors.lane.writer import Writer
from processors.metrics import WorkerMetrics
from processors.outputs import sender
from processors.probes import Probes
from processors.progress import ProgressBook
from processors.settings import HOUR, WorkerSettings
from processors.timekeeper import Timekeeper
from processors.usage.publisher import UsagePublisher
from processors.usage.roller import Roller
from processors.usage.rollup import RollUp
from processors.worker import Worker
from schemas import provision
from schemas.codec import Codec
from schemas.registry import ConfluentRegistry, IncompatibleSchemaError, RegistryUnreachableError
from schemas.topics import Topics
from schemas.versions import row_version

_log = structlog.get_logger(__name__)

REFRESH_S = 600.0
REFRESH_MOST = 500

STOP_S = 30.0
"""A clean stop takes about a second. Correctness does not depend on it."""


async def run(settings: WorkerSettings, *, rules: Rules | None = None, until_caught_up: bool = False) -> None:
    """Run a worker until SIGTERM or SIGINT, or until it has caught up. Raise CfstreamError on any fault."""
    check_libraries()
    rules = rules or load_rules(settings.alerts_config)
    topics = Topics(settings.topic_prefix, retention_days=settings.retention_days)
    _require_topics(settings, topics)
    registry = CollectorRegistry()
    health = Health()
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    with serving(health, registry, settings.http_host, settings.http_port) as port:
        _log.info("worker starts", group=settings.worker_group, http_port=port)
        async with _parts(settings, topics, rules, registry, health) as (app, timekeeper):
            await _until_over(app, timekeeper, stop, until_caught_up=until_caught_up)


@contextlib.asynccontextmanager
async def _parts(
    settings: WorkerSettings, topics: Topics, rules: Rules, registry: CollectorRegistry, health: Health
) -> AsyncIterator[tuple[LaneApp, Timekeeper]]:
    clock: Clock = SystemClock()
    registry_client = ConfluentRegistry(settings.schema_registry_url, **registry_options(settings))
    codec = Codec(registry_client)
    client = client_config(settings)
    writer = Writer(client)
    try:
        send = sender(topics, codec, writer)
        encode_state = codec.encoder(topics.state.name, topics.state.schema)
        encode_progress = codec.encoder(topics.progress.name, topics.progress.schema)
    except (RegistryUnreachableError, IncompatibleSchemaError) as error:
        raise UsageError(f"{error}: set CFSTREAM_SCHEMA_REGISTRY_URL to a running registry") from error
    metrics = WorkerMetrics(registry)
    store = settings.data_folder / "worker"
    store.mkdir(parents=True, exist_ok=True)
    app = create_app(
        LaneSettings(
            group=settings.worker_group,
            bootstrap_servers=settings.kafka_bootstrap_servers,
            instance_id=settings.worker_instance_id,
            credentials=credentials(settings),
            session_timeout_s=settings.worker_session_timeout_s,
            heartbeat_s=min(3.0, settings.worker_session_timeout_s / 4),
            commit_interval_s=settings.worker_commit_seconds,
            chunk_records=settings.worker_chunk_records,
            data_dir=store,
        )
    )

    def table(name: str, topic: str) -> StateTable:
        return add_table(
            app, name=name, topic=topic, partitions=settings.partitions, writer=writer, version=row_version
        )

    states, progress = table("apps", topics.state.name), table("progress", topics.progress.name)
    book = AppBook(states, codec, encode_state)
    progress_book = ProgressBook(progress, codec, encode_progress)
    worker = Worker(
        topics=topics,
        book=book,
        progress=progress_book,
        decoder=Decoder(codec, clock, Random()),  # noqa: S311 - jitter
        writer=writer,
        send=send,
        watch=CrashWatch(rules),
        usage=UsagePublisher(
            topics=topics,
            book=book,
            progress=progress_book,
            codec=codec,
            writer=writer,
            late_window=settings.keep.late_window,
        ),
        refresh=lambda partition: states.refresh(partition, older_than_s=REFRESH_S, most=REFRESH_MOST),
        keep=settings.keep,
        metrics=metrics,
        clock=clock,
    )
    add_agent(app, worker.sources, worker.process)
    checkpoints = Checkpoints(Follower(client, topics.checkpoints.name), codec)
    roller = Roller(
        topics=topics,
        follower=Follower(client, topics.partials.name),
        codec=codec,
        writer=writer,
        new_rollup=lambda: RollUp(settings.partitions, settings.keep.late_window + 2 * HOUR),
    )
    timekeeper = Timekeeper(
        app=app,
        worker=worker,
        checkpoints=checkpoints,
        roller=roller,
        metrics=metrics,
        interval_s=settings.worker_tick_seconds,
    )
    probes = Probes(
        app=app, states=states, timekeeper=timekeeper, metrics=metrics, stalled_s=settings.worker_stalled_seconds
    )
    health.ready["tables"] = probes.ready
    health.live["progress"] = probes.live

    @app.on_partitions_revoked.connect
    async def revoked(*_signal: Any, **_more: Any) -> None:
        probes.rebalance_began()
        await worker.revoked()

    @states.on_recover
    async def recovered() -> None:
        try:
            await worker.recovered(sorted(timekeeper.sources()))
            probes.recovered()
        except Exception as error:  # noqa: BLE001 - Faust would drop it, and go on without the derived state
            await app.crash(error)

    app.finalize()
    watching = asyncio.create_task(probes.watch())
    try:
        await app.start()
        yield app, timekeeper
    finally:
        watching.cancel()
        try:
            await asyncio.wait_for(app.stop(), STOP_S)
        except TimeoutError:
            _log.warning("the worker did not stop in time; what is durable is whole", seconds=STOP_S)
        await checkpoints.close()
        await roller.close()
        registry_client.close()


async def _until_over(app: LaneApp, timekeeper: Timekeeper, stop: asyncio.Event, *, until_caught_up: bool) -> None:
    keeping = asyncio.create_task(timekeeper.run(until_caught_up=until_caught_up))
    stopping = asyncio.create_task(stop.wait())
    crashing = asyncio.create_task(app._crashed.wait())  # noqa: SLF001 - mode has no public way to wait for it
    await asyncio.wait({keeping, stopping, crashing}, return_when=asyncio.FIRST_COMPLETED)
    for task in (stopping, crashing):
        task.cancel()
    if app.crashed:
        keeping.cancel()
        reason = app.crash_reason
        if isinstance(reason, CfstreamError):
            raise reason
        raise CfstreamError(f"the worker failed and must start anew: {reason!r}") from reason
    if keeping.done():
        await keeping
    else:
        keeping.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await keeping


def _require_topics(settings: WorkerSettings, topics: Topics) -> None:
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
