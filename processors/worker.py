"""What a worker does with a chunk: decode once, fold app by app, then write in the order that makes it exact.

Outputs (alerts, dead letters) first, then the states, then the offsets. A worker that dies in between leaves states
that do not know the chunk, and the chunk is worked on again: alerts may come twice, under the same id; numbers do
not. A worker that dies after the states were written has its successor pass over every row of the chunk.
"""

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import structlog

from plumbing.clock import Clock
from processors.book import AppBook
from processors.crashes import CrashWatch
from processors.decode import Decoder, Row
from processors.lane.chunk import Chunk
from processors.lane.writer import Writer
from processors.metrics import WorkerMetrics
from processors.outputs import Outputs
from processors.progress import ProgressBook
from processors.schedule import Schedule, next_due
from processors.state import fold
from processors.state.facts import STOPPED
from processors.state.fold import ImpossibleError, Keep
from schemas.records import Alert, Micros
from schemas.tables import AppState
from schemas.topics import Topics

_log = structlog.get_logger(__name__)

TICK_SLICE = 500
"""Apps changed by time in one go, so that chunks are not kept waiting."""


@dataclass(slots=True)
class _Open:
    """A state in work: how many records have changed it, or whether time alone has."""

    state: AppState
    records: int = 0
    timed: bool = False


@dataclass
class _Work:
    """A chunk in work."""

    partition: int
    states: dict[bytes, _Open] = field(default_factory=dict)
    outputs: Outputs = field(default_factory=Outputs)


class Worker:
    """Folds chunks and time into the table. One lock keeps chunk and tick apart: both are read-modify-write."""

    def __init__(
        self,
        *,
        topics: Topics,
        book: AppBook,
        progress: ProgressBook,
        decoder: Decoder,
        writer: Writer,
        send: Callable[[Outputs], None],
        watch: CrashWatch,
        keep: Keep,
        metrics: WorkerMetrics,
        clock: Clock,
    ) -> None:
        self._book = book
        self._progress = progress
        self._decoder = decoder
        self._writer = writer
        self._send = send
        self._watch = watch
        self._keep = keep
        self._metrics = metrics
        self._clock = clock
        self._lock = asyncio.Lock()
        self._schedules: dict[int, Schedule] = {}
        self._folds: dict[str, Callable[[_Work, Row], None]] = {
            topics.usage.name: self._usage,
            topics.audit.name: self._audit,
            topics.snapshots.name: self._snapshot,
        }

    @property
    def sources(self) -> Iterable[str]:
        """Names of the topics to read."""
        return self._folds.keys()

    async def process(self, chunk: Chunk) -> None:
        """Work on one chunk; return when its effects are durable."""
        decoded = await self._decoder.chunk(chunk)
        async with self._lock:
            work = _Work(chunk.tp.partition)
            work.outputs.dead_letters += decoded.dead
            apply = self._folds[chunk.tp.topic]
            for row in decoded.rows:
                try:
                    apply(work, row)
                except ImpossibleError as error:
                    work.outputs.dead_letters.append(
                        self._decoder.dead_letter(chunk, row.offset, row.key, row.raw, str(error))
                    )
            await self._write(work)
        self._metrics.chunk(chunk.tp.topic, len(chunk.records), decoded)

    async def tick(self, partition: int, foundation: str, until: Micros) -> None:
        """Advance the time of one foundation's apps in a partition: every row up to ``until`` is applied."""
        while True:
            async with self._lock:
                schedule = self._schedules.get(partition)
                keys = [] if schedule is None else schedule.pop(until, TICK_SLICE)
                if not keys:
                    return
                work = _Work(partition)
                for key in keys:
                    state = self._book.get(partition, key)
                    if state is not None:
                        self._tick_app(work, key, state, foundation, until)
                await self._write(work)

    def _tick_app(self, work: _Work, key: bytes, state: AppState, foundation: str, until: Micros) -> None:
        if state["foundation"] != foundation:
            self._schedule(work.partition).set(key, next_due(state, self._keep, self._watch))
            return
        changed = fold.tick(state, until, self._keep)
        remembered, alerts = self._watch.tick(state, until)
        work.outputs.alerts += alerts
        if changed or remembered:
            work.states[key] = _Open(state, timed=True)
        elif not fold.gone(state, until, self._keep):
            self._schedule(work.partition).set(key, next_due(state, self._keep, self._watch))
            return
        if fold.gone(state, until, self._keep):
            work.outputs.removed.append(key)

    async def recovered(self, partitions: Iterable[int]) -> None:
        """Rebuild what is derived from the table, after an assignment."""
        async with self._lock:
            self._book.reset()
            self._progress.reset()
            self._schedules.clear()
            for partition in partitions:
                schedule = self._schedule(partition)
                for index, (key, state) in enumerate(self._book.items(partition)):
                    schedule.set(key, next_due(state, self._keep, self._watch))
                    if index % 1000 == 0:
                        await asyncio.sleep(0)

    async def revoked(self) -> None:
        """Let go of all partitions: a rebalance has begun. Returns when no tick is at work on one."""
        async with self._lock:
            self._schedules.clear()

    def _schedule(self, partition: int) -> Schedule:
        return self._schedules.setdefault(partition, Schedule())

    async def _write(self, work: _Work) -> None:
        if work.outputs:
            self._send(work.outputs)
            await self._writer.durable()
        wrote = False
        for key, entry in work.states.items():
            if not entry.records and not entry.timed:
                continue
            fold.settle(entry.state, entry.records)
            self._book.put(work.partition, key, entry.state)
            self._schedule(work.partition).set(key, next_due(entry.state, self._keep, self._watch))
            wrote = True
        for key in work.outputs.removed:
            self._book.remove(work.partition, key)
            self._schedule(work.partition).set(key, None)
            wrote = True
        if self._progress.write(work.partition) or wrote:
            await self._writer.durable()

    def _open(self, work: _Work, row: Row, foundation: str) -> _Open:
        entry = work.states.get(row.key)
        if entry is None:
            state = self._book.get(work.partition, row.key)
            entry = _Open(fold.new(foundation, row.key.decode("utf-8", "replace")) if state is None else state)
            work.states[row.key] = entry
        return entry

    def _usage(self, work: _Work, row: Row) -> None:
        record = row.record
        if not fold.known_state(record["state"]):
            self._metrics.unknown_state(record["state"])
            return
        entry = self._open(work, row, record["foundation"])
        state = entry.state
        if row.offset <= state["usage_offset"]:
            self._metrics.replayed.inc()
            return
        baseline = self._progress.baseline(work.partition, record["foundation"])
        ran = state["state"] != STOPPED
        if fold.apply_usage(state, record, self._keep, baseline):
            entry.records += 1
            if record["state"] == STOPPED and ran and state["crash"] is not None:
                work.outputs.alerts += self._stopped(state, record["created_at"])
        state["usage_offset"] = row.offset

    def _stopped(self, state: AppState, at: Micros) -> list[Alert]:
        """Tell the rules of a stop, once no process of the app is started any more."""
        if any(process["facts"][-1]["state"] != STOPPED for process in state["processes"]):
            return []
        return self._watch.stopped(state, at)

    def _audit(self, work: _Work, row: Row) -> None:
        event = row.record
        if event["app_guid"] is None:
            return
        known = row.key in work.states or self._book.get(work.partition, row.key) is not None
        if not known and event["type"] != fold.CRASH:
            return
        entry = self._open(work, row, event["foundation"])
        state = entry.state
        if row.offset <= state["audit_offset"]:
            self._metrics.replayed.inc()
            return
        if state["named_at"] == 0:
            state["app_name"] = state["app_name"] or event["target_name"]
            state["space_guid"] = state["space_guid"] or event["space_guid"]
            state["org_guid"] = state["org_guid"] or event["org_guid"]
        changed = fold.apply_audit(state, event)
        remembered, alerts = self._watch.observe(state, event)
        work.outputs.alerts += alerts
        state["audit_offset"] = row.offset
        if changed or remembered:
            entry.records += 1

    def _snapshot(self, work: _Work, row: Row) -> None:
        record = row.record
        if record["kind"] == "end":
            self._end_marker(work, row)
            return
        entry = self._open(work, row, record["foundation"])
        if row.offset <= entry.state["snapshot_offset"]:
            self._metrics.replayed.inc()
            return
        if fold.apply_snapshot(entry.state, record, self._keep):
            entry.records += 1
        entry.state["snapshot_offset"] = row.offset

    def _end_marker(self, work: _Work, row: Row) -> None:
        record = row.record
        foundation, observed_at = record["foundation"], record["observed_at"]
        for key in {*self._book.keys(work.partition), *work.states}:
            entry = work.states.get(key)
            state = entry.state if entry is not None else self._book.get(work.partition, key)
            if state is None or state["foundation"] != foundation or row.offset <= state["snapshot_offset"]:
                continue
            if fold.apply_end_marker(state, observed_at, self._keep):
                if entry is None:
                    entry = work.states[key] = _Open(state)
                entry.records += 1
                state["snapshot_offset"] = row.offset
        self._progress.set_baseline(work.partition, foundation, observed_at, record["snapshot_id"])
