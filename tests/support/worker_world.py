"""A worker without Kafka: its topics are lists, and it can be killed at any write."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from prometheus_client import CollectorRegistry
from support.alert_records import StepClock
from support.registry import MemoryRegistry

from plumbing.clock import SystemClock
from processors.alerts.rules import Rules
from processors.book import AppBook
from processors.crashes import CrashWatch
from processors.decode import Decoder
from processors.lane.app import LaneSettings, add_table, create_app
from processors.lane.chunk import Chunk
from processors.lane.tracker import Partition
from processors.metrics import WorkerMetrics
from processors.outputs import sender
from processors.progress import ProgressBook
from processors.standstill import Standstill
from processors.state.fold import Keep
from processors.usage.publisher import UsagePublisher
from processors.usage.rollup import RollUp
from processors.worker import Worker
from schemas.codec import Codec
from schemas.topics import Topics
from schemas.versions import row_version


class KilledError(Exception):
    """The worker was killed here."""


@dataclass(frozen=True)
class Written:
    """A record as it would lie in Kafka."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes]] = ()
    timestamp: int = 0


@dataclass
class Log:
    """All topics, and a countdown of calls to ``durable`` after which the worker dies before they take effect."""

    records: list[Written] = field(default_factory=list)
    pending: list[Written] = field(default_factory=list)
    lives: int | None = None

    def write(
        self,
        topic: str,
        key: bytes | None,
        value: bytes | None,
        *,
        partition: int = -1,
        headers: Any = None,
        delivered: Any = None,  # noqa: ARG002 - as Writes has it
    ) -> None:
        encoded = [(name, text.encode() if isinstance(text, str) else text) for name, text in headers or []]
        self.pending.append(Written(topic, max(partition, 0), 0, key, value, encoded))

    async def durable(self) -> None:
        if self.lives is not None:
            self.lives -= 1
            if self.lives < 0:
                # What was handed over may or may not have got through: half of it has.
                self.records += self.pending[: len(self.pending) // 2]
                self.pending.clear()
                raise KilledError
        self.records += self.pending
        self.pending.clear()

    def of(self, topic: str) -> list[Written]:
        return [record for record in self.records if record.topic == topic]

    def newest(self, topic: str) -> dict[bytes, bytes]:
        rows: dict[bytes, bytes] = {}
        for record in self.of(topic):
            if record.key is not None:
                if record.value is None:
                    rows.pop(record.key, None)
                else:
                    rows[record.key] = record.value
        return rows


class World:
    """One partition, one worker at a time; ``start`` makes a new one from what is durable."""

    def __init__(
        self, *, keep: Keep | None = None, rules: Rules | None = None, hours: Literal["app", "space", "off"] = "app"
    ) -> None:
        self.topics = Topics()
        self.schemas = MemoryRegistry()
        self.codec = Codec(self.schemas)
        self.log = Log()
        self.keep = keep or Keep()
        self.rules = rules or Rules()
        self.hours: Literal["app", "space", "off"] = hours
        self.encoders = {
            topic.name: self.codec.encoder(topic.name, topic.schema)
            for topic in (self.topics.usage, self.topics.audit, self.topics.snapshots)
        }
        self.sources: dict[str, list[Written]] = {name: [] for name in self.encoders}
        self.registry = CollectorRegistry()
        self.clock = 0.0
        self.standstill = Standstill(5, lambda: self.clock)

    async def start(self) -> None:
        """Begin a worker's life: recover the tables from the log."""
        app = create_app(LaneSettings(group="g", bootstrap_servers="127.0.0.1:1"))
        self.log.pending.clear()
        tables = [
            add_table(app, name=name, topic=topic, partitions=1, writer=self.log, version=row_version)
            for name, topic in (("apps", self.topics.state.name), ("progress", self.topics.progress.name))
        ]
        for table in tables:
            table.restore(0, self.log.of(table.topic))
        self.states = tables[0]
        codec, topics = self.codec, self.topics
        self.book = AppBook(self.states, codec, codec.encoder(topics.state.name, topics.state.schema))
        encode = codec.encoder(topics.progress.name, topics.progress.schema)
        progress = self.progress = ProgressBook(tables[1], codec, encode)
        self.registry = CollectorRegistry()
        self.worker = Worker(
            topics=topics,
            book=self.book,
            progress=progress,
            decoder=Decoder(codec, topics, StepClock()),  # an id that nobody knows is waited for
            writer=self.log,
            send=sender(topics, codec, self.log),
            watch=CrashWatch(self.rules),
            usage=UsagePublisher(
                topics=topics,
                book=self.book,
                progress=progress,
                codec=codec,
                writer=self.log,
                standstill=self.standstill,
                late_window=self.keep.late_window,
                hours=self.hours,
                monotonic=lambda: self.clock,
            ),
            refresh=lambda partition: self.states.refresh(partition, older_than_s=600, most=500),
            keep=self.keep,
            metrics=WorkerMetrics(self.registry),
            clock=SystemClock(),
        )
        await self.worker.recovered([0])

    def wait(self, seconds: float) -> None:
        """Let the machine's time pass, without a standstill."""
        until = self.clock + seconds
        while self.clock < until:
            self.clock = min(until, self.clock + 1)
            self.standstill.working()

    def publish(self, topic: str, key: str, record: Mapping[str, Any]) -> None:
        """Append a record to a source topic."""
        self.publish_raw(topic, key.encode(), self.encoders[topic](record))

    def publish_raw(self, topic: str, key: bytes | None, value: bytes | None) -> None:
        """Append anything to a source topic."""
        log = self.sources[topic]
        log.append(Written(topic, 0, len(log), key, value))

    async def process(self, topic: str, start: int, end: int | None = None) -> None:
        """Have the worker process a range of offsets as one chunk."""
        records = self.sources[topic][start:end]
        if records:
            await self.worker.process(Chunk(Partition(topic, 0), list(records), records[-1].offset + 1))  # type: ignore[arg-type]

    async def rows(self, *rows: Mapping[str, Any]) -> None:
        """Publish usage rows and process them as one chunk."""
        await self._one_chunk(self.topics.usage.name, rows)

    async def events(self, *events: Mapping[str, Any]) -> None:
        """Publish audit events and process them as one chunk."""
        await self._one_chunk(self.topics.audit.name, events)

    async def snapshots(self, *records: Mapping[str, Any]) -> None:
        """Publish snapshot records and process them as one chunk."""
        await self._one_chunk(self.topics.snapshots.name, records)

    async def _one_chunk(self, topic: str, records: Sequence[Mapping[str, Any]]) -> None:
        start = len(self.sources[topic])
        for record in records:
            self.publish(topic, record["app_guid"] or "", record)
        await self.process(topic, start)

    async def time(self, until: int) -> None:
        """Advance event time, microseconds, and publish totals."""
        await self.worker.tick(0, "f", until)
        await self.worker.publish_totals(0)

    def state(self, app: str = "app-1") -> Any:
        """Return the durable state of an app, None where there is none."""
        row = self.log.newest(self.topics.state.name).get(app.encode())
        return None if row is None else self.codec.decode(row)

    def states_by_app(self) -> dict[str, Any]:
        """Return all durable states."""
        return {k.decode(): self.codec.decode(v) for k, v in self.log.newest(self.topics.state.name).items()}

    def rolled(self) -> tuple[dict[tuple[str, str], Any], dict[str, Any]]:
        """Return totals by scope and guid, and hours by key, as a reader of the public topics sees them."""
        rollup = RollUp(1, self.keep.late_window)
        for record in self.log.of(self.topics.partials.name):
            assert record.key is not None
            partial = None if record.value is None else self.codec.decode(record.value)
            rollup.take(record.key.decode(), partial)  # type: ignore[arg-type]
        totals: dict[tuple[str, str], Any] = {
            (total["scope"], total["guid"]): total for total in rollup.changed_totals()
        }
        hours: dict[str, Any] = dict(rollup.changed_hours())
        for key, value in self.log.newest(self.topics.usage_hours.name).items():
            hours[key.decode()] = self.codec.decode(value)
        return totals, hours

    def decoded(self, topic: str) -> list[Any]:
        """Return the values of a topic that was written."""
        return [self.codec.decode(record.value) for record in self.log.of(topic) if record.value is not None]
