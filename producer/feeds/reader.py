"""Reads the pages of one feed over the API: the only place where a feed's rules meet the network."""

from dataclasses import dataclass, replace
from typing import Literal

import structlog

from plumbing.clock import SECOND
from producer.api.client import CloudController
from producer.api.errors import RefusedError
from producer.api.patience import Patience
from producer.feeds import audit, usage
from producer.feeds.dialect import AUDIT_PAGE, USAGE_PAGE, Page, Query, Version, event_path, head, heads, page_of
from producer.feeds.position import Position, Step

USAGE = "app-usage-events"
_BAD_CURSOR: dict[Version, tuple[int, int]] = {"v3": (422, 10008), "v2": (400, 10005)}
"""Status and code with which an unknown ``after_guid`` is refused; other bad parameters give the same."""

_NOT_FOUND = 404

log = structlog.get_logger()


class CursorLostError(Exception):
    """The row that the cursor stands on is gone, or its guid now belongs to another row."""

    def __init__(self, kind: Literal["lost-cursor", "reseed"]) -> None:
        super().__init__(kind)
        self.kind = kind


@dataclass(frozen=True)
class Fetched:
    """A page, and the position it was asked for."""

    page: Page
    position: Position


@dataclass(frozen=True)
class Reader:
    """One feed of one foundation in one API version."""

    feed: str
    version: Version
    api: CloudController
    patience: Patience
    settle_s: float
    overlap_s: float
    page_size: int
    types: tuple[str, ...] = ()
    ends_at: int | None = None
    """A backfill's end: rows created from here on are another tail's."""

    @property
    def per_page(self) -> int:
        """Rows asked for at once."""
        largest = (USAGE_PAGE if self.feed == USAGE else AUDIT_PAGE)[self.version]
        return min(self.page_size, largest)

    async def fetch(self, position: Position) -> Fetched:
        """Return the page behind a position, whole; tries without end. Raise CursorLostError or RefusedError."""
        if self.feed == USAGE:
            return await self._usage(position)
        return await self._audit(position)

    def advance(self, fetched: Fetched) -> Step:
        """Return what a page brings. Pure."""
        if self.feed == USAGE:
            step = usage.advance(fetched.position, fetched.page, self.version, self.settle_s)
        else:
            step = audit.advance(
                fetched.position, fetched.page, self.version, self.settle_s, self.overlap_s, self.per_page
            )
        if not step.ended and step.position == fetched.position:
            log.warning("a page without a single row to go on from: waiting for the next poll", feed=self.feed)
            step = replace(step, ended=True)
        return step if self.ends_at is None else self._bounded(step, self.ends_at)

    def _bounded(self, step: Step, ends_at: int) -> Step:
        """Leave out the rows of the tail that begins at ``ends_at``; finished when none of ours can follow.

        The end of the feed is not enough: where ``ends_at`` is young, or still to come, rows before it may be waiting
        to settle, and the other tail passes them over. The watermark says when all of them have been read.
        """
        marks = heads(step.rows, self.version)
        rows = [row for row, (_, at) in zip(step.rows, marks, strict=True) if at is None or at < ends_at]
        disorder_s = 2 * self.settle_s + 60 if self.feed == USAGE else 0
        passed = step.newest is not None and step.newest >= ends_at + int(disorder_s * SECOND)
        ended = step.ended or passed
        settled_until = step.position.settled_until
        # W is a microsecond short of the time before which everything was read.
        finished = ended and settled_until is not None and settled_until >= ends_at - 1
        return replace(step, rows=rows, ended=ended, finished=finished)

    def lost(self, position: Position) -> Position:
        """Return where to go on after CursorLostError."""
        if self.feed == USAGE:
            return usage.lost(position, self.settle_s)
        return audit.lost(position)

    async def event(self, guid: str) -> object | None:
        """Return the single event of that guid as the API shows it; None where there is none."""
        try:
            answer = await self.patience.until_done(lambda: self.api.get(event_path(self.version, self.feed, guid)))
        except RefusedError as error:
            if error.status == _NOT_FOUND:
                return None
            raise
        return answer.body

    async def _usage(self, position: Position) -> Fetched:
        try:
            page = await self._page(usage.request(position, self.version, self.per_page))
        except RefusedError as error:
            if position.guid is None or (error.status, error.code) != _BAD_CURSOR[self.version]:
                raise
            row = await self.event(position.guid)
            if row is not None and head(row, self.version)[1] == position.created_at:
                raise
            raise CursorLostError("lost-cursor" if row is None else "reseed") from error
        if position.reseeded and position.guid is not None:
            # Looked at after the page: a reseed between the two is found now, and the page is dropped.
            position = await self._checked(position, position.guid)
        return Fetched(page, position)

    async def _checked(self, position: Position, guid: str) -> Position:
        row = await self.event(guid)
        _, created_at = head(row, self.version)
        if row is None:
            raise CursorLostError("lost-cursor")
        if not usage.is_reseed(row, self.version):
            return replace(position, reseeded=False)
        if created_at != position.created_at:
            raise CursorLostError("reseed")
        return position

    async def _audit(self, position: Position) -> Fetched:
        page = await self._page(audit.request(position, self.version, self.per_page, self.types))
        if audit.is_gone(position, page, self.version) and position.guid is not None:
            if await self.event(position.guid) is None:
                raise CursorLostError("lost-cursor")
            log.warning("audit window without known rows, though the last one exists", feed=self.feed)
        return Fetched(page, position)

    async def _page(self, query: Query) -> Page:
        async def ask() -> Page:
            answer = await self.api.get(query.path, query.params)
            return page_of(answer.body, answer.server_time)

        return await self.patience.until_done(ask)
