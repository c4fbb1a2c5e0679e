"""The crashes of one app in event time: the recent ones in order, and the streak of each instance index."""

from bisect import insort
from operator import itemgetter

from plumbing.clock import SECOND
from processors.alerts.diego import loop_gap_s
from processors.alerts.state import MAX_INDEXES, MAX_RECENT, CrashIndex, RecentCrash
from schemas.records import Micros

_FORGET_INDEX_AFTER = 86_400 * SECOND


def insert(recent: list[RecentCrash], crash: RecentCrash, horizon_s: int) -> list[RecentCrash]:
    """Return the crashes with one more, in event-time order, without those older than the horizon.

    A late row takes its place in the order. Where there are more than MAX_RECENT the oldest go: counts then saturate
    above every allowed threshold.
    """
    crashes = list(recent)
    insort(crashes, crash, key=itemgetter("at"))
    oldest = crashes[-1]["at"] - horizon_s * SECOND
    return [kept for kept in crashes[-MAX_RECENT:] if kept["at"] > oldest]


def crashed(indexes: list[CrashIndex], index: int, at: Micros) -> list[CrashIndex]:
    """Return the indexes after a crash of one of them.

    The streak goes on when the gap fits Diego's back-off, else it starts anew. A count that the twin event brought
    for this very second is Diego's own and wins.
    """
    known = next((entry for entry in indexes if entry["index"] == index), None)
    others = [entry for entry in indexes if entry["index"] != index and entry["last_at"] > at - _FORGET_INDEX_AFTER]
    if len(others) >= MAX_INDEXES:
        others.remove(min(others, key=itemgetter("last_at")))
    return [*others, _first(index, at) if known is None else _next(known, at)]


def noted(indexes: list[CrashIndex], index: int, at: Micros, crash_count: int) -> list[CrashIndex]:
    """Return the indexes after the twin event of a crash, which tells Diego's crash count for that second."""
    known = next((entry for entry in indexes if entry["index"] == index), None)
    if known is None:
        if len(indexes) >= MAX_INDEXES:
            return indexes
        entry = _first(index, at)
        entry |= {"streak": 0, "noted_at": at, "noted_count": crash_count}
        return [*indexes, entry]
    if at < known["last_at"]:
        return indexes
    entry = known.copy()
    if at == known["last_at"] and known["streak"]:
        entry["streak"] = crash_count
    else:
        entry |= {"noted_at": at, "noted_count": crash_count}
    return [entry if other is known else other for other in indexes]


def _first(index: int, at: Micros) -> CrashIndex:
    return {
        "index": index,
        "first_at": at,
        "last_at": at,
        "gap_s": 0,
        "streak": 1,
        "noted_at": None,
        "noted_count": None,
    }


def _next(known: CrashIndex, at: Micros) -> CrashIndex:
    entry = known.copy()
    if at < known["last_at"]:  # a late row: it belongs to the streak, or to one that is over
        if at >= known["first_at"]:
            entry["streak"] += 1
        return entry
    gap_s = (at - known["last_at"]) // SECOND
    if known["streak"] == 0 or gap_s > loop_gap_s(known["streak"]):
        entry |= {"first_at": at, "streak": 1, "gap_s": 0}
    else:
        entry |= {"streak": known["streak"] + 1, "gap_s": gap_s}
    if known["noted_at"] == at and known["noted_count"] is not None:
        entry["streak"] = known["noted_count"]
    entry |= {"last_at": at, "noted_at": None, "noted_count": None}
    return entry
