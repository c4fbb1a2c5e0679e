"""How long the tables have not shown what the feeds told, by our own clock. Pure.

A tail's watermark W says that every row up to W is published; partitions say up to which event time they are applied.
What counts is how long ago W was told, not how much event time lies between: a backfill runs through years in minutes,
and workers that stand still are as late when little has happened. A partition that never said anything is at nothing.
"""

from collections import deque
from dataclasses import dataclass

from plumbing.clock import SECOND
from schemas.records import Micros

APPLIED_WITHIN = 10 * SECOND
"""A partition may be ahead of what it last said: it says so every five seconds of event time."""
_SAMPLES = 50
"""Watermarks kept for one limit: the age is right to a fiftieth of it."""


@dataclass(frozen=True)
class Late:
    """How late tables are.

    ``behind_s``: since when something that was told is not applied. ``event_s``: how much event time that is, None
    while a partition has never said anything. ``silent``: how many such partitions, of ``partitions``.
    """

    behind_s: float
    event_s: float | None
    silent: int
    partitions: int


class TableLag:
    """The lag of one foundation's tables. ``now_s`` is a monotonic clock's."""

    def __init__(self, limit_s: float) -> None:
        self._every_s = limit_s / _SAMPLES
        self._told: deque[tuple[Micros, float]] = deque()
        self._applied: dict[int, Micros] = {}

    def told(self, settled: Micros, now_s: float) -> None:
        """Note the watermark that all tails of the foundation have passed."""
        if not self._told or (settled > self._told[-1][0] and now_s - self._told[-1][1] >= self._every_s):
            self._told.append((settled, now_s))

    def applied(self, partition: int, applied_to: Micros) -> None:
        """Note how far a partition is applied."""
        self._applied[partition] = applied_to

    def late_since(self, at_s: float) -> None:
        """Take what is not applied now for told at ``at_s``: an earlier notifier knew it."""
        if self._told:
            self._told[0] = self._told[0][0], at_s

    def look(self, partitions: int, now_s: float) -> Late | None:
        """Return how late the tables are, None where all that was told is applied; ``partitions`` is how many exist."""
        silent = sum(number not in self._applied for number in range(partitions))
        slowest = 0 if silent else min(self._applied.values(), default=0)
        while self._told and self._told[0][0] <= slowest + APPLIED_WITHIN:
            self._told.popleft()
        if not self._told:
            return None
        event_s = None if silent else (self._told[-1][0] - slowest) / SECOND
        return Late(now_s - self._told[0][1], event_s, silent, partitions)
