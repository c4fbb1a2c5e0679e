"""Tails whose Cloud Controller has not let us in yet: one foundation that is away holds up no other."""

import asyncio
from collections.abc import Sequence
from typing import Protocol

from plumbing.waiting import StoppedError, unless_stopped
from producer.tail import Tail

ANSWER_S = 10.0
"""How long the foundations that answer wait for the others, so that what is wrong is said before rows are written."""


class Runs(Protocol):
    """What can be run as a tail; see ``Tail``."""

    @property
    def name(self) -> str:
        """Foundation and feed."""
        ...

    def trouble(self) -> str | None:
        """Say why it makes no progress now; None when all is well."""
        ...

    def standstill(self) -> str | None:
        """Say that it stands still though nothing it waits for is known to be away."""
        ...

    async def run(self, stop: asyncio.Event) -> None:
        """Run until ``stop`` is set, or done."""
        ...


class Entering:
    """One tail of a foundation on its way in. ``entry`` ends with all tails of the foundation."""

    def __init__(self, name: str, entry: asyncio.Task[list[Tail]]) -> None:
        self.name = name
        self._entry = entry
        self._tail: Tail | None = None

    def trouble(self) -> str | None:
        """Say that it waits; once it is in, what the tail says."""
        return "its Cloud Controller has not let us in yet" if self._tail is None else self._tail.trouble()

    def standstill(self) -> str | None:
        """Say what the tail says once it is in; waiting is no standstill."""
        return None if self._tail is None else self._tail.standstill()

    async def run(self, stop: asyncio.Event) -> None:
        """Wait until the foundation lets us in, then be its tail. Raise what the entry or the tail raises."""
        try:
            tails = await unless_stopped(stop, asyncio.shield(self._entry))
        except StoppedError:
            return
        self._tail = next(tail for tail in tails if tail.name == self.name)
        await self._tail.run(stop)


async def entered(entries: Sequence[asyncio.Task[list[Tail]]], *, within_s: float | None) -> None:
    """Wait until all are in, or for ``within_s``; raise what is wrong with any of them by then."""
    done, _ = await asyncio.wait(entries, timeout=within_s, return_when=asyncio.FIRST_EXCEPTION)
    for entry in done:
        entry.result()
