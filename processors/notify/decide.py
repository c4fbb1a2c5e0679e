"""Whether a group has something to tell: Alertmanager's rules (``notify/notify.go``, needsUpdate), as a function.

Differences, on purpose: an all-clear is sent only for what was announced, and also while its alert is silenced or
inhibited by now, so that no incident stays open at the other end.
"""

from dataclasses import dataclass, field

from plumbing.clock import SECOND
from schemas.records import Micros


@dataclass(frozen=True)
class Entry:
    """What the notification log knows of one group at one receiver.

    ``announced``: ids told as firing and not yet told as resolved. ``sent_at``: last success, 0 for none.
    ``attempt``: ids of a notification that was begun and of which no end is known, None where there is none: it may
    have reached its receiver. ``sequence`` counts the successes.
    """

    announced: frozenset[str] = frozenset()
    sent_at: Micros = 0
    sequence: int = 0
    attempt: frozenset[str] | None = None

    @property
    def maybe_announced(self) -> frozenset[str]:
        """All that the receiver may have been told."""
        return self.announced | (self.attempt or frozenset())


@dataclass(frozen=True)
class Telling:
    """The ids to tell: all that fires, and what is newly resolved."""

    firing: frozenset[str] = frozenset()
    resolved: frozenset[str] = field(default_factory=frozenset)


def to_tell(
    entry: Entry,
    firing: frozenset[str],
    resolved: frozenset[str],
    *,
    now: Micros,
    repeat_interval_s: int,
    send_resolved: bool,
) -> Telling | None:
    """Return what to tell now, or None for nothing.

    ``firing``: members that fire and are not muted. ``resolved``: members that are resolved.
    """
    all_clear = resolved & entry.maybe_announced if send_resolved else frozenset()
    repeat = entry.sent_at + repeat_interval_s * SECOND <= now
    unfinished = entry.attempt is not None and bool(entry.attempt & firing)
    if firing - entry.announced or all_clear or unfinished or (firing and repeat):
        return Telling(firing, all_clear)
    return None


def after_success(entry: Entry, told: Telling, resolved: frozenset[str], now: Micros) -> Entry:
    """Return the entry after a notification arrived. ``resolved``: as in ``to_tell``."""
    return Entry(
        announced=(entry.maybe_announced | told.firing) - resolved,
        sent_at=now,
        sequence=entry.sequence + 1,
    )
