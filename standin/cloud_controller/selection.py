"""Which rows of a table a query asks for, and one page of them."""

from collections.abc import Callable, Hashable, Sequence
from itertools import islice
from typing import Generic, NamedTuple, TypeVar

from standin.cloud_controller.list_query import Times
from standin.cloud_controller.table import Index, Row, Table, time_range

R = TypeVar("R", bound=Row)


class Page(NamedTuple, Generic[R]):
    """How many rows there are in all, and those of one page."""

    total: int
    rows: Sequence[R]


class Wanted(NamedTuple, Generic[R]):
    """What to select: conditions all hold. ``key`` names the conditions, so that the answer can be kept."""

    order: Index[R]
    descending: bool = False
    after: R | None = None
    created: Times | None = None
    guids: frozenset[str] | None = None
    keep: Callable[[R], bool] | None = None
    key: Hashable = None


class Selector(Generic[R]):
    """Selects from one table; keeps the last filtered answer, for paging goes through it many times."""

    def __init__(self, table: Table[R]) -> None:
        self._table = table
        self._kept_for: Hashable = None
        self._kept: list[R] = []

    def page(self, wanted: Wanted[R], number: int, size: int) -> Page[R]:
        """Return the n-th page (from 1). Unfiltered and time-ranged lists cost no more than the page."""
        first = (number - 1) * size
        if wanted.guids is not None or wanted.keep is not None or not self._is_a_slice(wanted):
            found = self._filtered(wanted)
            return Page(len(found), found[first : first + size])
        rows = wanted.order.rows
        start, end = self._bounds(wanted)
        total = end - start
        if wanted.descending:
            last = end - first
            return Page(total, rows[max(start, last - size) : max(start, last)][::-1])
        return Page(total, rows[start + first : min(end, start + first + size)])

    def _is_a_slice(self, wanted: Wanted[R]) -> bool:
        ordered_by_id = wanted.order is self._table.in_id_order
        if wanted.created is not None:
            return not ordered_by_id and wanted.after is None and wanted.created.any_of is None
        return ordered_by_id or wanted.after is None

    def _bounds(self, wanted: Wanted[R]) -> tuple[int, int]:
        if wanted.after is not None:
            return self._table.index_after(wanted.after), len(wanted.order.rows)
        if wanted.created is not None:
            return time_range(wanted.order.rows, wanted.created.lowest, wanted.created.highest)
        return 0, len(wanted.order.rows)

    def _filtered(self, wanted: Wanted[R]) -> list[R]:
        state = (self._table.version, wanted.key)
        if wanted.key is None or state != self._kept_for:
            self._kept, self._kept_for = self._filter(wanted), state
        return self._kept

    def _filter(self, wanted: Wanted[R]) -> list[R]:
        created, after, keep = wanted.created, wanted.after, wanted.keep
        if wanted.guids is not None:
            found = [row for row in map(self._table.get, wanted.guids) if row is not None]
            found = [row for row in found if created is None or created.meets(row.created_at)]
        elif created is not None:
            rows = self._table.in_time_order.rows
            start, end = time_range(rows, created.lowest, created.highest)
            chosen = islice(rows, start, end)
            found = [row for row in chosen if created.any_of is None or row.created_at in created.any_of]
        else:
            found = list(wanted.order.rows)
        if after is not None:
            found = [row for row in found if row.id > after.id]
        if keep is not None:
            found = [row for row in found if keep(row)]
        found.sort(key=wanted.order.key, reverse=wanted.descending)
        return found
