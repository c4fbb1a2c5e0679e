"""Where a tail stands: what its checkpoint keeps, and what one page makes of it."""

from dataclasses import dataclass, field
from typing import Any

from producer.feeds.seen import Seen


@dataclass(frozen=True)
class Scan:
    """Audit feed: the page to ask for next. Not kept in the checkpoint.

    ``since`` in seconds (None: from the oldest row). ``last``: the last row read before, by guid and created_at; a
    page behind the first must hold it, else rows went meanwhile and the pages have shifted.
    """

    since: int | None
    page: int
    per_page: int
    last: tuple[str, int] | None = None


@dataclass(frozen=True)
class Position:
    """A place in a feed. Times in microseconds UTC.

    ``guid``: the last row passed, in feed order; None before the first and after the cursor was lost.
    ``created_at``: its time.
    ``floor``: rows older than this are passed over: they lie before the start, or were published before.
    ``settled_until``: the watermark; see ``settle``.
    ``reseeded``: the last row passed was written by a purge and reseed, so that its guid may come again.
    """

    guid: str | None = None
    created_at: int | None = None
    settled_until: int | None = None
    seen: Seen = field(default_factory=lambda: Seen(0))
    floor: int | None = None
    reseeded: bool = False
    scan: Scan | None = None


@dataclass(frozen=True)
class Step:
    """What one page brings: rows to publish in feed order, and where the tail stands after them.

    ``ended``: nothing settled is left to read. ``duplicates``: rows that were published before and are dropped.
    ``late``: rows to publish that are older than the watermark given out before. ``held``: young rows that wait.
    ``newest``: the highest created_at passed. ``finished``: a bounded tail has read all that it was asked for, and no
    row of it can follow; a feed that goes on is never finished.
    """

    rows: list[Any]
    position: Position
    ended: bool
    duplicates: int = 0
    late: int = 0
    held: int = 0
    newest: int | None = None
    finished: bool = False
