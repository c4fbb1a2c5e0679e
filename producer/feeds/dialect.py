"""How the two API versions say the same: paths, paging, where a row keeps its guid and its time. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from plumbing.clock import SECOND, iso
from producer.api.errors import RetriableError
from producer.parse.fields import time_of

Version = Literal["v3", "v2"]
Params = dict[str, str | int]

USAGE_PAGE: dict[Version, int] = {"v3": 5000, "v2": 5000}
"""Rows asked for at once; v3's maximum."""

AUDIT_PAGE: dict[Version, int] = {"v3": 5000, "v2": 100}
"""v2 gives 100 a page at most."""


@dataclass(frozen=True, slots=True)
class Query:
    """One page to ask for."""

    path: str
    params: Params


@dataclass(frozen=True, slots=True)
class Page:
    """One page as it came. ``more``: the server says that there are further pages behind it."""

    rows: list[Any]
    server_time: int
    more: bool


def page_of(body: Mapping[str, Any], server_time: int) -> Page:
    """Read a list's answer in either version. Raise RetriableError where it is no list."""
    rows = body.get("resources")
    if not isinstance(rows, list):
        raise RetriableError("the answer has no resources: it is not a page of the feed")
    pagination = body.get("pagination")
    more = bool(pagination.get("next")) if isinstance(pagination, dict) else bool(body.get("next_url"))
    # A page without rows has nothing behind it, whatever it says: no reader must be led in circles.
    return Page(rows, server_time, more and bool(rows))


def head(row: Any, version: Version) -> tuple[str | None, int | None]:
    """Return guid and created_at (microseconds UTC); None for what cannot be read."""
    if not isinstance(row, dict):
        return None, None
    if version == "v2":
        row = row.get("metadata")
        if not isinstance(row, dict):
            return None, None
    guid = row.get("guid")
    created_at = row.get("created_at")
    try:
        moment = time_of(created_at) if isinstance(created_at, str) else None
    except (ValueError, OverflowError):
        moment = None
    return (guid if isinstance(guid, str) and guid else None), moment


def heads(rows: list[Any], version: Version) -> list[tuple[str | None, int | None]]:
    """Return guid and created_at of each row, as ``head`` does; quick for rows as they should be."""
    try:
        data = rows if version == "v3" else [row["metadata"] for row in rows]
        guids = [row["guid"] for row in data]
        if all(guids) and set(map(type, guids)) <= {str}:
            return [(guid, time_of(row["created_at"])) for guid, row in zip(guids, data, strict=True)]
    except (KeyError, TypeError, ValueError, OverflowError, AttributeError):
        pass
    return [head(row, version) for row in rows]


def usage_query(version: Version, after_guid: str | None, per_page: int) -> Query:
    """Ask for the page behind a row, always page 1: page numbers shift when old rows are pruned.

    No ``order_by``: any order but the default is not the order of insertion.
    """
    params: Params = {"per_page": per_page} if version == "v3" else {"results-per-page": per_page}
    if after_guid is not None:
        params["after_guid"] = after_guid
    return Query(f"/{version}/app_usage_events", params)


def audit_query(version: Version, since: int | None, page: int, per_page: int, types: tuple[str, ...] = ()) -> Query:
    """Ask for a page of rows of the second ``since`` and later, oldest first.

    ``[gt]`` would skip the rest of the second, so it is ``[gte]`` and what was seen is dropped.
    """
    moment = None if since is None else iso(since // SECOND * SECOND)
    if version == "v3":
        params: Params = {"per_page": per_page, "order_by": "created_at"}
        if moment is not None:
            params["created_ats[gte]"] = moment
        if types:
            params["types"] = ",".join(types)
        if page > 1:
            params["page"] = page
        return Query("/v3/audit_events", params)
    params = {"results-per-page": per_page}
    filters = [f"timestamp>={moment}"] if moment is not None else []
    if types:
        filters.append(f"type IN {','.join(types)}")
    if filters:
        # v2 takes several filters in one parameter, separated by semicolons.
        params["q"] = ";".join(filters)
    if page > 1:
        params["page"] = page
    return Query("/v2/events", params)


def event_path(version: Version, feed: str, guid: str) -> str:
    """Return the path of a single event."""
    if feed == "app-usage-events":
        return f"/{version}/app_usage_events/{guid}"
    return f"/v3/audit_events/{guid}" if version == "v3" else f"/v2/events/{guid}"
