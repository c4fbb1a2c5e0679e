"""The storms of one foundation: its crashes wait until its own watermark has passed them. No I/O, event time.

Storms never span foundations, so neither does their time: a foundation whose Cloud Controller is away holds back
nobody else.
"""

from bisect import bisect_right, insort
from collections.abc import Iterable

from plumbing.clock import END_OF_TIME, SECOND
from processors.alerts.rules import Rule
from processors.alerts.storms import Crashed, Storms
from schemas.records import Alert, Micros

KEPT = 86_400 * SECOND
"""So much of a foundation waits for a tail of it: by then what is older is history, of which nobody is paged."""

_MINUTE = 60 * SECOND


def _order(crash: Crashed) -> tuple[Micros, str, str]:
    """Sort by time, then app. What may be None in one row and not in another is not compared."""
    return crash.at, crash.app_guid, crash.cell_id or ""


class FoundationStorms:
    """Takes crashes in any order, judges them in order of time, and knows which of them a restart must read again.

    Memory is bounded by the crashes that wait and those within the longest window.
    """

    def __init__(self, rules: Iterable[Rule]) -> None:
        self._storms = Storms(rules)
        self._waiting: list[Crashed] = []
        self._reached: Micros | None = None
        self._first: dict[tuple[int, Micros], int] = {}
        """The first offset by partition and minute."""

    @property
    def waiting(self) -> int:
        """How many crashes are not judged yet."""
        return len(self._waiting)

    @property
    def overlong(self) -> bool:
        """Whether ``cut`` has something to drop."""
        return bool(self._waiting) and self._waiting[0].at < self._waiting[-1].at - KEPT

    def take(self, crash: Crashed, partition: int, offset: int) -> None:
        """Take a crash and where it lies. Offsets of a partition come in order."""
        insort(self._waiting, crash, key=_order)
        self._first.setdefault((partition, crash.at // _MINUTE * _MINUTE), offset)

    def advance(self, until: Micros) -> list[Alert]:
        """Judge all up to ``until``: no crash of that time or before is to come, but for back-fills."""
        self._reached = until
        number = bisect_right(self._waiting, until, key=lambda crash: crash.at)
        complete, self._waiting = self._waiting[:number], self._waiting[number:]
        return [alert for crash in complete for alert in self._storms.observe(crash)] + self._storms.advance(until)

    def cut(self) -> None:
        """Drop the crashes that wait and are older than the newest by more than ``KEPT``."""
        if self.overlong:
            oldest = self._waiting[-1].at - KEPT
            self._waiting = self._waiting[bisect_right(self._waiting, oldest, key=lambda crash: crash.at) :]

    def needed_from(self) -> Micros:
        """Return the event time after which the crashes must be read again to be in this state."""
        waiting = self._waiting[0].at - 1 if self._waiting else END_OF_TIME
        if self._reached is None:
            return waiting
        return min(waiting, self._storms.needed_from(self._reached))

    def floors(self) -> dict[int, int]:
        """Return by partition the first offset that a restart needs; absent where it needs nothing."""
        needed = self.needed_from()
        self._first = {key: offset for key, offset in self._first.items() if key[1] + _MINUTE > needed}
        floors: dict[int, int] = {}
        for (partition, _), offset in self._first.items():
            floors[partition] = min(offset, floors.get(partition, offset))
        return floors
