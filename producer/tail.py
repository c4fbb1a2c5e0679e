"""One tail: reads one feed of one foundation and commits its rows, page by page, for ever.

``fetch → advance → publish``, with the next page under way while this one is encoded and committed. The state in
memory is only a copy of the last committed checkpoint: after any doubt it is read back.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace
from random import Random

from plumbing.backoff import Backoff
from plumbing.clock import Clock
from plumbing.errors import CfstreamError
from plumbing.waiting import StoppedError, unless_stopped
from producer.api.errors import ApiError
from producer.checkpoint import TailState
from producer.feeds.dialect import head
from producer.feeds.position import Step
from producer.feeds.reader import USAGE, CursorLostError, Fetched, Reader
from producer.feeds.start import first_position
from producer.feeds.usage import is_reseed
from producer.metrics import Metrics
from producer.publish.batch import Batch, Batcher
from producer.publish.outlet import Sink
from producer.publish.transaction import DoubtError
from producer.report import Report
from producer.snapshot.owed import Owed, TakeSnapshot
from producer.snapshot.take import Snapshot
from schemas.records import Gap

RENEW_S = 1.0
"""An idle tail renews its checkpoint at most so often, else at each poll: watermarks move, the topic stays small."""

DOUBTS = Backoff(first_s=0.5, cap_s=10)
"""Waits between doubts that follow each other: what fails at once must not ask for full pages without a pause."""

STANDSTILL_S = 300.0
"""Longest time that one page may take: request, encoding and commit with their own limits fit in it."""


@dataclass(frozen=True)
class TailOptions:
    """How a tail behaves. Topics by full name."""

    foundation: str
    feed: str
    topic: str
    dead_letters: str
    snapshots: str
    start: str
    poll_s: float
    on_gap: str
    until_caught_up: bool
    snapshot_interval_s: float
    on_page: Callable[["Progress"], None] | None = None


@dataclass
class Progress:
    """What health and people look at; written by the tail alone."""

    state: TailState | None = None
    caught_up: bool = False
    last_success: float | None = None
    server_time: int | None = None


class Tail:
    """Runs until told to stop, or until caught up; a backfill until it is finished."""

    def __init__(
        self,
        options: TailOptions,
        reader: Reader,
        batcher: Batcher,
        outlet: Sink,
        *,
        clock: Clock,
        random: Random,
        metrics: Metrics,
        take_snapshot: TakeSnapshot | None,
    ) -> None:
        self._options = options
        self._reader = reader
        self._batcher = batcher
        self._outlet = outlet
        self._clock = clock
        self._random = random
        self._report = Report(metrics, options.foundation, options.feed, reader.settle_s)
        self._committed_at = float("-inf")
        self._doubts = 0
        """Since the last transaction that was committed for certain."""
        self._owed = Owed(take_snapshot, clock, options.snapshot_interval_s)
        self.progress = Progress()

    @property
    def name(self) -> str:
        """Foundation and feed."""
        return self._outlet.identity.key

    def trouble(self) -> str | None:
        """Say why this tail makes no progress now; None when all is well."""
        if self.progress.state is None:
            return self._outlet.trouble or "not started yet"
        return self._outlet.trouble or self._reader.patience.trouble

    def standstill(self) -> str | None:
        """Say that the tail stands still though nothing it waits for is known to be away; None when it lives."""
        last = self.progress.last_success
        if last is None or self.trouble() is not None:
            return None
        silent_s = self._clock.monotonic() - last
        if silent_s <= STANDSTILL_S + 3 * self._options.poll_s:
            return None
        return f"no page and no word of trouble for {silent_s:.0f} s"

    async def run(self, stop: asyncio.Event) -> None:
        """Tail until ``stop`` is set (a clean end) or, where asked for, until caught up.

        Raise FencedError when another producer took over, CfstreamError for what does not heal.
        """
        self._report.running(here=True)
        try:
            await self._run(stop)
        except StoppedError:
            self._report.log.info("tail ends")
        except ApiError as error:
            raise CfstreamError(f"{self.name}: {error}; this does not heal by asking again") from error
        finally:
            self._owed.cancel()
            # Discarding waits for the client's threads, which may be busy with a broker that is away.
            await asyncio.to_thread(self._outlet.close)
            self.progress = Progress()
            self._report.running(here=False)

    async def _run(self, stop: asyncio.Event) -> None:
        state = await self._recovered(stop)
        ahead: asyncio.Task[Fetched] | None = None
        try:
            while True:
                ahead = ahead or asyncio.create_task(self._reader.fetch(state.position))
                try:
                    fetched = await unless_stopped(stop, ahead)
                except CursorLostError as lost:
                    ahead = None
                    state = await self._across_gap(state, lost, stop)
                    continue
                step = self._reader.advance(fetched)
                ahead = None if step.ended else asyncio.create_task(self._reader.fetch(step.position))
                try:
                    state = await self._publish(state, step, fetched.page.server_time)
                except DoubtError as error:
                    _cancel(ahead)
                    ahead = None
                    state = await self._rebuilt(error, stop)
                    continue
                self._note(state, step, fetched.page.server_time)
                if step.ended and await self._idle(state, stop):
                    return
        finally:
            _cancel(ahead)

    async def _recovered(self, stop: asyncio.Event) -> TailState:
        state = await self._outlet.open(stop)
        earlier = state
        if state is not None and state.finished and state.ends_at != self._reader.ends_at:
            # An earlier backfill is done; this one is another.
            state = None
        if state is None:
            position = await unless_stopped(stop, first_position(self._reader, self._options.start))
            pending = self._owed.reason("first-start")
            state = TailState(
                position=position,
                snapshot_pending=pending,
                begins_at=position.floor,
                begins_after_guid=position.guid if position.floor is None else None,
                ends_at=self._reader.ends_at,
                rows=0 if earlier is None else earlier.rows,
                sequence=0 if earlier is None else earlier.sequence,
            )
            self._report.log.info("first start", start=self._options.start)
        else:
            self._report.log.info("goes on", cursor=state.position.guid, rows=state.rows, sequence=state.sequence)
        self.progress.state = state
        self._owed.begin(state.snapshot_pending)
        return state

    async def _rebuilt(self, error: DoubtError, stop: asyncio.Event) -> TailState:
        """Return the state read back after a doubt: at once after one, with a wait after each further one."""
        self._report.doubt(str(error))
        if self._doubts:
            await unless_stopped(stop, self._clock.sleep(DOUBTS.delay(self._doubts - 1, self._random)))
        self._doubts += 1
        return await self._recovered(stop)

    async def _publish(self, state: TailState, step: Step, server_time: int) -> TailState:
        """Commit a page, a finished snapshot, or (when idle) just the checkpoint; return what holds then."""
        snapshot = self._owed.ready(state.snapshot_pending)
        now = self._clock.monotonic()
        moved = step.position != state.position
        finishes = step.finished and not state.finished
        idle = not step.rows and snapshot is None and not finishes
        if idle and (not moved or now - self._committed_at < RENEW_S):
            # Nothing to lose: the position goes on in memory, the next checkpoint takes it along.
            return replace(state, position=step.position)
        new, batch = await asyncio.to_thread(self._write, state, step, snapshot, server_time)
        self._committed_at = now
        self._report.committed(batch, step, snapshot)
        return new

    def _write(
        self, state: TailState, step: Step, snapshot: Snapshot | None, server_time: int
    ) -> tuple[TailState, Batch]:
        """Encode and commit; runs in a thread."""
        origin = state.position.guid or "the start"
        batch = self._batcher.batch(step.rows, self._reader.version, origin, server_time)
        new = replace(
            state,
            position=step.position,
            rows=state.rows + len(batch.messages),
            sequence=state.sequence + 1,
            snapshot_pending=None if snapshot is not None else state.snapshot_pending,
            api_version=self._reader.version,
            finished=state.finished or step.finished,
        )
        batches = {self._options.topic: batch.messages, self._options.dead_letters: batch.dead}
        if snapshot is not None:
            batches[self._options.snapshots] = snapshot.messages
        self._outlet.write({topic: messages for topic, messages in batches.items() if messages}, new, server_time)
        self._doubts = 0
        return new, batch

    async def _across_gap(self, state: TailState, lost: CursorLostError, stop: asyncio.Event) -> TailState:
        """Say the gap, with its two ends, and return the state that goes on behind it."""
        position = self._reader.lost(state.position)
        fetched = await unless_stopped(stop, self._reader.fetch(position))
        step = self._reader.advance(fetched)
        before = next((row for row in step.rows or fetched.page.rows if head(row, self._reader.version)[0]), None)
        kind = "reseed" if before is not None and self._is_reseed(before) else lost.kind
        guid, created_at = head(before, self._reader.version)
        gap: Gap = {
            "kind": kind,
            "after_guid": state.position.guid,
            "after_created_at": state.position.created_at,
            "before_guid": guid,
            "before_created_at": created_at,
            "found_at": fetched.page.server_time,
        }
        self._report.gap(gap)
        new = state.with_gap(gap, position, owed=self._owed.reason("reseed" if kind == "reseed" else "gap"))
        # A snapshot under way began before the gap and does not answer it, however the commit ends.
        self._owed.cancel()
        try:
            new, _ = await asyncio.to_thread(self._write, new, Step([], position, ended=False), None, gap["found_at"])
        except DoubtError as error:
            return await self._rebuilt(error, stop)
        if self._options.on_gap == "stop":
            raise CfstreamError(
                f"{self.name}: rows were gone before they could be read (the gap is in the checkpoint), and "
                "CFSTREAM_ON_GAP=stop; start again to go on behind it"
            )
        self._owed.begin(new.snapshot_pending)
        return new

    def _note(self, state: TailState, step: Step, server_time: int) -> None:
        self.progress.state = state
        self.progress.caught_up = step.ended
        self.progress.last_success = self._clock.monotonic()
        self.progress.server_time = server_time
        if self._options.on_page is not None:
            self._options.on_page(self.progress)
        self._report.page(state, step, server_time)

    def _is_reseed(self, row: object) -> bool:
        return self._options.feed == USAGE and is_reseed(row, self._reader.version)

    async def _idle(self, state: TailState, stop: asyncio.Event) -> bool:
        """Wait for the next poll; return whether the tail is done. A bounded one is once no row of it can follow."""
        if self._options.until_caught_up and (state.ends_at is None or state.finished):
            if not self._owed.open(state.snapshot_pending):
                self._report.log.info("caught up", rows=state.rows)
                return True
            if self._owed.running is not None:
                await unless_stopped(stop, asyncio.wait({self._owed.running}))
                return False
        await unless_stopped(stop, self._clock.sleep(self._options.poll_s))
        return False


def _cancel(task: asyncio.Task[Fetched] | None) -> None:
    if task is not None:
        task.cancel()
