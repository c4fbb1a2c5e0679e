"""The integral of a step function by hours, kept so that a change at any kept time costs the same small step."""

from collections.abc import Iterator

from processors.usage.changes import NOTHING, Level

HOUR_S = 3600

_Sum = list[int]
"""Of one hour: the sum of its changes (4), and of each change times the seconds left of the hour (4)."""


def hour_of(second: int) -> int:
    """Return the beginning of the hour of a second; both are seconds since the epoch."""
    return second - second % HOUR_S


class Ledger:
    """Changes of one app, space, organization or foundation.

    ``first`` is the first hour kept apart; what changed before belongs to the level at its beginning. Hours are the
    second of their beginning.
    """

    __slots__ = ("_base", "_hours", "first", "newest")

    def __init__(self, first: int) -> None:
        self.first = first
        self.newest = 0
        self._base = NOTHING
        self._hours: dict[int, _Sum] = {}

    def add(self, at: int, by: Level, sign: int = 1) -> None:
        """Add a change, or take it away with ``sign`` -1."""
        hour = hour_of(at)
        if hour < self.first:
            self._base = _plus(self._base, by, sign)
            return
        if sign > 0 and at > self.newest:
            self.newest = at
        sums = self._hours.get(hour)
        if sums is None:
            sums = self._hours[hour] = [0] * 8
        left = hour + HOUR_S - at
        for index in range(4):
            change = sign * by[index]
            sums[index] += change
            sums[index + 4] += change * left

    def roll(self, first: int) -> None:
        """Keep hours from ``first`` on only; the earlier ones become the level at its beginning."""
        for hour in [hour for hour in self._hours if hour < first]:
            sums = self._hours.pop(hour)
            self._base = _plus(self._base, Level(*sums[:4]), 1)
        self.first = max(self.first, first)

    def now(self) -> Level:
        """Return the level after all changes."""
        level = self._base
        for sums in self._hours.values():
            level = _plus(level, Level(*sums[:4]), 1)
        return level

    def at(self, hour: int) -> Level:
        """Return the level at the beginning of an hour that is kept."""
        level = self._base
        for other, sums in self._hours.items():
            if other < hour:
                level = _plus(level, Level(*sums[:4]), 1)
        return level

    def hour(self, hour: int, until: int) -> tuple[Level, Level]:
        """Return the integral (in seconds) from an hour's beginning to ``until``, and the level at ``until``.

        No change of that hour may lie after ``until``, which is at most the hour's end.
        """
        start = self.at(hour)
        sums = self._hours.get(hour, [0] * 8)
        rest = hour + HOUR_S - until
        integral = Level(*(start[index] * (until - hour) + sums[index + 4] - sums[index] * rest for index in range(4)))
        return integral, _plus(start, Level(*sums[:4]), 1)

    def changed_hours(self) -> Iterator[int]:
        """Go through the kept hours in which something changed."""
        return iter(self._hours)


def _plus(one: Level, other: Level, sign: int) -> Level:
    return Level(*(one[index] + sign * other[index] for index in range(4)))
