"""Where a feed's first start begins: oldest, now, a time, or a guid."""

from dataclasses import replace

from plumbing.clock import SECOND, iso
from plumbing.errors import UsageError
from producer.feeds import settle
from producer.feeds.dialect import head, page_of
from producer.feeds.position import Position
from producer.feeds.reader import USAGE, Reader
from producer.feeds.seen import Seen
from producer.settings import check_start

_MARGIN_S = 120
"""Ids and created_at differ in order: begin so much earlier and pass over what is older than the start."""

_PAGES = 2000


async def first_position(reader: Reader, start: str) -> Position:
    """Return the position to begin at. Raise UsageError for a guid that the feed does not have."""
    if start == "oldest":
        return Position()
    moment = check_start(start)
    if start == "now":
        moment = settle.horizon(await _server_time(reader), reader.settle_s)
    if moment is not None:
        return await _at_time(reader, moment)
    row = await reader.event(start)
    guid, created_at = head(row, reader.version)
    if guid is None or created_at is None:
        raise UsageError(f"CFSTREAM_START={start}: the {reader.feed} feed has no event with this guid")
    if reader.feed == USAGE:
        return Position(guid=guid, created_at=created_at)
    begun = Position(guid=guid, created_at=created_at, seen=Seen(created_at // SECOND), floor=created_at)
    return replace(begun, seen=begun.seen.with_rows([(guid, created_at)], begun.seen.start))


async def _at_time(reader: Reader, moment: int) -> Position:
    if reader.feed != USAGE:
        return Position(floor=moment, seen=Seen(moment // SECOND))
    anchor = await _anchor(reader, moment - int((_MARGIN_S + reader.settle_s) * SECOND))
    return Position(guid=anchor, floor=moment)


async def _server_time(reader: Reader) -> int:
    answer = await reader.patience.until_done(
        lambda: reader.api.get(f"/{reader.version}/app_usage_events", {_per_page(reader): 1})
    )
    return answer.server_time


async def _anchor(reader: Reader, before: int) -> str | None:
    """Return the guid of a usage row older than a time: the newest such row; None where all are younger."""
    if reader.version == "v3":
        params: dict[str, str | int] = {"per_page": 1, "order_by": "-created_at", "created_ats[lt]": iso(before)}
        answer = await reader.patience.until_done(lambda: reader.api.get("/v3/app_usage_events", params))
        rows = page_of(answer.body, answer.server_time).rows
        return head(rows[0], "v3")[0] if rows else None
    # v2 cannot filter by time: walk back from the newest row.
    for page in range(1, _PAGES):
        v2: dict[str, str | int] = {"results-per-page": reader.per_page, "order-direction": "desc", "page": page}
        answer = await reader.patience.until_done(lambda v2=v2: reader.api.get("/v2/app_usage_events", v2))  # type: ignore[misc] # mypy cannot type a default
        found = page_of(answer.body, answer.server_time)
        for row in found.rows:
            guid, created_at = head(row, "v2")
            if guid is not None and created_at is not None and created_at < before:
                return guid
        if not found.more:
            return None
    return None


def _per_page(reader: Reader) -> str:
    return "per_page" if reader.version == "v3" else "results-per-page"
