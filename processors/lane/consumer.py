"""Faust's consumer with chunks for events, an exact tracker of what was delivered, and recovery in bulk.

One rule holds it together: ``_wanted`` is, for each partition, the position from which the next record must be
delivered. It moves on only after a delivery, and a fetch that starts anywhere else is not delivered. So whatever
drops a fetched record - a rebalance, a seek, back-pressure, a cancelled task - the next fetch brings it again, and
nothing is delivered out of order.
"""

import asyncio
import contextlib
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Protocol

import structlog
from faust.transport.consumer import Fetcher, ensure_TP
from faust.transport.drivers.aiokafka import Consumer
from faust.types import TP, Message
from mode import Service
from mode.utils.futures import notify

from processors.lane.answer import answered
from processors.lane.chunk import Chunk
from processors.lane.thread import CommittedThread, Fetched
from processors.lane.tracker import Tracker
from processors.sources import refuse_shorter

_log = structlog.get_logger(__name__)

FETCH_TIMEOUT_S = 0.5
IDLE_S = 0.02
FINISH_S = 10.0
MOST_PENDING = 4
"""Chunks given to the agent and not done. Faust's own queue then never fills: a put that waits in a full queue
outlives the rebalance that cleared the queue, and would come out ahead of order."""
MEMBER_LOOK_S = 2.0
"""Between two looks whether the worker is still a member of its group."""


class Restores(Protocol):
    """A table that takes changelog records in bulk."""

    def restore(self, partition: int, records: list[Any]) -> None:
        """Apply changelog records, in offset order."""
        ...


class LaneConsumer(Consumer):
    """See the module. ``tracker`` is read by whoever asks how far the worker is."""

    _thread: CommittedThread

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.tracker = Tracker()
        self._wanted: dict[TP, int] = {}
        self._room = asyncio.Event()
        self.skipped: dict[TP, int] = {}
        super().__init__(*args, **kwargs)

    def _new_consumer_thread(self) -> CommittedThread:
        return CommittedThread(self, loop=self.loop, beacon=self.beacon)

    # -- what may be committed

    def ack(self, message: Message) -> bool:
        """Note that a chunk is done."""
        if message.acked:
            return False
        message.acked = True
        self._unacked_messages.discard(message)
        known = self.tracker.done(message.tp, message.offset)
        self._room.set()
        notify(self._waiting_for_ack)
        return known

    def _filter_tps_with_pending_acks(self, topics: Any = None) -> Iterator[TP]:
        for tp in (TP(*pair) for pair in self.tracker.partitions()):
            if topics is None or tp in topics or tp.topic in topics:
                yield tp

    def _new_offset(self, tp: TP) -> int | None:
        return self.tracker.to_commit(tp)

    async def _add_gap(self, tp: TP, offset_from: int, offset_to: int) -> None:
        """Do nothing: the tracker knows no gaps."""

    def on_buffer_full(self, tp: TP) -> None:
        """Do nothing: back-pressure is ``MOST_PENDING``."""

    def on_buffer_drop(self, tp: TP) -> None:
        """Do nothing, as above."""

    async def wait_empty(self) -> None:
        """Wait for the chunk in work, then commit. A chunk that takes too long is left: it will be given again.

        Faust would wait for ever, and a worker with a stuck chunk could not even be stopped.
        """
        limit = time.monotonic() + FINISH_S
        while self._unacked_messages and time.monotonic() < limit:
            self._room.clear()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._room.wait(), IDLE_S * 5)
            self._clean_unacked_messages()
        await self.commit_and_end_transactions()

    @Service.task
    async def _commit_handler(self) -> None:
        """Commit again and again. Faust's own timer warns when a commit takes longer than its interval.

        That is nothing to be warned of: the next one is later then, and more chunks would come again after a kill.
        """
        while not self.should_stop:
            await self.sleep(self.commit_interval)
            await self.commit()

    @Service.task
    async def _watch_membership(self) -> None:
        """End the worker when it has dropped out of its group, also while nothing is fetched."""
        while not self.should_stop:
            await self.sleep(MEMBER_LOOK_S)
            await self._thread.refuse_dropped_out()

    # -- where reading goes on; recovery waits for these, and ``answered`` says why not for ever

    async def on_partitions_revoked(self, revoked: set[TP]) -> None:
        """Let Faust finish what is in work and commit it, then forget every position: a rebalance takes all."""
        await super().on_partitions_revoked(revoked)
        self._wanted.clear()
        self.tracker.forget(self.tracker.partitions())
        self._room.set()

    async def perform_seek(self) -> None:
        """Start reading the source partitions where the group has committed, else at their beginning.

        A table that was deleted and made anew has nothing of what the group has committed: its sources begin anew.
        """
        sources = [tp for tp in self.assignment() if self.app.topics.acks_enabled_for(tp.topic)]
        resuming = self._thread.resume(sources, self._never_written())
        for tp, offset in (await answered("what the group has committed", resuming)).items():
            self._wanted[tp] = offset
            self._read_offset[tp] = self._committed_offset[tp] = offset
            self.tracker.start(tp, offset)
        self._room.set()

    def _never_written(self) -> set[int]:
        """Return the partitions in which the table that remembers the sources was never written."""
        recovery: Any = self.app.tables.recovery  # type: ignore[attr-defined]  # not in Faust's interface
        return {
            tp.partition
            for tp in recovery.active_tps
            if recovery.tp_to_table[tp].remembers_sources and recovery.active_highwaters[tp] < 0
        }

    async def seek_wait(self, partitions: Mapping[TP, int]) -> None:
        """Seek changelog partitions; recovery does."""
        await answered("where the changelogs are read from", super().seek_wait(partitions))
        self._wanted.update({ensure_TP(tp): offset for tp, offset in partitions.items()})

    async def highwaters(self, *partitions: TP) -> Mapping[TP, int]:
        """Return the positions after all that lies in changelog partitions."""
        return await answered("where the changelogs end", super().highwaters(*partitions))

    async def earliest_offsets(self, *partitions: TP) -> Mapping[TP, int]:
        """Return where changelog partitions begin."""
        return await answered("where the changelogs begin", super().earliest_offsets(*partitions))

    async def ends(self, partitions: list[TP]) -> dict[TP, int]:
        """Return the positions after all that is committed; see ``CommittedThread.ends``."""
        return await self._thread.ends(partitions)

    # -- the loop

    async def _drain_messages(self, fetcher: Fetcher) -> None:  # type: ignore[override]  # Faust says ServiceT
        stopped: Callable[[], bool] = lambda: self._stopped.is_set() or fetcher._stopped.is_set()  # noqa: E731,SLF001
        try:
            while not stopped():
                if not self.flow_active:
                    await self.wait(self.can_resume_flow)  # type: ignore[arg-type]  # as Faust itself calls it
                    continue
                active = self._get_active_partitions()
                wanted = {tp: offset for tp, offset in self._wanted.items() if tp in active}
                if not wanted:
                    await asyncio.sleep(IDLE_S)
                    continue
                limit = self.app.conf.broker_max_poll_records
                fetched = await self._thread.fetch(wanted, FETCH_TIMEOUT_S, limit)
                for tp, part in fetched.items():
                    await self._accept(tp, part)
        except self.consumer_stopped_errors:
            if not self.app.should_stop:
                raise

    def _current(self, tp: TP, part: Fetched) -> bool:
        return self._wanted.get(tp) == part.wanted and self.flow_active and tp in self._get_active_partitions()

    async def _accept(self, tp: TP, part: Fetched) -> None:
        if not self._current(tp, part):
            return
        if part.start < part.wanted:
            ends = await self.ends([tp])
            if not self._current(tp, part):
                return
            refuse_shorter({tp: part.wanted}, ends)
        if part.start != part.wanted:
            self.skipped[tp] = self.skipped.get(tp, 0) + part.start - part.wanted
            _log.warning("the log begins after the offset wanted", tp=tp, wanted=part.wanted, begins=part.start)
        if not self.app.topics.acks_enabled_for(tp.topic):
            await self._restore(tp, part)
        elif not self.app.rebalancing and not self.app.in_recovery:
            await self._deliver(tp, part)

    async def _deliver(self, tp: TP, part: Fetched) -> None:
        if not part.records:
            self._wanted[tp] = part.end
            self.tracker.passed(tp, part.end)
            return
        while self.tracker.pending >= MOST_PENDING:
            self._room.clear()
            await self.wait_first(self._room.wait(), self.suspend_flow.wait())
            if self.suspend_flow.is_set() or self.should_stop or self._wanted.get(tp) != part.wanted:
                return
        message = self._to_message(tp, part.records[-1])
        message.key = None
        message.value = Chunk(tp, part.records, part.end)  # type: ignore[assignment]  # Faust says bytes
        self._wanted[tp] = part.end
        self.tracker.delivered(tp, message.offset, part.end)
        self._read_offset[tp] = message.offset
        # Suspended means a rebalance, after which every partition starts anew: what was not delivered is then.
        await self.wait_first(self.callback(message), self.suspend_flow.wait())

    async def _restore(self, tp: TP, part: Fetched) -> None:
        recovery: Any = self.app.tables.recovery  # type: ignore[attr-defined]  # not in Faust's interface
        if not (self.app.in_recovery and tp in recovery.active_tps):
            return
        self._wanted[tp] = part.end
        if part.records:
            table: Restores = recovery.tp_to_table[tp]
            table.restore(tp.partition, part.records)
        # Faust takes the recovery for finished when this reaches the end of the log, whether or not compaction left
        # a record there; its loop looks when an event comes, and at least every 5 s.
        recovery.active_offsets[tp] = part.end - 1
        if part.records:
            await self.wait_first(self.callback(self._to_message(tp, part.records[-1])), self.suspend_flow.wait())
