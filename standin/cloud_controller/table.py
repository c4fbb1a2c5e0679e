"""One database table as a reader sees it: rows in id order, rows not yet committed, rows pruned away."""

import heapq
from bisect import bisect_left, bisect_right, insort
from collections.abc import Callable, Iterable
from typing import Any, Generic, Protocol, TypeVar


class Row(Protocol):
    """What a table needs to know of a row."""

    @property
    def id(self) -> int:
        """Place in the order of insertion."""

    @property
    def guid(self) -> str:
        """What clients know it by."""

    @property
    def created_at(self) -> int:
        """When it was recorded."""

    @property
    def visible_at(self) -> int:
        """When readers can see it."""


R = TypeVar("R", bound=Row)


def by_id(row: Row) -> int:
    """Order of insertion."""
    return row.id


def by_time_and_guid(row: Row) -> tuple[int, str]:
    """Order of v3's ``order_by=created_at``: the guid breaks a tie, so a later row may come earlier."""
    return row.created_at, row.guid


def by_time_and_id(row: Row) -> tuple[int, int]:
    """Order of v2's ``/v2/events``."""
    return row.created_at, row.id


class Index(Generic[R]):
    """The visible rows kept in one order; appending at the end is the fast and the common case."""

    def __init__(self, key: Callable[[R], Any]) -> None:
        self.key = key
        self.rows: list[R] = []

    def add(self, row: R) -> None:
        """Put a row at its place."""
        if not self.rows or self.key(self.rows[-1]) <= self.key(row):
            self.rows.append(row)
        else:
            insort(self.rows, row, key=self.key)

    def rebuild(self, rows: Iterable[R]) -> None:
        """Take the place of all rows."""
        self.rows = sorted(rows, key=self.key)


class Table(Generic[R]):
    """Rows visible now. ``version`` changes with every change, so that answers may be kept until then."""

    def __init__(self) -> None:
        self.version = 0
        self.in_id_order: Index[R] = Index(by_id)
        self.in_time_order: Index[R] = Index(by_time_and_guid)
        self.in_v2_time_order: Index[R] = Index(by_time_and_id)
        self._by_guid: dict[str, R] = {}
        self._uncommitted: list[tuple[int, int, R]] = []

    def __len__(self) -> int:
        return len(self._by_guid)

    @property
    def uncommitted(self) -> int:
        """How many recorded rows no reader can see yet."""
        return len(self._uncommitted)

    def insert(self, row: R, now: int) -> None:
        """Record a row; a reader sees it from ``row.visible_at`` on."""
        if row.visible_at > now:
            heapq.heappush(self._uncommitted, (row.visible_at, row.id, row))
        else:
            self._show(row)

    def commit_until(self, now: int) -> None:
        """Show the rows whose transactions end by now."""
        while self._uncommitted and self._uncommitted[0][0] <= now:
            self._show(heapq.heappop(self._uncommitted)[2])

    def get(self, guid: str) -> R | None:
        """Return the visible row of that guid."""
        return self._by_guid.get(guid)

    def index_after(self, row: R) -> int:
        """Return the position, in id order, of the first row behind this one."""
        return bisect_right(self.in_id_order.rows, row.id, key=by_id)

    def delete_older_than(self, cutoff: int, *, keep_newest: bool) -> int:
        """Delete visible rows created before the cutoff; returns how many.

        ``keep_newest`` spares the row of the highest id, as the clean-up of usage events does.
        """
        rows = self.in_id_order.rows
        spared = rows[-1].id if rows and keep_newest else None
        kept = [row for row in rows if row.created_at >= cutoff or row.id == spared]
        gone = len(rows) - len(kept)
        if gone:
            self._replace(kept)
        return gone

    def delete_through(self, row_id: int) -> int:
        """Delete visible rows up to and with this id; returns how many."""
        rows = self.in_id_order.rows
        kept = rows[bisect_right(rows, row_id, key=by_id) :]
        gone = len(rows) - len(kept)
        if gone:
            self._replace(kept)
        return gone

    def truncate(self) -> None:
        """Delete everything, uncommitted rows too."""
        self._uncommitted.clear()
        self._replace([])

    def _show(self, row: R) -> None:
        self._by_guid[row.guid] = row
        for index in (self.in_id_order, self.in_time_order, self.in_v2_time_order):
            index.add(row)
        self.version += 1

    def _replace(self, rows: list[R]) -> None:
        self._by_guid = {row.guid: row for row in rows}
        for index in (self.in_id_order, self.in_time_order, self.in_v2_time_order):
            index.rebuild(rows)
        self.version += 1


def time_range(rows: list[R], lowest: int | None, highest: int | None) -> tuple[int, int]:
    """Return the half-open positions of rows with lowest <= created_at <= highest in a list by time."""
    start = 0 if lowest is None else bisect_left(rows, lowest, key=lambda row: row.created_at)
    end = len(rows) if highest is None else bisect_right(rows, highest, key=lambda row: row.created_at)
    return start, max(start, end)
