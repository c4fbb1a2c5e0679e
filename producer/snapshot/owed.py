"""When a snapshot is taken: when one is owed (first start, gap, reseed), and on schedule; in the background."""

import asyncio
from collections.abc import Awaitable, Callable

import structlog

from plumbing.clock import Clock
from producer.api.errors import ApiError
from producer.snapshot.take import Snapshot

AGAIN_S = 60.0
"""Time before a snapshot that could not be taken is tried again."""

TakeSnapshot = Callable[[str], Awaitable[Snapshot]]
"""Takes a snapshot for a reason."""

_NEVER = float("inf")

log = structlog.get_logger()


class Owed:
    """The snapshots of one tail, at most one under way. Without ``take`` none is ever owed."""

    def __init__(self, take: TakeSnapshot | None, clock: Clock, interval_s: float) -> None:
        self._take = take
        self._clock = clock
        self._interval_s = interval_s
        self._due = _NEVER
        self._running: asyncio.Task[Snapshot] | None = None

    def reason(self, reason: str) -> str | None:
        """Return the reason to note as owed, or None where no snapshots are taken."""
        return reason if self._take is not None else None

    def begin(self, pending: str | None) -> None:
        """Take the snapshot that is owed; where none is, the next is due after the interval."""
        if self._take is None or self._running is not None:
            return
        if pending is not None:
            self._running = asyncio.ensure_future(self._take(pending))
        elif self._due == _NEVER:
            self._schedule()

    def open(self, pending: str | None) -> bool:
        """Say whether a snapshot is under way, or is owed and will be tried again."""
        return self._running is not None or (self._take is not None and pending is not None)

    def ready(self, pending: str | None) -> Snapshot | None:
        """Return a snapshot that is ready, once; begin one that is due."""
        if self._take is not None and self._running is None and self._clock.monotonic() >= self._due:
            self._due = _NEVER
            self._running = asyncio.ensure_future(self._take(pending or "schedule"))
        if self._running is None or not self._running.done():
            return None
        task, self._running = self._running, None
        try:
            snapshot = task.result()
        except (ApiError, ValueError, TypeError, KeyError) as error:
            log.warning("the snapshot could not be taken", reason=str(error), again_in_s=AGAIN_S)
            self._due = self._clock.monotonic() + AGAIN_S
            return None
        self._schedule()
        return snapshot

    @property
    def running(self) -> asyncio.Task[Snapshot] | None:
        """The snapshot under way."""
        return self._running

    def cancel(self) -> None:
        """Give up what is under way. After a gap, too: it may have read what was changed in it."""
        if self._running is not None:
            self._running.cancel()
            self._running = None

    def _schedule(self) -> None:
        if self._interval_s:
            self._due = self._clock.monotonic() + self._interval_s
