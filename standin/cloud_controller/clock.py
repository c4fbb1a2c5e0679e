"""Simulated time: it runs at any speed, stands still, or is stepped by hand. Unit: microseconds UTC."""

import time
from datetime import UTC, datetime, timedelta
from functools import lru_cache

SECOND = 1_000_000
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)


class SimClock:
    """A clock that never goes backwards unless it is set.

    With ``speed`` 1 it runs as the wall clock does, with 60 a minute passes in a second, with 0 it stands
    still and moves only by ``step``. ``skew_s`` falsifies what the server says in its ``Date`` header and
    nothing else.
    """

    def __init__(self, start_us: int | None = None, *, speed: float = 1.0) -> None:
        self._speed = speed
        self._anchor_us = time.time_ns() // 1000 if start_us is None else start_us
        self._anchor_ns = time.monotonic_ns()
        self.skew_s = 0.0

    @property
    def speed(self) -> float:
        """Simulated seconds in one real second."""
        return self._speed

    def now(self) -> int:
        """Return the simulated time."""
        elapsed_ns = time.monotonic_ns() - self._anchor_ns
        return self._anchor_us + int(elapsed_ns * self._speed) // 1000

    def header_time(self) -> int:
        """Return the time that the server claims in its ``Date`` header."""
        return self.now() + int(self.skew_s * SECOND)

    def set(self, now_us: int) -> None:
        """Jump to a time, forwards or backwards."""
        self._anchor_us, self._anchor_ns = now_us, time.monotonic_ns()

    def set_speed(self, speed: float) -> None:
        """Go on from the present simulated time at another speed; 0 stops it."""
        if speed < 0:
            raise ValueError("a clock's speed cannot be negative")
        self.set(self.now())
        self._speed = speed

    def step(self, seconds: float) -> int:
        """Jump forward; returns the new time."""
        self.set(self.now() + int(seconds * SECOND))
        return self.now()


def whole_second(at_us: int) -> int:
    """Cut to the whole second, as a database column without fractions does."""
    return at_us - at_us % SECOND


@lru_cache(maxsize=8192)
def iso(at_us: int) -> str:
    """Write a time as the Cloud Controller does: ``2026-11-21T10:00:00Z``."""
    return datetime.fromtimestamp(at_us // SECOND, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def from_iso(text: str) -> int:
    """Read any ISO 8601 time, with an offset or without one (then UTC); raises ValueError."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return (moment - EPOCH) // MICROSECOND
