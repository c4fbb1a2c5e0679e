"""The leader's work: read, decide, write to the log, send; from its beginning each time leadership is gained.

Order of writing: the attempt is durable before the request goes out; its end is written down as soon as the answer is
there, and durable before the same worker of its lane sends another and before the position in the alerts topic moves
past it. A kill anywhere leads to the same notification with the same key, never to none; and what is sent again is at
most what the workers of the lanes had in hand.
"""

import asyncio
from collections.abc import Callable, Coroutine, Iterable
from typing import Any

import structlog

from plumbing.clock import SECOND, Clock
from processors.checkpoints import is_tail
from processors.lane.writer import Writer
from processors.notify import dead_letters, log, silences
from processors.notify.api import View
from processors.notify.batch import Batch
from processors.notify.config import AlertsConfig
from processors.notify.decoding import Decoding
from processors.notify.engine import Engine
from processors.notify.inbox import Inbox, Item
from processors.notify.lane import Done, Lane
from processors.notify.metrics import NotifierMetrics
from processors.notify.pipeline_watch import PipelineWatch
from processors.notify.sender import Outcome
from schemas.codec import Codec
from schemas.notifications import NotificationStatus
from schemas.topics import Topics

_log = structlog.get_logger(__name__)
_READ_S = 0.1
_COMMIT_EVERY_S = 1.0
_FINISH_S = 5.0

Handler = Callable[[Item, dict[str, Any] | None], None]
MakeLanes = Callable[[Done], dict[str, Lane]]


class Session:
    """One leadership. ``step`` does one round; ``run`` does rounds until cancelled."""

    def __init__(
        self,
        *,
        config: AlertsConfig,
        topics: Topics,
        inbox: Inbox,
        writer: Writer,
        codec: Codec,
        clock: Clock,
        metrics: NotifierMetrics,
        make_lanes: MakeLanes,
        decoding: Decoding,
        view: View | None = None,
        beside: Iterable[Callable[[], Coroutine[Any, Any, None]]] = (),
    ) -> None:
        """``beside``: what runs as long as the session does, such as the watch for storms."""
        self.engine = Engine(config)
        self._topics = topics
        self._inbox = inbox
        self._writer = writer
        self._decoding = decoding
        self._beside = tuple(beside)
        self._view = view or View()
        self._pipeline = PipelineWatch(config.watch)
        self._clock = clock
        self._metrics = metrics
        self._lanes = make_lanes(self._ended)
        self._encode_log = codec.encoder(topics.notifications.name, topics.notifications.schema)
        self._encode_alert = codec.encoder(topics.alerts.name, topics.alerts.schema)
        self._encode_dead = codec.encoder(topics.dead_letters.name, topics.dead_letters.schema)
        self._told_to: dict[str, int] = {}
        self._commit_at = 0.0
        self._durable = writer.written
        self._flushing = asyncio.Lock()
        self._live = False
        self._handlers: dict[str, Handler] = {
            topics.alerts.name: self._alert,
            topics.notifications.name: self._logged,
            topics.silences.name: self._silence,
            topics.checkpoints.name: self._checkpoint,
            topics.progress.name: self._progress,
            topics.dead_letters.name: self._dead_letter,
            topics.drift.name: self._drift,
        }

    async def run(self, over: asyncio.Event, alive: Callable[[], None] = lambda: None) -> None:
        """Work until ``over`` is set, then see the tries under way to their ends; call ``alive`` after each round.

        Raise CfstreamError when it cannot go on.
        """
        await asyncio.to_thread(self._inbox.open)
        partitions = len(self._inbox.partitions(self._topics.progress.name))
        self.engine.historian.partitions = self._pipeline.partitions = partitions
        try:
            async with asyncio.TaskGroup() as group:
                beside = [group.create_task(lane.run()) for lane in self._lanes.values()]
                beside += [group.create_task(work()) for work in self._beside]
                while not over.is_set():
                    await self.step()
                    alive()
                await self._finish()
                for task in beside:
                    task.cancel()
        finally:
            self._view.known = None
            await asyncio.shield(asyncio.to_thread(self._inbox.close))

    async def _finish(self) -> None:
        """Wait a little for the tries under way and write down their ends, so that a successor need not repeat them."""
        until = self._clock.monotonic() + _FINISH_S
        while self.engine.in_flight and self._clock.monotonic() <= until:
            await self._clock.sleep(0.05)
        self._write_log([])
        await self._commit()

    async def _commit(self) -> None:
        floors = {(self._topics.alerts.name, number): floor for number, floor in self.engine.floors().items()}
        await self._safe()  # the ends by which these floors have risen
        await asyncio.to_thread(self._inbox.commit, floors)

    async def step(self) -> None:
        """Do one round: at most ``_READ_S`` of waiting."""
        items = await asyncio.to_thread(self._inbox.read, _READ_S)
        for item, record in await self._decoding.records(items):
            self._take(item, record)
        if not self._inbox.loaded:
            return
        if not self._live:
            self._live = True
            self.engine.forget_orphans()
            self._pipeline.resume(self.engine.alerts(), self._clock.monotonic())
            _log.info("notifier is up to date", alerts=len(self.engine.alerts()))
        self._watch()
        batches = self.engine.flush(self._clock.now())
        self._write_log(batches)
        await self._safe()
        for batch in batches:
            await self._lanes[batch.receiver].put(batch)
        known = self.engine.alerts()
        self._view.known = ([one for one in known if one["status"] == "firing"], list(self.engine.silences.values()))
        self._metrics.active.set(len(known))
        for name, lane in self._lanes.items():
            self._metrics.waiting.labels(name).set(lane.waiting)
        if self._clock.monotonic() >= self._commit_at:
            self._commit_at = self._clock.monotonic() + _COMMIT_EVERY_S
            await self._commit()

    def _take(self, item: Item, record: dict[str, Any] | None) -> None:
        try:
            self._handlers[item.topic](item, record)
        except ValueError as error:  # such as a silence with a bad matcher
            self._decoding.dead(item, str(error))

    def _alert(self, item: Item, record: dict[str, Any] | None) -> None:
        if record is not None:
            self._metrics.read.inc()
            self.engine.ingest(record, (item.partition, item.offset), self._clock.now())  # type: ignore[arg-type] # the topic holds Alert alone

    def _logged(self, item: Item, record: dict[str, Any] | None) -> None:
        if self._live or item.key is None:
            return  # our own
        if record is None:
            self._entry_gone(item.key)
        elif record["status"] == "history":
            self.engine.historian.told(record["group_key"], record["at"])
            self._told_to[record["group_key"]] = record["at"]
        else:
            group, entry = log.entry_of(record)  # type: ignore[arg-type] # as above
            self.engine.entries[group] = entry

    def _entry_gone(self, key: bytes) -> None:
        gone = [group for group in self.engine.entries if log.key(group) == key]
        for group in gone:
            del self.engine.entries[group]

    def _silence(self, item: Item, record: dict[str, Any] | None) -> None:
        key = (item.key or b"").decode()
        if record is None:
            self.engine.silences.pop(key, None)
        else:
            self.engine.silences[key] = silences.from_record(record)

    def _checkpoint(self, _item: Item, record: dict[str, Any] | None) -> None:
        if record is not None and is_tail(record):
            foundation, feed = record["foundation"], record["feed"]
            written_at, settled_until = record["written_at"], record["settled_until"]
            self.engine.historian.tail(foundation, feed, written_at, settled_until)
            now_s = self._clock.monotonic()
            if record["retired"]:  # the feed is switched off: no more news
                self._pipeline.finished(foundation, feed)
                return
            self._pipeline.checkpoint(foundation, feed, written_at, settled_until, record["gap"], now_s)

    def _progress(self, item: Item, record: dict[str, Any] | None) -> None:
        if record is not None and record["applied_to"] is not None:
            self.engine.historian.applied(record["foundation"], item.partition, record["applied_to"])
            self._pipeline.applied(record["foundation"], item.partition, record["applied_to"])

    def _dead_letter(self, _item: Item, record: dict[str, Any] | None) -> None:
        if record is not None:
            note = f"{record['stage']}, {record['feed']}"
            self._pipeline.seen("dead-letters", record["foundation"] or "", note, self._clock.monotonic())

    def _drift(self, _item: Item, record: dict[str, Any] | None) -> None:
        if record is not None:
            self._pipeline.seen("drift", record["foundation"], record["kind"], self._clock.monotonic())

    def _watch(self) -> None:
        for alert in self._pipeline.look(self._clock.monotonic()):
            key = alert["labels"]["scope_guid"].encode()
            self._writer.write(self._topics.alerts.name, key, self._encode_alert(alert))
            self._metrics.own_alerts.labels(alert["rule"]).inc()

    async def _ended(self, batch: Batch, outcome: Outcome) -> None:
        """Write down how a notification ended; durable when this returns."""
        now = self._clock.now()
        arrived = outcome.verdict == "delivered"
        entry = self.engine.settle(batch, arrived=arrived, now=now)
        group = (batch.receiver, batch.group_key)
        written = log.record(group, entry, "sent" if arrived else "given_up", batch.key, now)
        self._writer.write(self._topics.notifications.name, log.key(group), self._encode_log(written))
        if arrived:
            self._metrics.sent.labels(batch.receiver).inc()
            self._metrics.delay.observe((now - batch.made_at) / SECOND)
            _log.info(
                "notification sent",
                receiver=batch.receiver,
                status=batch.status,
                alerts=len(batch.alerts),
                rules=sorted({alert["rule"] for alert in batch.alerts}),
            )
        else:
            self._metrics.given_up.labels(batch.receiver).inc()
            _log.error("notification given up", receiver=batch.receiver, reason=outcome.reason)
            letter = dead_letters.of_batch(batch, outcome.reason, now)
            self._writer.write(self._topics.dead_letters.name, dead_letters.FEED.encode(), self._encode_dead(letter))
        await self._safe()

    async def _safe(self) -> None:
        """Wait until all that is written so far is durable; those who wait together share one flush."""
        wanted = self._writer.written
        async with self._flushing:
            if self._durable < wanted:
                covered = self._writer.written
                await self._writer.durable()
                self._durable = covered

    def _write_log(self, batches: list[Batch]) -> None:
        """Write what differs from the log."""
        name, now = self._topics.notifications.name, self._clock.now()
        keys = {(batch.receiver, batch.group_key): batch.key for batch in batches}
        for group in self.engine.changed:
            entry = self.engine.entries.get(group)
            if entry is None:
                self._writer.write(name, log.key(group), None)
                continue
            status: NotificationStatus = "attempt" if group in keys else "changed"
            written = log.record(group, entry, status, keys.get(group), now)
            self._writer.write(name, log.key(group), self._encode_log(written))
        self.engine.changed.clear()
        for foundation, told_to in self.engine.historian.told_to().items():
            if self._told_to.get(foundation) != told_to:
                self._told_to[foundation] = told_to
                frame = self._encode_log(log.history_record(foundation, told_to))
                self._writer.write(name, log.history_key(foundation), frame)
