"""The query of a v3 list, checked as the Cloud Controller checks it (ListMessage, BaseListFetcher)."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple
from urllib.parse import quote_plus, unquote

from standin.cloud_controller.clock import SECOND, from_iso
from standin.cloud_controller.errors import ApiError

COMMON_KEYS = ("page", "per_page", "order_by", "created_ats", "updated_ats", "guids")
PER_PAGE_MOST, PER_PAGE_USUAL = 5000, 50
BRACKETS = re.compile(r"(\w+)\[(\w*)\]")
TIMESTAMP = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}Z")
OPERATORS = ("lt", "lte", "gt", "gte")

Pairs = Sequence[tuple[str, str]]


class ListRules(NamedTuple):
    """What one list allows. ``error`` is how it refuses: 422 for usage events, 400 for all others."""

    keys: tuple[str, ...] = ()
    orders: tuple[str, ...] = ("created_at", "updated_at")
    error: str = "BadQueryParameter"
    updated_ats: bool = True


@dataclass(slots=True)
class Times:
    """A condition on a time: inclusive bounds, or any of some whole seconds."""

    lowest: int | None = None
    highest: int | None = None
    any_of: frozenset[int] | None = None

    def meets(self, at: int) -> bool:
        """Tell whether a time (whole seconds) meets the condition."""
        return (
            (self.lowest is None or at >= self.lowest)
            and (self.highest is None or at <= self.highest)
            and (self.any_of is None or at in self.any_of)
        )


@dataclass(slots=True)
class ListQuery:
    """A valid query. ``filters`` holds the values of every other list-valued key."""

    page: int = 1
    per_page: int = PER_PAGE_USUAL
    order_by: str | None = None
    descending: bool = False
    created: Times | None = None
    guids: frozenset[str] | None = None
    filters: dict[str, frozenset[str]] = field(default_factory=dict)
    echoed: list[tuple[str, str]] = field(default_factory=list)

    def href(self, base: str, page: int) -> str:
        """Return the full address of a page; parameters are sorted, as Rails' to_query does."""
        pairs = [("per_page", str(self.per_page)), *self.echoed, ("page", str(page))]
        if self.order_by:
            pairs.append(("order_by", f"{'-' if self.descending else '+'}{self.order_by}"))
        return f"{base}?{'&'.join(sorted(f'{quote_plus(key)}={quote_plus(value)}' for key, value in pairs))}"


def parse(pairs: Pairs, rules: ListRules, max_total_results: int | None = None) -> ListQuery:
    """Read and check a query string; raises ApiError as that list does."""
    plain: dict[str, str] = {}
    nested: dict[str, dict[str, str]] = {}
    for key, value in pairs:
        if match := BRACKETS.fullmatch(key):
            nested.setdefault(match[1], {})[match[2]] = value
        else:
            plain[key] = value
    query = ListQuery()
    problems = [*_unknown(list(plain) + list(nested), rules)]
    problems += _paging(plain, rules, query, max_total_results)
    problems += _times("created_ats", plain, nested, query)
    query.guids = _values(plain["guids"]) if "guids" in plain else None
    query.filters = {key: _values(plain[key]) for key in rules.keys if key in plain}
    if "not" in nested.get("target_guids", {}):
        query.filters["target_guids[not]"] = _values(nested["target_guids"]["not"])
    elif "target_guids" in nested:
        problems.append("Target guids target_guids has an invalid operator")
    if len(query.filters.get("after_guid", ())) > 1:
        problems.append("After guid filter accepts only one guid")
    if problems:
        raise ApiError(rules.error, ", ".join(problems))
    query.echoed = [(key, value) for key, value in pairs if key not in ("page", "per_page", "order_by")]
    return query


def _values(text: str) -> frozenset[str]:
    return frozenset(unquote(part) for part in re.split(r",\s*", text))


def _unknown(keys: Sequence[str], rules: ListRules) -> list[str]:
    allowed = COMMON_KEYS + rules.keys
    extra = [key for key in keys if key not in allowed]
    problems = []
    if extra:
        valid = "', '".join(allowed)
        unknown = "', '".join(extra)
        problems.append(f"Unknown query parameter(s): '{unknown}'. Valid parameters are: '{valid}'")
    if "updated_ats" in keys and not rules.updated_ats:
        problems.append("Filtering by 'updated_ats' is not allowed on this resource.")
    return problems


def _whole(text: str) -> int:
    """Read a number as Ruby's to_i does: what is none is 0."""
    match = re.match(r"\s*([+-]?[0-9]{1,18})", text)
    return int(match[1]) if match else 0


def _paging(plain: Mapping[str, str], rules: ListRules, query: ListQuery, max_total_results: int | None) -> list[str]:
    problems = []
    if "page" in plain:
        query.page = _whole(plain["page"])
        if query.page < 1:
            problems.append("Page must be a positive integer")
    if "per_page" in plain:
        query.per_page = _whole(plain["per_page"])
        if query.per_page < 1:
            problems.append("Per page must be a positive integer")
        elif query.per_page > PER_PAGE_MOST:
            problems.append(f"Per page must be between 1 and {PER_PAGE_MOST}")
    if max_total_results is not None and query.page * query.per_page > max_total_results:
        problems.append(f"Maximum result (page * per_page) must be less than {max_total_results}")
    if order := plain.get("order_by"):
        # A plus sign that was not escaped arrives as a space.
        name = order[1:] if order[0] in "+- " else order
        if name not in rules.orders:
            choices = ", ".join(f"'{one}'" for one in rules.orders)
            problems.append(f"Order by can only be: {choices}")
        query.order_by, query.descending = name, order[0] == "-"
    return problems


def _moment(text: str) -> int | None:
    """Read a time in the one form that v3 takes; None for any other and for days that do not exist."""
    try:
        return from_iso(text) if TIMESTAMP.fullmatch(text) else None
    except ValueError:
        return None


def _times(key: str, plain: Mapping[str, str], nested: Mapping[str, Mapping[str, str]], query: ListQuery) -> list[str]:
    label = key.capitalize().replace("_", " ")
    wrong = f"{label} has an invalid timestamp format. Timestamps should be formatted as 'YYYY-MM-DDThh:mm:ssZ'"
    if key in plain:
        moments = [_moment(text) for text in plain[key].split(",")]
        query.created = Times(any_of=frozenset(moment for moment in moments if moment is not None))
        return [wrong] if None in moments else []
    problems = []
    times = Times()
    for operator, text in nested.get(key, {}).items():
        if operator not in OPERATORS:
            problems.append(f"{label} Invalid relational operator: '{operator}'")
        elif "," in text:
            problems.append(f"{label} only accepts one value when using a relational operator")
        elif (moment := _moment(text)) is None:
            problems.append(wrong)
        else:
            _bound(times, operator, moment)
    if key in nested:
        query.created = times
    return problems


def _bound(times: Times, operator: str, at: int) -> None:
    # gt leaves out, and lte takes in, the whole second that is named (BaseListFetcher#advanced_filtering).
    if operator in ("gt", "gte"):
        lowest = at + SECOND if operator == "gt" else at
        times.lowest = lowest if times.lowest is None else max(times.lowest, lowest)
    else:
        highest = at - SECOND if operator == "lt" else at
        times.highest = highest if times.highest is None else min(times.highest, highest)
