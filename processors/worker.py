"""What a worker does with a chunk: decode once, fold app by app, then write in the order that makes it exact.

Outputs (alerts, dead letters) first, then the states, then the offsets. A worker that dies in between leaves states
that do not know the chunk, and the chunk is worked on again: alerts may come twice, under the same id; numbers do
not. A worker that dies after the states were written has its successor pass over every row of the chunk.
"""

import asyncio
from collections.abc import Callable, Iterable
from contextlib import suppress

from faust.types import TP

from plumbing.clock import SECOND, Clock
from processors.apply import Applier
from processors.book import AppBook
from processors.crashes import CrashWatch
from processors.decode import Decoder, Row
from processors.drift import drifts
from processors.lane.chunk import Chunk
from processors.lane.writer import Writes
from processors.metrics import WorkerMetrics
from processors.outputs import Outputs
from processors.progress import ProgressBook
from processors.schedule import Schedule, next_due
from processors.standstill import InDoubtError
from processors.state import fold
from processors.state.facts import seen_until
from processors.state.fold import Keep
from processors.state.record import ImpossibleError, crowded, settle
from processors.usage.changes import changes
from processors.usage.publisher import UsagePublisher
from processors.work import Opened, Work
from schemas.records import DeadLetter, Micros
from schemas.tables import AppState
from schemas.topics import Topics

TICK_SLICE = 500
"""Apps changed by time in one go, so that chunks are not kept waiting."""

MOST_ROWS = 10_000
"""Rows worked on before the states are written, whatever a chunk holds."""

APPLIED_EVERY = 5 * SECOND
"""How far event time must come before a partition says so again."""

TICK_ROUNDS = 4
"""What time changes may be due to change again: an app whose last task expired may be one to forget."""


class Worker:
    """Folds chunks and time into the table. One lock keeps chunk and tick apart: both are read-modify-write."""

    def __init__(
        self,
        *,
        topics: Topics,
        book: AppBook,
        progress: ProgressBook,
        decoder: Decoder,
        writer: Writes,
        send: Callable[[Outputs], None],
        watch: CrashWatch,
        usage: UsagePublisher,
        refresh: Callable[[int], int],
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
        self._usage = usage
        self._refresh = refresh
        self._keep = keep
        self._metrics = metrics
        self._clock = clock
        self._lock = asyncio.Lock()
        self._closing = asyncio.Lock()
        self._schedules: dict[int, dict[str, Schedule]] = {}
        self._offsets = (
            (topics.usage.name, "usage_offset"),
            (topics.audit.name, "audit_offset"),
            (topics.snapshots.name, "snapshot_offset"),
        )
        self._applier = Applier(book=book, progress=progress, watch=watch, usage=usage, keep=keep, metrics=metrics)
        self._folds: dict[str, Callable[[Work, Row], None]] = {
            topics.usage.name: self._applier.usage,
            topics.audit.name: self._applier.audit,
            topics.snapshots.name: self._applier.snapshot,
        }

    @property
    def sources(self) -> Iterable[str]:
        """Names of the topics to read."""
        return self._folds.keys()

    async def process(self, chunk: Chunk) -> None:
        """Work on one chunk; return when its effects are durable."""
        decoded = await self._decoder.chunk(chunk)
        dead = decoded.dead
        for start in range(0, max(1, len(decoded.rows)), MOST_ROWS):
            await self._apply(chunk, decoded.rows[start : start + MOST_ROWS], dead)
            dead = []
        self._metrics.chunk(chunk.tp.topic, len(chunk.records), decoded)

    async def _apply(self, chunk: Chunk, rows: list[Row], dead: list[DeadLetter]) -> None:
        async with self._lock:
            work = Work(chunk.tp.partition)
            work.outputs.dead_letters += dead
            apply = self._folds[chunk.tp.topic]
            for row in rows:
                try:
                    apply(work, row)
                except ImpossibleError as error:
                    work.outputs.dead_letters.append(
                        self._decoder.dead_letter(chunk, row.offset, row.key, row.raw, str(error))
                    )
            self._applier.finish(work)
            if work.closed and self._progress.write(work.partition):
                await self._writer.durable()
            await self._write(work)
            too_long = any(crowded(entry.state) for entry in work.states.values())
        if too_long:
            # In a backfill an app's past may come faster than time is looked at; no record may grow without end.
            with suppress(InDoubtError):  # the timekeeper closes them a little later
                await self.close_overdue_hours(chunk.tp.partition)

    async def tick(self, partition: int, foundation: str, until: Micros) -> None:
        """Advance the time of one foundation's apps in a partition: every row up to ``until`` is applied."""
        for _ in range(TICK_ROUNDS):
            async with self._lock:
                schedule = self._schedules.get(partition, {}).get(foundation)
                keys = [] if schedule is None else schedule.pop(until)
            if not keys:
                break
            for start in range(0, len(keys), TICK_SLICE):
                await self._tick_slice(partition, keys[start : start + TICK_SLICE], foundation, until)
        await self._publish_hours(partition, foundation, until)
        await self._compare(partition, foundation, until)
        await self._say_applied(partition, foundation, until)

    async def _tick_slice(self, partition: int, keys: list[bytes], foundation: str, until: Micros) -> None:
        async with self._lock:
            if partition not in self._schedules:
                return
            work = Work(partition)
            for key in keys:
                state = self._book.get(partition, key)
                if state is not None:
                    self._tick_app(work, key, state, foundation, until)
            await self._write(work)

    async def publish_totals(self, partition: int) -> None:
        """Write the shares in the totals that have changed."""
        async with self._lock:
            if self._usage.publish_totals(partition):
                await self._writer.durable()

    def vouched(self, until: dict[str, Micros]) -> None:
        """Take note by foundation of the latest event time for which a tail vouches."""
        self._usage.vouched(until)

    async def close_overdue_hours(self, partition: int) -> None:
        """Close hours that no row can concern any more although the worker is behind."""
        for foundation, until in self._usage.overdue(partition).items():
            await self._publish_hours(partition, foundation, until)

    async def _publish_hours(self, partition: int, foundation: str, until: Micros) -> None:
        # Chunks and ticks both close hours; two at a time would each undo what the other has closed.
        async with self._closing:
            await self._usage.publish_hours(partition, foundation, until, self._lock)

    async def refresh(self, partition: int) -> None:
        """Write once more what a paused worker's late write may lie behind: rows of a while ago, totals and hours."""
        async with self._lock:
            self._usage.renew(partition)
            if partition in self._schedules and self._refresh(partition):
                await self._writer.durable()

    async def _compare(self, partition: int, foundation: str, until: Micros) -> None:
        """Report what the newest snapshot found different, once every row of its time is applied."""
        async with self._lock:
            if partition not in self._schedules:
                return
            progress = self._progress.get(partition, foundation)
            observed_at, snapshot_id = progress["baseline_at"], progress["baseline_id"]
            if observed_at is None or observed_at == progress["checked_at"]:
                return
            if until < seen_until(observed_at, progress["baseline_read_until"]):
                return
            work = Work(partition)
            for _key, state in self._book.items(partition):
                if state["foundation"] == foundation:
                    work.outputs.drift += drifts(state, snapshot_id or "", observed_at)
            for drift in work.outputs.drift:
                self._metrics.drift.labels(drift["kind"]).inc()
            progress["checked_at"] = observed_at
            self._progress.change(partition, foundation)
            await self._write(work)

    async def _say_applied(self, partition: int, foundation: str, until: Micros) -> None:
        """Note how far the partition has come, now that all that was due is durable; the notifier waits for it."""
        async with self._lock:
            progress = self._progress.get(partition, foundation)
            if partition not in self._schedules or until < (progress["applied_to"] or 0) + APPLIED_EVERY:
                return
            progress["applied_to"] = until
            self._progress.change(partition, foundation)
            await self._write(Work(partition))

    def _tick_app(self, work: Work, key: bytes, state: AppState, foundation: str, until: Micros) -> None:
        before = self._book.changes(work.partition, key, state)
        changed = fold.tick(state, until, self._keep, keep_from=self._usage.keep_from(work.partition, foundation))
        remembered, alerts = self._watch.tick(state, until)
        work.outputs.alerts += alerts
        if changed or remembered:
            work.states[key] = Opened(state, before, timed=True)
        elif not fold.gone(state, until, self._keep):
            self._set_due(work.partition, key, state)
            return
        if fold.gone(state, until, self._keep):
            work.outputs.removed.append((key, foundation))

    async def recovered(self, partitions: Iterable[int]) -> dict[TP, int]:
        """Rebuild what is derived from the table, after an assignment.

        Return for each source partition the position behind the last record that the table knows.
        """
        known: dict[TP, int] = {}
        async with self._lock:
            self._book.reset()
            self._progress.reset()
            self._usage.reset()
            self._schedules.clear()
            for partition in partitions:
                self._schedules[partition] = {}
                self._usage.start(partition)
                for index, (key, state) in enumerate(self._book.items(partition)):
                    self._set_due(partition, key, state)
                    self._usage.recovered(partition, key, state)
                    for topic, name in self._offsets:
                        offset: int = state[name]  # type: ignore[literal-required]  # names of the record
                        known[TP(topic, partition)] = max(offset + 1, known.get(TP(topic, partition), 0))
                    if index % 1000 == 0:
                        await asyncio.sleep(0)
                self._usage.take_over(partition)
        return known

    async def revoked(self) -> None:
        """Let go of all partitions: a rebalance has begun. Returns when no tick is at work on one."""
        async with self._lock:
            self._schedules.clear()
            self._usage.reset()

    def _set_due(self, partition: int, key: bytes, state: AppState) -> None:
        schedules = self._schedules.setdefault(partition, {})
        schedule = schedules.get(state["foundation"])
        if schedule is None:
            schedule = schedules[state["foundation"]] = Schedule()
        schedule.set(key, next_due(state, self._keep, self._watch))

    async def _write(self, work: Work) -> None:
        if work.outputs:
            self._send(work.outputs)
            await self._writer.durable()
            for alert in work.outputs.alerts:
                self._metrics.alerts.labels(alert["status"]).inc()
        wrote = False
        for key, entry in work.states.items():
            if not entry.records and not entry.timed:
                continue
            settle(entry.state, entry.records)
            after = changes(entry.state)
            if entry.before is not None:
                revised_from = self._usage.changed(work.partition, key, entry.state, entry.before, after)
                entry.state["revised_from"] = revised_from
            self._book.put(work.partition, key, entry.state, after)
            self._set_due(work.partition, key, entry.state)
            wrote = True
        for key, foundation in work.outputs.removed:
            self._book.remove(work.partition, key)
            self._usage.removed(work.partition, key, foundation)
            self._schedules[work.partition][foundation].set(key, None)
            wrote = True
        if self._progress.write(work.partition) or wrote:
            await self._writer.durable()
