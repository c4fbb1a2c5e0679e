"""Reads the crashes of all partitions and writes the storms they make to the alerts topic.

A watermark W says that every row of its foundation up to W is published; where the audit topic ends is looked up after
W was read. When all partitions are read up to there, the crashes up to W are complete: they are sorted and handed to
the storms. Ids come from the rows alone, so what a restart says again is known by its id.

Time is each foundation's own: one whose Cloud Controller is away waits alone. Without a tail that runs:

- A tail that is **retired** brings no more rows, so what waits is complete as it is. It is judged, storms that fire are
  told, and those that are open end by their rules as if time went on without a crash. Then nothing of it is kept. Rows
  of a back-fill that come later are judged in the same way; a tail that is run again begins anew.
- Of a foundation of which **no tail is known** nothing says how old its crashes are, and telling them could page for
  history. They wait for a tail, those of the last day that they reach; what is older is history by then, and dropped.
"""

import asyncio
from dataclasses import dataclass
from typing import Any

import structlog
from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from plumbing.clock import END_OF_TIME, Clock
from plumbing.ends import high_watermarks
from processors.alerts.rules import Rule
from processors.alerts.storms import crashed
from processors.checkpoints import is_tail
from processors.lane.writer import Writer
from processors.notify import marks
from processors.notify.decoding import Decoding
from processors.notify.foundation_storms import FoundationStorms
from processors.notify.inbox import Inbox, Item
from processors.notify.marks import Mark
from processors.notify.metrics import NotifierMetrics
from schemas.codec import Encoder
from schemas.records import Alert, Micros
from schemas.topics import Topics

_log = structlog.get_logger(__name__)
_READ_S = 0.1
_COMMIT_EVERY_S = 5.0
_FEED = "audit-events"


@dataclass(frozen=True)
class _Goal:
    """Watermarks by foundation, and the positions to be read to before they hold."""

    watermarks: dict[str, Micros]
    ends: dict[tuple[str, int], int]


class StormWatch:
    """One reader of all partitions. ``run`` works until cancelled."""

    def __init__(
        self,
        *,
        rules: tuple[Rule, ...],
        topics: Topics,
        inbox: Inbox,
        admin: AdminClient,
        writer: Writer,
        decoding: Decoding,
        encode: Encoder,
        clock: Clock,
        metrics: NotifierMetrics,
    ) -> None:
        self._rules = rules
        self._topics = topics
        self._inbox = inbox
        self._admin = admin
        self._writer = writer
        self._decoding = decoding
        self._encode = encode
        self._clock = clock
        self._metrics = metrics
        self._foundations: dict[str, FoundationStorms] = {}
        self._tails: dict[str, Micros | None] = {}
        self._retired: set[str] = set()
        self._marks: dict[int, Mark] = {}
        self._goal: _Goal | None = None
        self._reached: dict[str, Micros] = {}
        self._commit_at = 0.0

    async def run(self) -> None:
        """Work until cancelled. Raise CfstreamError when it cannot go on."""
        await asyncio.to_thread(self._inbox.open)
        try:
            while True:
                await self.step()
        finally:
            await asyncio.shield(asyncio.to_thread(self._inbox.close))

    async def step(self) -> None:
        """Do one round."""
        items = await asyncio.to_thread(self._inbox.read, _READ_S)
        for item, record in await self._decoding.records(items):
            if record is None:
                continue
            if item.topic == self._topics.checkpoints.name:
                self._checkpoint(record)
            else:
                self._audit(item, record)
        await self._aim()
        said = self._advance()
        for alert in said:
            key = alert["labels"]["scope_guid"].encode()
            self._writer.write(self._topics.alerts.name, key, self._encode(alert))
            self._metrics.own_alerts.labels(alert["rule"]).inc()
        if said:
            await self._writer.durable()
        if self._inbox.loaded and self._clock.monotonic() >= self._commit_at:
            self._commit_at = self._clock.monotonic() + _COMMIT_EVERY_S
            await asyncio.to_thread(self._inbox.commit, *self._floors())

    def _checkpoint(self, record: dict[str, Any]) -> None:
        """Take a checkpoint. Back-fills and replays say nothing of now."""
        if record["feed"] != _FEED or not is_tail(record):
            return
        foundation = record["foundation"]
        if record["retired"]:
            self._tails.pop(foundation, None)
            self._retired.add(foundation)
        else:
            self._retired.discard(foundation)
            self._tails[foundation] = record["settled_until"] or self._tails.get(foundation)

    def _audit(self, item: Item, record: dict[str, Any]) -> None:
        crash = crashed(record)  # type: ignore[arg-type] # the topic holds AuditEvent alone
        if crash is None or self._mark(item.partition).judged(crash, item.offset):
            return
        if crash.foundation not in self._foundations:
            self._foundations[crash.foundation] = FoundationStorms(self._rules)
        self._foundations[crash.foundation].take(crash, item.partition, item.offset)

    def _mark(self, partition: int) -> Mark:
        """Return what was noted of a partition before this process began."""
        if partition not in self._marks:
            self._marks[partition] = marks.parse(self._inbox.note(self._topics.audit.name, partition))
        return self._marks[partition]

    async def _aim(self) -> None:
        """Take the newest watermarks as the next goal, with where the topics end after they were read."""
        watermarks = {foundation: until for foundation, until in self._tails.items() if until is not None}
        if self._goal is not None or (watermarks == self._reached and not self._owed()):
            return
        try:
            self._goal = _Goal(watermarks, await asyncio.to_thread(self._ends))
        except KafkaException as error:
            _log.warning("the end of the audit topic is not known yet", error=error.args[0].str())

    def _owed(self) -> bool:
        """Say whether something is to be done with foundations that no watermark moves."""
        return any(
            name in self._retired or (name not in self._tails and one.overlong)
            for name, one in self._foundations.items()
        )

    def _ends(self) -> dict[tuple[str, int], int]:
        # The checkpoints too: an old record may say retired, and a later one that the tail runs again.
        topics = self._topics.audit.name, self._topics.checkpoints.name
        return high_watermarks(self._admin, [(name, n) for name in topics for n in self._inbox.partitions(name)])

    def _advance(self) -> list[Alert]:
        """Judge what the goal makes complete, once all is read up to its ends."""
        if self._goal is None or any(self._inbox.position(*place) < end for place, end in self._goal.ends.items()):
            return []
        self._reached, self._goal = self._goal.watermarks, None
        said: list[Alert] = []
        for name, one in list(self._foundations.items()):
            if name in self._reached:
                said += one.advance(self._reached[name])
            if name in self._retired:
                said += one.advance(END_OF_TIME)
                del self._foundations[name]
            elif name not in self._tails:
                one.cut()
        return said

    def _floors(self) -> tuple[dict[tuple[str, int], int], dict[tuple[str, int], str]]:
        """Return by partition the first offset that some foundation needs again, and the note beside it.

        Not before all was read once: until then the rows that are to be read again are not all counted in.
        """
        floors: dict[tuple[str, int], int] = {}
        needed: dict[tuple[str, int], dict[str, Micros]] = {}
        for name, one in self._foundations.items():
            needed_from = one.needed_from()
            for number, offset in one.floors().items():
                place = (self._topics.audit.name, number)
                floors[place] = min(offset, floors.get(place, offset))
                needed.setdefault(place, {})[name] = needed_from
        position = self._inbox.position
        return floors, {place: Mark(floors[place], position(*place), by).text() for place, by in needed.items()}
