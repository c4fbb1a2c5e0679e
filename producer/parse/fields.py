"""Single values of a row: times, guids, sub-objects. Pure and cheap; they run several times for each row."""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from plumbing.clock import micros

Row = Mapping[str, Any]
"""One resource as the Cloud Controller sent it."""

_EMPTY: Row = {}


class RowError(ValueError):
    """A row that cannot become a record. The message is one sentence, without values of the row."""


@lru_cache(maxsize=8192)
def time_of(text: str) -> int:
    """Microseconds UTC of a time with or without offset (v2's old rows carry offsets). Raise ValueError.

    Remembers the last ones: rows have whole seconds, so that many share one text.
    """
    return micros(text)


def time_or_none(text: str | None) -> int | None:
    """Microseconds UTC, or None for a missing time. Raise ValueError for a text that is no time."""
    return None if text is None else time_of(text)


def part(row: Row, name: str) -> Row:
    """Return a sub-object; a missing one, null and ``{}`` are all the same: nothing is known.

    Raise RowError for anything else than an object.
    """
    found = row.get(name)
    if not found:
        return _EMPTY
    if not isinstance(found, dict):
        raise RowError(f"{name} is no object")
    return found


def lenient_text(value: object) -> str | None:
    """Return the text of a value that some versions send as a number; None for nothing and for objects."""
    if isinstance(value, str):
        return value or None
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return str(value)


_LONG = 2**63


def lenient_long(value: object) -> int | None:
    """Return a whole number of 64 bits, also from digits in a text; None for all else. Exact beyond 2^53."""
    if isinstance(value, bool):
        return None
    if isinstance(value, str | float):
        try:
            value = int(value)
        except (ValueError, OverflowError):
            return None
    if not isinstance(value, int) or not -_LONG <= value < _LONG:
        return None
    return value
