"""Reads the crashes of all partitions and writes the storms they make to the alerts topic.

A watermark W says that every row up to W is published; where the audit topic ends is looked up after W was read. When
all partitions are read up to there, the crashes up to W are complete: they are sorted and handed to the storms. Ids
come from the rows alone, so what a restart says again is known by its id.
"""

import asyncio
from bisect import insort

import structlog
from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from plumbing.clock import SECOND, Clock
from plumbing.ends import high_watermarks
from processors.alerts.rules import Rule
from processors.alerts.storms import Crashed, Storms, crashed
from processors.lane.writer import Writer
from processors.notify.decoding import Decoding
from processors.notify.inbox import Inbox
from processors.notify.metrics import NotifierMetrics
from schemas.codec import Encoder
from schemas.records import Alert, Micros
from schemas.topics import Topics

_log = structlog.get_logger(__name__)
_READ_S = 0.1
_COMMIT_EVERY_S = 5.0
_MINUTE = 60 * SECOND


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
        self._storms = Storms(rules)
        self._topics = topics
        self._inbox = inbox
        self._admin = admin
        self._writer = writer
        self._decoding = decoding
        self._encode = encode
        self._clock = clock
        self._metrics = metrics
        self._waiting: list[Crashed] = []
        self._settled: dict[str, Micros] = {}
        self._goal: tuple[dict[str, Micros], dict[int, int]] | None = None
        self._reached: dict[str, Micros] = {}
        self._first: dict[tuple[int, Micros], int] = {}
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
        for item in await asyncio.to_thread(self._inbox.read, _READ_S):
            record = await self._decoding.record(item)
            if record is None:
                continue
            if item.topic == self._topics.checkpoints.name:
                if record["feed"] == "audit-events" and record["settled_until"] is not None:
                    self._settled[record["foundation"]] = record["settled_until"]
                continue
            crash = crashed(record)  # type: ignore[arg-type] # the topic holds AuditEvent alone
            if crash is not None:
                insort(self._waiting, crash)
                minute = crash.at // _MINUTE * _MINUTE
                self._first.setdefault((item.partition, minute), item.offset)
        await self._aim()
        said = self._advance()
        for alert in said:
            key = alert["labels"]["scope_guid"].encode()
            self._writer.write(self._topics.alerts.name, key, self._encode(alert))
            self._metrics.own_alerts.labels(alert["rule"]).inc()
        if said:
            await self._writer.durable()
        if self._clock.monotonic() >= self._commit_at:
            self._commit_at = self._clock.monotonic() + _COMMIT_EVERY_S
            await asyncio.to_thread(self._inbox.commit, self._floors())

    async def _aim(self) -> None:
        """Take the newest watermarks as the next goal, with where the audit topic ends after they were read."""
        if self._goal is None and self._settled != self._reached:
            watermarks = dict(self._settled)
            try:
                self._goal = watermarks, await asyncio.to_thread(self._ends)
            except KafkaException as error:
                _log.warning("the end of the audit topic is not known yet", error=error.args[0].str())

    def _ends(self) -> dict[int, int]:
        audit = self._topics.audit.name
        found = high_watermarks(self._admin, [(audit, number) for number in self._inbox.partitions(audit)])
        return {number: end for (_, number), end in found.items()}

    def _advance(self) -> list[Alert]:
        if self._goal is None:
            return []
        watermarks, ends = self._goal
        position = self._inbox.position
        if any(position(self._topics.audit.name, number) < end for number, end in ends.items()):
            return []
        self._goal = None
        self._reached = watermarks
        # One time for all: with several foundations, that of the slowest. Nothing after it is complete.
        until = min(watermarks.values())
        complete = [crash for crash in self._waiting if crash.at <= until]
        self._waiting = self._waiting[len(complete) :]
        said = [alert for crash in complete for alert in self._storms.observe(crash)]
        return said + self._storms.advance(until)

    def _floors(self) -> dict[tuple[str, int], int]:
        until = min(self._reached.values(), default=0)
        needed = self._storms.needed_from(until)
        self._first = {key: offset for key, offset in self._first.items() if key[1] + _MINUTE > needed}
        floors: dict[tuple[str, int], int] = {}
        for (partition, _), offset in self._first.items():
            place = (self._topics.audit.name, partition)
            floors[place] = min(offset, floors.get(place, offset))
        return floors
