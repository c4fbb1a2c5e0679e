"""The thread that talks to Kafka: reads committed records only, and never loses what it has fetched."""

import asyncio
import contextlib
from collections.abc import Container, Iterable, Mapping
from typing import Any, NamedTuple

import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import CommitFailedError, IllegalStateError, KafkaError
from faust.transport.consumer import ensure_TP
from faust.transport.drivers.aiokafka import AIOKafkaConsumerThread
from faust.types import TP
from faust.types.transports import TransportT

from plumbing.errors import CfstreamError

_log = structlog.get_logger(__name__)


IDLE_FETCH_MS = 250
"""How long a broker holds a fetch that finds nothing. Others wait behind it: after a recovery each of the requests that
find the sources' positions, and their first fetch, would wait the 1.5 s that Faust gives it."""


class DroppedOutError(CfstreamError):
    """The worker takes part in its group no more: another one may have its partitions, and it must not write."""


class Fetched(NamedTuple):
    """What one fetch brought of one partition: the records from position ``start`` to before ``end``.

    The range may hold offsets without a record, and no record at all. ``wanted`` is the position asked for; it
    differs from ``start`` only where Kafka no longer has it (retention) and moved the consumer itself.
    """

    wanted: int
    start: int
    end: int
    records: list[Any]


class CommittedThread(AIOKafkaConsumerThread):
    """Faust's consumer thread with ``isolation.level=read_committed``, for which Faust has no setting."""

    _left_at: dict[TP, int | None]

    def _create_worker_consumer(self, transport: TransportT) -> AIOKafkaConsumer:
        consumer = super()._create_worker_consumer(transport)  # type: ignore[arg-type]  # Faust's own narrowing
        consumer._isolation_level = "read_committed"  # noqa: SLF001 - no public way; see lane.check
        consumer._fetch_max_wait_ms = IDLE_FETCH_MS  # noqa: SLF001 - as above
        self._left_at = {}
        return consumer

    async def fetch(self, wanted: Mapping[TP, int], timeout_s: float, limit: int | None) -> dict[TP, Fetched]:
        """Fetch up to ``limit`` records, each partition from the position wanted.

        A position that an earlier fetch moved on, and whose records were not delivered (a rebalance came between, or
        the caller was cancelled), is taken back first.
        """
        result: dict[TP, Fetched] = await self.call_thread(self._fetch, dict(wanted), timeout_s, limit)
        return result

    async def _fetch(self, wanted: dict[TP, int], timeout_s: float, limit: int | None) -> dict[TP, Fetched]:
        await self._refuse_dropped_out()
        consumer = self._ensure_consumer()
        starts = {tp: start for tp, want in wanted.items() if (start := self._align(consumer, tp, want)) is not None}
        if not starts:
            return {}
        try:
            records = await self._drained(consumer, set(starts), timeout_s, limit)
        except KafkaError:
            await self._refuse_dropped_out()  # whoever waits for records is given the bare error
            raise
        fetched = {}
        for tp, start in starts.items():
            end = self._position(consumer, tp)
            if end is not None and end != start:
                self._left_at[tp] = end
                fetched[tp] = Fetched(wanted[tp], start, end, records.get(tp, []))
        return fetched

    async def _drained(
        self, consumer: AIOKafkaConsumer, partitions: set[TP], timeout_s: float, limit: int | None
    ) -> dict[TP, list[Any]]:
        """Take what has come: of the partition whose turn it is first, and of the others where that is little.

        The work on a chunk is by app as much as by record, so two half chunks cost more than a whole one.
        """
        records: dict[TP, list[Any]] = {}

        async def drain(wanted: set[TP], timeout_s: float, limit: int | None) -> None:
            drained = await self._fetch_records(consumer, wanted, timeout=timeout_s, max_records=limit)
            for their, found in drained.items():
                tp = ensure_TP(their)
                records[tp] = found
                # Should what follows fail, these are fetched again.
                self._left_at[tp] = self._position(consumer, tp)

        buffered = (ensure_TP(tp) for tp in consumer._fetcher._records)  # noqa: SLF001 - see lane.check
        turn = next((tp for tp in buffered if tp in partitions), None)
        if turn is not None and limit is not None and len(partitions) > 1:
            await drain({turn}, 0, limit)
            taken = len(records.get(turn, ()))
            if taken < limit / 2:
                await drain(partitions - {turn} if taken else partitions, 0 if taken else timeout_s, limit)
        else:
            await drain(partitions, timeout_s, limit)
        return records

    def _align(self, consumer: AIOKafkaConsumer, tp: TP, want: int) -> int | None:
        at = self._position(consumer, tp)
        if at is None or at == want:
            return at
        if at == self._left_at.get(tp):
            consumer.seek(TopicPartition(*tp), want)
            return want
        return at

    @staticmethod
    def _position(consumer: AIOKafkaConsumer, tp: TP) -> int | None:
        try:
            state = consumer._subscription.subscription.assignment.state_value(TopicPartition(*tp))  # noqa: SLF001 - position() waits
        except (AttributeError, IllegalStateError, AssertionError):
            return None
        if state is None or not state.has_valid_position:
            return None
        position: int = state.position
        return position

    async def resume(self, partitions: Iterable[TP], anew: Container[int]) -> dict[TP, int]:
        """Seek each partition to its committed offset, or to its beginning where none is committed; return where.

        Partitions whose number is in ``anew`` start at their beginning in any case, and that is committed.
        """
        resumed: dict[TP, int] = await self.call_thread(self._resume, list(partitions), anew)
        return resumed

    async def _resume(self, partitions: list[TP], anew: Container[int]) -> dict[TP, int]:
        consumer = self._ensure_consumer()
        theirs = [TopicPartition(*tp) for tp in partitions]
        found = await asyncio.gather(*(consumer.committed(tp) for tp in theirs))
        committed = {tp: offset for tp, offset in zip(theirs, found, strict=True) if offset is not None}
        starts: dict[Any, int] = {tp: offset for tp, offset in committed.items() if tp.partition not in anew}
        unread = [tp for tp in theirs if tp not in starts]
        if unread:
            # In one request: it waits behind a fetch that the broker holds, and each one would wait anew.
            starts |= await consumer.beginning_offsets(unread)
        back = {tp: starts[tp] for tp in unread if committed.get(tp, 0) > starts[tp]}
        if back:
            # At once: were it killed after its first write to the tables, the next worker would not know any more.
            _log.warning("the tables are new: the sources are read from their beginning", partitions=back)
            with contextlib.suppress(CommitFailedError):  # a rebalance has begun, and it comes here again
                await consumer.commit(back)
        for tp, offset in starts.items():
            consumer.seek(tp, offset)
            self._left_at.pop(ensure_TP(tp), None)
        return {ensure_TP(tp): offset for tp, offset in starts.items()}

    async def refuse_dropped_out(self) -> None:
        """Raise DroppedOutError when the client takes part in the group no more.

        After an answer that it does not expect to a heartbeat, join or sync it does neither again until it is asked
        for errors. Nothing that Faust calls asks, and the worker would go on beside the next owner of its partitions.
        """
        await self.call_thread(self._refuse_dropped_out)

    async def _refuse_dropped_out(self) -> None:
        consumer = self._ensure_consumer()
        try:
            consumer._coordinator.check_errors()  # noqa: SLF001 - no public way; see lane.check
        except Exception as error:
            raise DroppedOutError(
                f"the worker has dropped out of its group {self.app.conf.id} and must start anew: {error!r}"
            ) from error

    async def ends(self, partitions: Iterable[TP]) -> dict[TP, int]:
        """Return the positions after the last committed record or marker (the last stable offset)."""
        theirs = [TopicPartition(*tp) for tp in partitions]
        found: dict[Any, int] = await self.call_thread(self._ensure_consumer().end_offsets, theirs)
        return {ensure_TP(tp): offset for tp, offset in found.items()}
