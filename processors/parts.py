"""The parts of a worker, put together. Nothing runs yet."""

from dataclasses import dataclass
from functools import partial
from random import Random

from prometheus_client import CollectorRegistry

from plumbing.clock import SystemClock
from plumbing.ends import high_watermarks
from plumbing.errors import CfstreamError
from plumbing.garbage import collect_seldom
from plumbing.kafka import ClientConfig, admin_client, client_config, registry_options
from processors.alerts.rules import Rules
from processors.book import AppBook
from processors.checkpoints import Checkpoints
from processors.crashes import CrashWatch
from processors.credentials import credentials
from processors.decode import Decoder
from processors.follower import Follower
from processors.lane.app import LaneApp, LaneSettings, add_agent, add_table, create_app
from processors.lane.rocks import RocksStore
from processors.lane.store import Store
from processors.lane.table import StateTable
from processors.lane.writer import Writer
from processors.metrics import WorkerMetrics
from processors.outputs import sender
from processors.probes import Probes
from processors.progress import ProgressBook
from processors.settings import HOUR, WorkerSettings
from processors.sources import Sources
from processors.standstill import Standstill
from processors.timekeeper import Timekeeper
from processors.usage.publisher import UsagePublisher
from processors.usage.roller import Roller
from processors.usage.rollup import RollUp
from processors.worker import Worker
from schemas.codec import Codec
from schemas.registry import ConfluentRegistry, IncompatibleSchemaError
from schemas.topics import Topics
from schemas.versions import row_version

REFRESH_S = 600.0
REFRESH_MOST = 500


@dataclass(frozen=True)
class Parts:
    """What a running worker consists of."""

    app: LaneApp
    states: StateTable
    progress: ProgressBook
    standstill: Standstill
    sources: Sources
    worker: Worker
    timekeeper: Timekeeper
    probes: Probes
    checkpoints: Checkpoints
    roller: Roller
    registry: ConfluentRegistry

    async def close(self) -> None:
        """Close what is not Faust's to close."""
        await self.checkpoints.close()
        await self.roller.close()
        self.registry.close()
        self.states.close()


def build(settings: WorkerSettings, topics: Topics, rules: Rules, metrics_registry: CollectorRegistry) -> Parts:
    """Put a worker together; registers the schemas.

    Raise UsageError without a registry or for wrong settings, CfstreamError for schemas that do not fit.
    """
    collect_seldom(older=10)
    registry = ConfluentRegistry(settings.schema_registry_url, **registry_options(settings))
    try:
        return _build(settings, topics, rules, WorkerMetrics(metrics_registry), registry)
    except IncompatibleSchemaError as error:
        raise CfstreamError(f"{error}: a newer cfstream has registered a schema that this one breaks") from error


def _build(
    settings: WorkerSettings, topics: Topics, rules: Rules, metrics: WorkerMetrics, registry: ConfluentRegistry
) -> Parts:
    client = client_config(settings)
    codec = Codec(registry)
    writer = Writer(client)
    app = _application(settings)

    def table(name: str, topic: str, *, remembers_sources: bool = False, store: Store | None = None) -> StateTable:
        return add_table(
            app,
            name=name,
            topic=topic,
            partitions=settings.partitions,
            writer=writer,
            version=row_version,
            remembers_sources=remembers_sources,
            store=store,
        )

    states = table("apps", topics.state.name, remembers_sources=True, store=_store(settings))
    progress = table("progress", topics.progress.name)
    book = ProgressBook(progress, codec, codec.encoder(topics.progress.name, topics.progress.schema))
    standstill = Standstill(settings.worker_session_timeout_s / 2)
    worker = _worker(settings, topics, rules, metrics, codec, writer, standstill, states, book)
    add_agent(app, worker.sources, worker.process)
    checkpoints = Checkpoints(Follower(client, topics.checkpoints.name), codec)
    roller = _roller(settings, topics, client, codec, writer, standstill)
    admin = admin_client(settings)
    timekeeper = Timekeeper(
        app=app,
        worker=worker,
        checkpoints=checkpoints,
        ends=partial(high_watermarks, admin),
        roller=roller,
        metrics=metrics,
        clock=SystemClock(),
        interval_s=settings.worker_tick_seconds,
    )
    probes = Probes(
        app=app, states=states, timekeeper=timekeeper, metrics=metrics, stalled_s=settings.worker_stalled_seconds
    )
    sources = Sources(admin, worker.sources)
    return Parts(app, states, book, standstill, sources, worker, timekeeper, probes, checkpoints, roller, registry)


def _store(settings: WorkerSettings) -> Store | None:
    if settings.worker_store == "memory":
        return None
    return RocksStore(settings.data_folder / "worker" / f"tables-{settings.worker_instance_id or 'worker'}")


def _application(settings: WorkerSettings) -> LaneApp:
    folder = settings.data_folder / "worker"
    folder.mkdir(parents=True, exist_ok=True)
    return create_app(
        LaneSettings(
            group=settings.worker_group,
            bootstrap_servers=settings.kafka_bootstrap_servers,
            instance_id=settings.worker_instance_id,
            credentials=credentials(settings),
            session_timeout_s=settings.worker_session_timeout_s,
            heartbeat_s=min(3.0, settings.worker_session_timeout_s / 4),
            commit_interval_s=settings.worker_commit_seconds,
            chunk_records=settings.worker_chunk_records,
            data_dir=folder,
        )
    )


def _worker(
    settings: WorkerSettings,
    topics: Topics,
    rules: Rules,
    metrics: WorkerMetrics,
    codec: Codec,
    writer: Writer,
    standstill: Standstill,
    states: StateTable,
    progress: ProgressBook,
) -> Worker:
    clock = SystemClock()
    book = AppBook(states, codec, codec.encoder(topics.state.name, topics.state.schema))
    return Worker(
        topics=topics,
        book=book,
        progress=progress,
        decoder=Decoder(codec, topics, clock, Random()),  # noqa: S311 - jitter
        writer=writer,
        send=sender(topics, codec, writer),
        watch=CrashWatch(rules),
        usage=UsagePublisher(
            topics=topics,
            book=book,
            progress=progress,
            codec=codec,
            writer=writer,
            standstill=standstill,
            late_window=settings.keep.late_window,
            hours=settings.usage_hours,
        ),
        refresh=lambda partition: states.refresh(partition, older_than_s=REFRESH_S, most=REFRESH_MOST),
        keep=settings.keep,
        metrics=metrics,
        clock=clock,
    )


def _roller(
    settings: WorkerSettings,
    topics: Topics,
    client: ClientConfig,
    codec: Codec,
    writer: Writer,
    standstill: Standstill,
) -> Roller:
    return Roller(
        topics=topics,
        follower=Follower(client, topics.partials.name),
        codec=codec,
        writer=writer,
        standstill=standstill,
        new_rollup=lambda: RollUp(settings.partitions, settings.keep.late_window + 2 * HOUR),
    )
