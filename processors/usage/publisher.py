"""Keeps the shares of this worker's partitions and writes them: totals when they change, hours when time allows."""

import asyncio
import time
from collections.abc import Callable, Iterable
from typing import Literal

from plumbing.clock import SECOND
from processors.book import AppBook
from processors.lane.writer import DELIVERY_S, Writes
from processors.progress import ProgressBook
from processors.standstill import InDoubtError, Standstill
from processors.usage.changes import NOTHING, Change, changes
from processors.usage.keys import hour_key, partial_key, total_key
from processors.usage.ledger import HOUR_S, hour_of
from processors.usage.shares import Shares
from schemas.codec import Codec
from schemas.records import Micros
from schemas.tables import AppState, UsageHour, UsagePartial
from schemas.topics import Topics

RENEW_S = DELIVERY_S + 10.0
"""After a take-over: nothing that the worker before has handed over can land behind it any more. Its totals and hours
carry no version, and a last one, on its way while it was cut off, would replace a newer one and stay."""

SLICE = 1000
"""Apps whose hours are closed in one go, so that chunks are not kept waiting."""


class UsagePublisher:
    """Shares by partition and foundation. Writes through the worker's writer; the caller awaits ``durable``."""

    def __init__(
        self,
        *,
        topics: Topics,
        book: AppBook,
        progress: ProgressBook,
        codec: Codec,
        writer: Writes,
        standstill: Standstill,
        late_window: Micros,
        hours: Literal["app", "space", "off"] = "app",
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._topics = topics
        self._book = book
        self._progress = progress
        self._writer = writer
        self._standstill = standstill
        self._of_apps = hours == "app"
        self._of_groups = hours != "off"
        self._kept_s = -(-late_window // (HOUR_S * SECOND)) * HOUR_S
        self._encode_hour = codec.encoder(topics.usage_hours.name, topics.usage_hours.schema)
        self._encode_partial = codec.encoder(topics.partials.name, topics.partials.schema)
        self._shares: dict[int, dict[str, Shares]] = {}
        self._vouched: dict[str, Micros] = {}
        self._monotonic = monotonic
        self._renew_at: dict[int, float] = {}

    def keep_from(self, partition: int, foundation: str) -> Micros:
        """Return the time before which facts may be let go: their hours are closed for good."""
        return self._share(partition, foundation).kept_from * SECOND

    def close_unwanted(self, partition: int, foundation: str) -> bool:
        """Close hours that nobody wants, and return whether there were any: the past is let go within a chunk.

        The caller makes the progress durable before any state that has lost facts by it, so that a worker that does
        publish hours, later, does not count the lost ones anew.
        """
        vouched = self._vouched.get(foundation)
        if self._of_groups or vouched is None:
            return False
        share = self._share(partition, foundation)
        to = hour_of(min(share.newest_row, vouched) // SECOND - self._kept_s)
        if to <= share.closed_to:
            return False
        self._close(partition, share, to)
        return True

    def _close(self, partition: int, share: Shares, to: int) -> None:
        share.close(to)
        progress = self._progress.get(partition, share.foundation)
        progress["hours_to"] = to * SECOND
        self._progress.change(partition, share.foundation)

    def changed(
        self, partition: int, key: bytes, state: AppState, before: list[Change], after: list[Change]
    ) -> Micros | None:
        """Take note of an app's new state, and of its changes as they were and are; return its ``revised_from``."""
        return self._share(partition, state["foundation"]).changed(key, state, before, after)

    def recovered(self, partition: int, key: bytes, state: AppState) -> None:
        """Take note of an app of a table just recovered."""
        self._share(partition, state["foundation"]).recovered(key, state, changes(state))

    def removed(self, partition: int, key: bytes, foundation: str) -> None:
        """Forget an app that has left the table."""
        self._share(partition, foundation).remove(key)

    def saw(self, partition: int, foundation: str, at: Micros) -> None:
        """Note the time of a usage row, unless no tail vouches for it."""
        if at <= self._vouched.get(foundation, at):
            self._share(partition, foundation).saw(at)

    def vouched(self, until: dict[str, Micros]) -> None:
        """Note by foundation the latest event time for which a tail vouches: rows later still show no time."""
        self._vouched = until

    def overdue(self, partition: int) -> dict[str, Micros]:
        """Return by foundation the time that rows have left behind so far that none can come any more.

        While a worker is behind, no watermark tells it how far it is; but a row later than ``late_window`` finds no
        place anyway. So hours close, and facts are let go, in the middle of a backfill too.
        """
        due: dict[str, Micros] = {}
        for foundation, share in self._shares.get(partition, {}).items():
            newest = min(share.newest_row, self._vouched.get(foundation, share.newest_row))
            until = newest - self._kept_s * SECOND
            if until >= (share.closed_to + HOUR_S) * SECOND:
                due[foundation] = until
        return due

    def reset(self) -> None:
        """Forget all shares: the partitions are assigned anew."""
        self._shares.clear()
        self._renew_at.clear()

    def start(self, partition: int) -> None:
        """Begin with a partition; its apps follow by ``recovered``, and then ``take_over``."""
        self._shares[partition] = {}

    def take_over(self, partition: int) -> None:
        """Note that all apps of a partition are recovered."""
        for share in self._shares[partition].values():
            share.take_over()
        self._renew_at[partition] = self._monotonic() + RENEW_S

    def renew(self, partition: int) -> None:
        """Have totals and hours published a second time, once after each take-over; cheap when it is not due."""
        if self._monotonic() >= self._renew_at.get(partition, float("inf")):
            del self._renew_at[partition]
            for share in self._shares[partition].values():
                share.renew()

    def publish_totals(self, partition: int) -> bool:
        """Hand the totals that changed to the writer; return whether there were any. Raise InDoubtError."""
        self._standstill.refuse()
        wrote = False
        for share in self._shares.get(partition, {}).values():
            for total in share.totals(share.take_changed_totals()):
                key = partial_key(total_key(total["scope"], total["guid"]), partition)
                self._partial(key, UsagePartial(partition=partition, closed_to=None, total=total, hour=None))
                wrote = True
        return wrote

    async def publish_hours(self, partition: int, foundation: str, until: Micros, lock: asyncio.Lock) -> None:
        """Write the hours that changed, and close those that ended; every row up to ``until`` is applied.

        Raise InDoubtError; what was not written by then is written when it is called again.
        """
        if partition not in self._shares:
            return
        share = self._share(partition, foundation)
        second = until // SECOND
        now = hour_of(second)
        closing = now > share.closed_to
        keys = list(share.apps) if closing else list(share.changed_apps)
        if not self._of_apps:
            share.changed_apps.clear()
            keys = []
        # Before the first closing each app and group has hours from its own first change on.
        since = share.closed_to or None
        taken: dict[bytes, int] = {}
        try:
            for start in range(0, len(keys), SLICE):
                async with lock:
                    if self._shares.get(partition, {}).get(foundation) is not share:
                        return
                    self._standstill.refuse()
                    for key in keys[start : start + SLICE]:
                        self._standstill.working()
                        if key in share.changed_apps:
                            taken[key] = share.changed_apps[key]
                        self._app_hours(partition, share, key, since if closing else None, second)
                    await self._writer.durable()
            await self._publish_groups(partition, share, since, second, lock, closing=closing)
        except InDoubtError:
            # It comes again, with all that has changed since: before the first closing that alone says from when on.
            for key, mark in taken.items():
                share.changed_apps[key] = min(mark, share.changed_apps.get(key, mark))
            raise

    async def _publish_groups(
        self, partition: int, share: Shares, since: int | None, second: int, lock: asyncio.Lock, *, closing: bool
    ) -> None:
        foundation, now = share.foundation, hour_of(second)
        async with lock:
            if self._shares.get(partition, {}).get(foundation) is not share:
                return
            self._standstill.refuse()
            if self._group_hours(partition, share, since if closing else None, second):
                await self._writer.durable()
            if closing:
                self._close(partition, share, now)
                closed = UsagePartial(partition=partition, closed_to=now * SECOND, total=None, hour=None)
                self._partial(f"closed/{foundation}/{partition}", closed)
                self._progress.write(partition)
                await self._writer.durable()

    def _app_hours(self, partition: int, share: Shares, key: bytes, since: int | None, until: int) -> None:
        app = share.apps.get(key)
        if app is None:
            return
        mark = share.changed_apps.pop(key, None)
        start = min(moment for moment in (since, mark, until) if moment is not None)
        if mark is None and app.newest < hour_of(start):
            if app.level != NOTHING:
                # An app that nothing happened to: its open hour is left to the next closing.
                self._hours(share.app_hours(key, None, start, until))
            return
        state = self._book.get(partition, key)
        if state is not None:
            self._hours(share.app_hours(key, changes(state), max(start, share.first), until))

    def _group_hours(self, partition: int, share: Shares, since: int | None, until: int) -> bool:
        marks = share.take_changed_hours()
        wrote = False
        if not self._of_groups:
            return False
        for scope in list(share.groups) if since is not None else marks:
            start = min(moment for moment in (since, marks.get(scope), until) if moment is not None)
            for record in share.group_hours(scope, start, until):
                self._standstill.working()
                key = partial_key(hour_key(scope[0], scope[1], record["hour"] // SECOND), partition)
                self._partial(key, UsagePartial(partition=partition, closed_to=None, total=None, hour=record))
                wrote = True
        return wrote

    def _hours(self, records: Iterable[UsageHour]) -> None:
        for record in records:
            key = hour_key(record["scope"], record["guid"], record["hour"] // SECOND)
            self._writer.write(self._topics.usage_hours.name, key.encode(), self._encode_hour(record))

    def _partial(self, key: str, partial: UsagePartial) -> None:
        self._writer.write(self._topics.partials.name, key.encode(), self._encode_partial(partial))

    def _share(self, partition: int, foundation: str) -> Shares:
        shares = self._shares.setdefault(partition, {})
        share = shares.get(foundation)
        if share is None:
            hours_to = self._progress.get(partition, foundation)["hours_to"] or 0
            share = shares[foundation] = Shares(foundation, hours_to // SECOND, self._kept_s, hours=self._of_groups)
        return share
