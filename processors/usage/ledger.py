"""The integral of a step function by hours, kept so that a change at any kept time costs the same small step."""

from processors.usage.changes import NOTHING, Change, Level

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

    def add(self, change: Change, sign: int = 1) -> None:
        """Add a change, or take it away with ``sign`` -1."""
        at, _where, instances, memory, tasks, task_memory = change
        if sign < 0:
            instances, memory, tasks, task_memory = -instances, -memory, -tasks, -task_memory
        elif at > self.newest:
            self.newest = at
        past = at % HOUR_S
        hour = at - past
        if hour < self.first:
            base = self._base
            self._base = Level(base[0] + instances, base[1] + memory, base[2] + tasks, base[3] + task_memory)
            return
        sums = self._hours.get(hour)
        if sums is None:
            sums = self._hours[hour] = [0] * 8
        left = HOUR_S - past
        if instances or memory:
            sums[0] += instances
            sums[1] += memory
            sums[4] += instances * left
            sums[5] += memory * left
        if tasks or task_memory:
            sums[2] += tasks
            sums[3] += task_memory
            sums[6] += tasks * left
            sums[7] += task_memory * left

    def roll(self, first: int) -> None:
        """Keep hours from ``first`` on only; the earlier ones become the level at its beginning."""
        gone = [hour for hour in self._hours if hour < first]
        if gone:
            self._base = self._level(gone)
            for hour in gone:
                del self._hours[hour]
        self.first = max(self.first, first)

    def now(self) -> Level:
        """Return the level after all changes."""
        return self._level(self._hours)

    def at(self, hour: int) -> Level:
        """Return the level at the beginning of an hour that is kept."""
        return self._level([other for other in self._hours if other < hour])

    def hour(self, hour: int, until: int) -> tuple[Level, Level]:
        """Return the integral (in seconds) from an hour's beginning to ``until``, and the level at ``until``.

        No change of that hour may lie after ``until``, which is at most the hour's end.
        """
        start = self.at(hour)
        took = until - hour
        sums = self._hours.get(hour)
        if sums is None:
            return Level(start[0] * took, start[1] * took, start[2] * took, start[3] * took), start
        rest = HOUR_S - took
        integral = Level(*(start[index] * took + sums[index + 4] - sums[index] * rest for index in range(4)))
        return integral, Level(*(start[index] + sums[index] for index in range(4)))

    def _level(self, hours: list[int] | dict[int, _Sum]) -> Level:
        instances, memory, tasks, task_memory = self._base
        for hour in hours:
            sums = self._hours[hour]
            instances += sums[0]
            memory += sums[1]
            tasks += sums[2]
            task_memory += sums[3]
        return Level(instances, memory, tasks, task_memory)
