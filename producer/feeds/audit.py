"""The audit feed's cursor: by second, because the API has no ``after_guid`` here. Pure.

Each page begins at the second of the last row read; rows that were published are known and dropped. A second with more
rows than a page holds is paged inside, each page so that it holds the last row of the page before. If it does not, rows
were pruned meanwhile and the pages have shifted: the second is read again from its first page. When the feed is idle
each poll begins ``overlap`` earlier, for rows that came late.
"""

from dataclasses import replace
from itertools import chain, count
from typing import Any

from plumbing.clock import SECOND
from producer.feeds import settle
from producer.feeds.dialect import Page, Query, Version, audit_query, heads
from producer.feeds.position import Position, Scan, Step
from producer.feeds.seen import Seen

Marks = list[tuple[str, int]]
"""Guid, or a name for a row without one, and created_at of rows."""

_NO_GUID = "?"
"""Begins the name of a row without a guid; no guid of the Cloud Controller does."""


def request(position: Position, version: Version, per_page: int, types: tuple[str, ...] = ()) -> Query:
    """Return the next page to ask for."""
    scan = position.scan or first_scan(position, per_page)
    return audit_query(version, None if scan.since is None else scan.since * SECOND, scan.page, scan.per_page, types)


def first_scan(position: Position, per_page: int) -> Scan:
    """Return where a poll begins: at the start of the window of known rows."""
    if position.created_at is None and position.floor is None:
        return Scan(None, 1, per_page)
    return Scan(position.seen.start, 1, per_page)


def advance(position: Position, page: Page, version: Version, settle_s: float, overlap_s: float, per_page: int) -> Step:
    """Take the settled rows that are not yet known; rows come oldest first.

    A row without a readable time or guid goes with its neighbours and is known by its neighbour's second.
    """
    scan = position.scan or first_scan(position, per_page)
    horizon = settle.horizon(page.server_time, settle_s)
    marks = _filled(page.rows, version)
    end = next((index for index, (_, at) in enumerate(marks) if at >= horizon), len(marks))
    held = len(marks) - end
    waiting = [at for _, at in marks[end:]]
    marks = marks[:end]
    if scan.page > 1 and scan.last not in marks:
        return Step([], replace(position, scan=Scan(scan.since, 1, per_page)), ended=False, held=held)
    fresh = [not position.seen.has(guid, at) and at >= (position.floor or at) for guid, at in marks]
    rows = [row for row, new in zip(page.rows, fresh, strict=False) if new]
    new_marks = [mark for mark, new in zip(marks, fresh, strict=True) if new]
    late = 0
    if position.settled_until is not None:
        late = sum(at <= position.settled_until for _, at in new_marks)
    ended = not page.more or held > 0
    newest = max((at for _, at in marks), default=None)
    guid, created_at = _latest(position, new_marks)
    seen = position.seen
    if created_at is not None:
        seen = seen.with_rows(new_marks, created_at // SECOND - int(overlap_s))
    watermark = None if newest is None else settle.watermark_behind(newest, 0)
    if ended:
        watermark = settle.watermark_at_end(page.server_time, settle_s, waiting)
    moved = replace(
        position,
        guid=guid,
        created_at=created_at,
        seen=seen,
        settled_until=settle.advanced(position.settled_until, watermark),
    )
    following = None if ended else _next_scan(scan, marks, seen, per_page)
    return Step(rows, replace(moved, scan=following), ended, end - len(rows), late, held, newest)


def _latest(position: Position, marks: Marks) -> tuple[str | None, int | None]:
    """Return the guid to ask for should all known rows be gone, and the time passed.

    A row without a guid moves the time alone: it cannot be asked for.
    """
    guid, created_at = position.guid, position.created_at
    for each, at in sorted(marks, key=lambda mark: mark[1]):
        if created_at is None or at >= created_at:
            created_at = at
            guid = guid if each.startswith(_NO_GUID) else each
    return guid, created_at


def _next_scan(scan: Scan, marks: Marks, seen: Seen, per_page: int) -> Scan:
    """Return the page behind this one: in the newest second read where there is one, else in the same listing."""
    if not marks:
        return scan
    last = marks[-1]
    since = max(at for _, at in marks) // SECOND
    if scan.since is not None and since <= scan.since:
        return _behind(scan.since, (scan.page - 1) * scan.per_page + len(marks), per_page, last)
    known = seen.count(since)
    return Scan(since, 1, per_page) if known < per_page else _behind(since, known, per_page, last)


def _behind(since: int, read: int, per_page: int, last: tuple[str, int]) -> Scan:
    """Return the page that holds both the last of the rows read and the first row behind it.

    The API pages by number alone, so the size must not divide the count; the largest that does not is taken.
    """
    sizes = chain(range(per_page, 1, -1), count(max(per_page, 1) + 1))
    size = next(size for size in sizes if read % size)
    return Scan(since, read // size + 1, size, last)


def _filled(rows: list[Any], version: Version) -> Marks:
    """Give rows without a time that of the row before (or behind), and rows without a guid their text as a name."""
    marks = heads(rows, version)
    known = next((at for _, at in marks if at is not None), 0)
    filled: Marks = []
    for row, (guid, at) in zip(rows, marks, strict=True):
        known = at if at is not None else known
        filled.append((guid if guid is not None else f"{_NO_GUID}{row!r}", known))
    return filled


def is_gone(position: Position, page: Page, version: Version) -> bool:
    """Say whether none of the rows that were published is in the window's first page: they may have been pruned.

    Certain only when the last row's guid is asked for and not found.
    """
    scan = position.scan
    if scan is not None and scan.page > 1:
        return False
    known: Any = position.seen.count(position.seen.start if scan is None or scan.since is None else scan.since)
    return bool(known) and not any(position.seen.has(guid, at) for guid, at in _filled(page.rows, version))


def lost(position: Position) -> Position:
    """Return where to go on after all known rows have gone: the same second, with nothing known."""
    return replace(position, guid=None, scan=None, seen=Seen(position.seen.start))
