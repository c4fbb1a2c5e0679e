"""When a row is final, and what the watermark promises.

A row becomes visible when its transaction commits, at most ``settle`` after it was recorded: that is the assumption
behind both, and ``CFSTREAM_SETTLE_SECONDS`` is its size. Age is measured on the server's clock.

*Settled*: created_at < server time - settle. All comparisons are strict, because both times are cut to whole seconds.

*Watermark* W: every row with created_at <= W has been published. W never goes back. It is

- at the end of the feed (nothing settled is left): server time - settle, or the oldest row that is visible and not
  yet published where that is older, less one microsecond;
- while behind: in the usage feed (id order) the newest row read, less settle, because ids are given within ``settle``
  of created_at; in the audit feed (read in created_at order) the newest row read; less one microsecond.

A row with created_at <= W that comes nevertheless has taken longer than the settle delay: it is published all the
same and counted as late.
"""

from collections.abc import Iterable

from plumbing.clock import SECOND


def horizon(server_time: int, settle_s: float) -> int:
    """Return the time before which rows are settled."""
    return server_time - int(settle_s * SECOND)


def watermark_at_end(server_time: int, settle_s: float, waiting: Iterable[int]) -> int:
    """Return W when nothing settled is left; ``waiting`` are the times of visible rows not yet published."""
    return min([horizon(server_time, settle_s), *waiting]) - 1


def watermark_behind(newest: int, disorder_s: float) -> int:
    """Return W while behind; ``disorder_s``: by how much the feed's order and created_at may differ."""
    return newest - int(disorder_s * SECOND) - 1


def advanced(old: int | None, new: int | None) -> int | None:
    """Return the later of two watermarks."""
    if old is None or new is None:
        return new if old is None else old
    return max(old, new)
