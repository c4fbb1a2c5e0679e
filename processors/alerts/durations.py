"""Durations as people write them in YAML: ``90s``, ``5m``, ``1h30m``, ``2d``; a bare number is seconds."""

import re
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, WithJsonSchema

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_SHAPE = re.compile(r"(?:\d+[smhdw])+")
_PART = re.compile(r"(\d+)([smhdw])")


def seconds(value: Any) -> int:
    """Return whole seconds of ``5m``, ``1h30m`` or a number. Raise ValueError with an example."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    text = str(value).strip()
    if text.isdecimal():
        return int(text)
    if not _SHAPE.fullmatch(text):
        raise ValueError(f"{value!r} is no duration; write it as 90s, 5m, 1h30m or 2d")
    return sum(int(number) * _UNITS[unit] for number, unit in _PART.findall(text))


def words(duration_s: float) -> str:
    """Return a duration for people, in its largest one or two units: ``45 s``, ``5 min``, ``1 h 30 min``, ``3 d``."""
    whole = max(0, round(duration_s))
    for (unit, size), (lower, lower_size) in (
        (("d", 86_400), ("h", 3600)),
        (("h", 3600), ("min", 60)),
        (("min", 60), ("s", 1)),
    ):
        if whole >= size:
            rest = whole % size // lower_size
            return f"{whole // size} {unit} {rest} {lower}" if rest else f"{whole // size} {unit}"
    return f"{whole} s"


Seconds = Annotated[
    int,
    BeforeValidator(seconds),
    Field(ge=0, le=366 * 86_400),
    WithJsonSchema({"type": ["string", "integer"], "pattern": "^([0-9]+[smhdw])+$|^[0-9]+$"}),
]
"""A pydantic field: a duration in whole seconds, written as in this module's first line."""
