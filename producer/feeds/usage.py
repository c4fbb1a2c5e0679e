"""The app usage feed's cursor: always page 1 behind the last row, up to the first young row. Pure."""

from dataclasses import replace
from typing import Any

from plumbing.clock import SECOND
from producer.feeds import settle
from producer.feeds.dialect import Page, Query, Version, heads, usage_query
from producer.feeds.position import Position, Step
from producer.feeds.seen import CROWD, LARGEST

Marks = list[tuple[str | None, int | None]]
"""Guid and created_at of rows."""

KNOWN_ROWS = 2000
"""Published rows remembered beside the cursor, and those of the newest second up to ``CROWD``."""


def request(position: Position, version: Version, per_page: int) -> Query:
    """Return the next page to ask for."""
    return usage_query(version, position.guid, per_page)


def advance(position: Position, page: Page, version: Version, settle_s: float) -> Step:
    """Take the settled rows at the page's beginning; stop at the first young one and come back for it.

    A row without a readable time goes with its neighbours; so does one from the future, written by a server whose
    clock is ahead: it is settled when a row behind it is, or when its time has come. A row without a guid cannot be a
    cursor: it is passed with the next row that has one, and waits until then.
    """
    horizon = settle.horizon(page.server_time, settle_s)
    marks = heads(page.rows, version)
    end = _settled(marks, horizon, page.server_time)
    held = len(marks) - end
    while end and marks[end - 1][0] is None:
        end -= 1
    waiting = [created_at for _, created_at in marks[end:] if created_at is not None]
    ended = not page.more or held > 0
    marks = _without_future(marks[:end], page.server_time)
    times = [created_at for _, created_at in marks if created_at is not None]
    newest = max(times, default=None)
    watermark = None if newest is None else settle.watermark_behind(newest, settle_s)
    if not page.more:
        watermark = settle.watermark_at_end(page.server_time, settle_s, waiting)
    late = 0 if position.settled_until is None else sum(at <= position.settled_until for at in times)
    rows = _unpublished(position, page.rows[:end], marks)
    moved = _moved(position, page.rows, marks, newest, settle_s, version)
    moved = replace(moved, settled_until=settle.advanced(position.settled_until, watermark))
    return Step(rows, moved, ended, end - len(rows), late, held, newest)


def _settled(marks: Marks, horizon: int, now: int) -> int:
    """Return how many rows at the beginning are settled. Ids grow: what lies before a settled row is no younger."""
    end = 0
    for index, (_, created_at) in enumerate(marks):
        if created_at is None:
            settled = index == end
        elif horizon <= created_at <= now:
            break
        else:
            settled = created_at < horizon
        if settled:
            end = index + 1
    return end


def _without_future(marks: Marks, now: int) -> Marks:
    """Return the marks without times that no clock can have shown yet: they say nothing about the rows behind."""
    return [(guid, None if at is not None and at > now else at) for guid, at in marks]


def _unpublished(position: Position, rows: list[Any], marks: Marks) -> list[Any]:
    """Drop what lies before the floor or was published before; without a floor all rows are new."""
    if position.floor is None:
        return rows
    # What is older than the window of known rows cannot be told from what was published.
    floor = max(position.floor, position.seen.start * SECOND)
    return [
        row
        for row, (guid, at) in zip(rows, marks, strict=True)
        if at is None or guid is None or (at >= floor and not position.seen.has(guid, at))
    ]


def _moved(
    position: Position, rows: list[Any], marks: Marks, newest: int | None, settle_s: float, version: Version
) -> Position:
    """Return the position behind the last row.

    Remembers the rows published whose time lies less than the settle delay before its own: were the cursor to be
    pruned, they would come again among others of their time that were never read.
    """
    if not marks or newest is None:
        return position if not marks else replace(position, guid=marks[-1][0])
    guid = marks[-1][0]
    created_at = next(at for _, at in reversed(marks) if at is not None)
    floor, largest = position.floor, KNOWN_ROWS
    if floor is None:
        first = created_at - int(settle_s * SECOND)
    else:
        first, largest = floor, LARGEST
        if newest > floor + int((3 * settle_s + 60) * SECOND):
            floor = None
    recent = [(each, at) for each, at in marks if each is not None and at is not None and at >= first]
    return replace(
        position,
        guid=guid,
        created_at=created_at,
        seen=position.seen.with_rows(recent, first // SECOND, largest, CROWD),
        floor=floor,
        reseeded=is_reseed(rows[len(marks) - 1], version),
    )


def lost(position: Position, settle_s: float) -> Position:
    """Return where to go on after the cursor's row has gone: from the oldest row that was not published.

    A row that was recorded after the cursor's may carry a time up to the settle delay before it. Of a second with more
    rows than are remembered nobody can say which were published: it is passed over, as part of the gap.
    """
    disorder = int(settle_s * SECOND)
    behind = position.seen.behind_crowds()
    floors = [
        None if position.created_at is None else position.created_at - disorder,
        position.floor,
        None if behind is None else behind * SECOND,
    ]
    return replace(
        position, guid=None, floor=max((each for each in floors if each is not None), default=None), reseeded=False
    )


def is_reseed(row: Any, version: Version) -> bool:
    """Say whether a purge and reseed wrote this row: its guid is that of its process."""
    if not isinstance(row, dict):
        return False
    if version == "v3":
        process = row.get("process")
        return isinstance(process, dict) and process.get("guid") is not None and process["guid"] == row.get("guid")
    metadata, entity = row.get("metadata"), row.get("entity")
    return isinstance(metadata, dict) and isinstance(entity, dict) and entity.get("app_guid") == metadata.get("guid")
