"""Time as a port: what waits or asks for the time is given a clock."""

import asyncio
import time
from datetime import UTC, datetime
from typing import Protocol

SECOND = 1_000_000
"""Microseconds."""

END_OF_TIME = 253_402_300_799_000_000
"""The last second of the year 9999."""


class Clock(Protocol):
    """Wall clock, monotonic clock and waiting."""

    def now(self) -> int:
        """Microseconds since the epoch, UTC."""
        ...

    def monotonic(self) -> float:
        """Seconds since some fixed moment; never goes back."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait; cancellable."""
        ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> int:
        """Microseconds since the epoch, UTC."""
        return time.time_ns() // 1000

    def monotonic(self) -> float:
        """Seconds; never goes back."""
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        """Wait; cancellable."""
        await asyncio.sleep(seconds)


def iso(micros: int) -> str:
    """Microseconds since the epoch as ISO 8601 UTC, for people: whole seconds as the platform writes them."""
    seconds, rest = divmod(micros, SECOND)
    text = datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    return f"{text}.{rest:06d}Z" if rest else f"{text}Z"


def micros(text: str) -> int:
    """Microseconds since the epoch of an ISO 8601 time; a time without offset is UTC. Raise ValueError."""
    moment = datetime.fromisoformat(text.strip())
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    whole = moment.replace(microsecond=0)
    return int(whole.timestamp()) * SECOND + moment.microsecond
