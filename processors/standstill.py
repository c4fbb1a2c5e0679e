"""Has this process stood still (frozen, suspended, starved)? Then another may hold its partitions by now.

Kafka gives the partitions of a silent worker away after the session timeout; the worker hears of it when it asks, a
moment after it has woken up. Rows of the tables carry a version and are safe from what it writes in that moment. Hours
and sums carry none: a record of before the standstill would replace a newer one and stay. So they are not written in
doubt, which is until the worker has had the time to hear.
"""

import asyncio
import time
from collections.abc import Callable

import structlog

_log = structlog.get_logger(__name__)

ASK_S = 0.5


class InDoubtError(Exception):
    """The process may have lost its partitions: nothing was written, and it is to be tried again."""


def boot_seconds() -> float:
    """Return a clock that goes on while the machine sleeps, where there is one."""
    return time.clock_gettime(time.CLOCK_BOOTTIME) if hasattr(time, "CLOCK_BOOTTIME") else time.monotonic()


class Standstill:
    """Knows how long the process has stood still from how long nobody has asked; so ask often.

    ``limit_s``: a standstill longer than this puts in doubt, for as long again.
    """

    def __init__(self, limit_s: float, now: Callable[[], float] = boot_seconds) -> None:
        self._limit_s = limit_s
        self._now = now
        self._asked = now()
        self._doubt_until = float("-inf")

    def in_doubt(self) -> bool:
        """Say whether the partitions may be another's."""
        now = self._now()
        if now - self._asked > self._limit_s:
            self._doubt_until = now + self._limit_s
        self._asked = now
        return now < self._doubt_until

    def working(self) -> None:
        """Tell, within long work, that it goes on: busy is not still."""
        self.in_doubt()

    async def watch(self) -> None:
        """Ask for ever, often enough, and say it once when in doubt."""
        told = False
        while True:
            doubt = self.in_doubt()
            if doubt and not told:
                _log.warning("this worker has stood still: it writes no sums until it is sure of its place")
            told = doubt
            await asyncio.sleep(ASK_S)

    def refuse(self) -> None:
        """Raise InDoubtError in doubt; to be called right before writing, with no pause in between."""
        if self.in_doubt():
            raise InDoubtError
