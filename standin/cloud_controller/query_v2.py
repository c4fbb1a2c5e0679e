"""The query of a v2 list: paging, and the ``q`` filters of ``/v2/events`` (lib/vcap/rest_api/query.rb)."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from standin.cloud_controller.clock import SECOND, from_iso
from standin.cloud_controller.errors import ApiError
from standin.cloud_controller.list_query import Pairs, Times
from standin.cloud_controller.rows import AuditRow

PER_PAGE_USUAL, DEEPEST_INLINE = 50, 3
FILTER = re.compile(r"(.*?)(:|>=|<=|<|>| IN )(.*)", re.DOTALL)
TEXT_COLUMNS: dict[str, Callable[[AuditRow], str]] = {
    "type": lambda row: row.type,
    "actee": lambda row: row.target.guid,
    "space_guid": lambda row: row.space_guid or "",
    "organization_guid": lambda row: row.org_guid or "",
}
COMPARISONS: dict[str, Callable[[str, str], bool]] = {
    ":": lambda value, wanted: value == wanted,
    ">": lambda value, wanted: value > wanted,
    "<": lambda value, wanted: value < wanted,
    ">=": lambda value, wanted: value >= wanted,
    "<=": lambda value, wanted: value <= wanted,
    " IN ": lambda value, wanted: value in wanted.split(","),
}
ECHOED = ("inline-relations-depth", "orphan-relations", "exclude-relations", "include-relations")


def bad(detail: str) -> ApiError:
    """Return the refusal of a parameter: 400, code 10005."""
    return ApiError("BadQueryParameter", detail)


@dataclass(slots=True)
class V2Query:
    """A valid query. ``filters`` are the raw texts of ``q``, split at semicolons."""

    page: int
    size: int
    direction: str
    filters: list[str]
    echoed: list[tuple[str, str]]

    @property
    def descending(self) -> bool:
        """Newest first."""
        return self.direction == "desc"

    def url(self, path: str, page: int) -> str:
        """Return the path of a page, parameters sorted by name as Addressable sorts them."""
        pairs = [
            ("page", str(page)),
            ("results-per-page", str(self.size)),
            ("order-direction", self.direction),
            *self.echoed,
        ]
        pairs.sort(key=lambda pair: pair[0])
        text = "&".join(f"{key}={quote(value, safe=':,')}" for key, value in pairs)
        return f"{path}?{text}"


def parse(pairs: Pairs, *, most: int, orders: tuple[str, ...], preserved: tuple[str, ...] = ()) -> V2Query:
    """Read and check a query string; unknown parameters are ignored, as v2 does."""
    found = dict(reversed(pairs))
    order_by = found.get("order-by")
    if order_by is not None and order_by not in orders:
        raise ApiError("OrderByParameterInvalid", order_by)
    # The oldest pages call the direction "order".
    direction = found.get("order-direction", found.get("order", "asc"))
    if direction not in ("asc", "desc"):
        raise bad(f"order_direction must be 'asc' or 'desc' but was '{direction}'")
    size, page = _number(found, "results-per-page", PER_PAGE_USUAL), _number(found, "page", 1)
    if size > most:
        raise bad(f"results_per_page must be <= {most}")
    if size < 1 or page < 1:
        raise bad("page and results_per_page must be positive")
    if _number(found, "inline-relations-depth", 0) > DEEPEST_INLINE:
        raise bad("inline_relations_depth must be <= 3")
    kept = (*ECHOED, *preserved, "q")
    echoed = [(key, value) for key, value in pairs if key in kept]
    filters = [part for key, value in pairs if key == "q" for part in _split(value)]
    return V2Query(page, size, direction, filters, echoed)


def _number(found: dict[str, str], key: str, usual: int) -> int:
    text = found.get(key)
    if text is None:
        return usual
    if not re.fullmatch(r"[0-9]{1,12}", text):
        raise bad(f"{key} must be a number")
    return int(text)


def _split(text: str) -> list[str]:
    """Split at semicolons; two of them are one that is meant."""
    return [part.replace("\0", ";") for part in text.replace(";;", "\0").split(";") if part]


def conditions(filters: list[str]) -> tuple[Times | None, Callable[[AuditRow], bool] | None]:
    """Return the condition on the time and the one on the other columns; all filters hold together."""
    times: Times | None = None
    checks: list[Callable[[AuditRow], bool]] = []
    for text in filters:
        match = FILTER.fullmatch(text)
        key = match[1] if match else text
        if match is None or (key not in TEXT_COLUMNS and key != "timestamp"):
            raise bad(key)
        if key == "timestamp":
            times = times or Times()
            _narrow(times, match[2], match[3])
        else:
            checks.append(_check(key, match[2], match[3]))
    if not checks:
        return times, None
    return times, lambda row: all(check(row) for check in checks)


def _check(key: str, operator: str, wanted: str) -> Callable[[AuditRow], bool]:
    column, holds = TEXT_COLUMNS[key], COMPARISONS[operator]
    return lambda row: holds(column(row), wanted)


def _narrow(times: Times, operator: str, text: str) -> None:
    """Narrow a condition by one filter; ``>`` and ``<=`` mean the whole second that is named."""
    try:
        moments = [from_iso(part.strip()) for part in (text.split(",") if operator == " IN " else [text])]
    except ValueError:
        raise bad(text) from None
    at = moments[0]
    if operator in (":", " IN "):
        chosen = frozenset(moment - moment % SECOND for moment in moments)
        times.any_of = chosen if times.any_of is None else times.any_of & chosen
    elif operator in (">", ">="):
        lowest = at - at % SECOND + SECOND if operator == ">" else at
        times.lowest = lowest if times.lowest is None else max(times.lowest, lowest)
    else:
        highest = at - 1 if operator == "<" else at
        times.highest = highest if times.highest is None else min(times.highest, highest)


def frame(query: V2Query, path: str, total: int, resources: list[Any]) -> dict[str, Any]:
    """Return a page in v2's frame; next and previous are paths or null."""
    pages = -(-total // query.size) or 1
    return {
        "total_results": total,
        "total_pages": pages,
        "prev_url": query.url(path, query.page - 1) if query.page > 1 else None,
        "next_url": query.url(path, query.page + 1) if query.page < pages else None,
        "resources": resources,
    }
