"""Records as people and JSON readers see them: times as ISO 8601 UTC, bytes as text."""

import sys
from typing import Any

from rich.console import Console

from plumbing.clock import iso
from schemas import avro

WIDE = 220
"""Columns where the output is no terminal: a file or a pipe wraps nothing."""


def to_stdout() -> Console:
    """Return a console for tables of text that app developers choose: nothing in it is taken for markup."""
    return Console(file=sys.stdout, highlight=False, markup=False, width=None if sys.stdout.isatty() else WIDE)


def readable(record: dict[str, Any]) -> dict[str, Any]:
    """Return a decoded record with its times as ISO 8601 text and its bytes as UTF-8 text."""
    return {name: _value(name, value) for name, value in record.items()}


def _value(name: str, value: Any) -> Any:
    if isinstance(value, dict):
        return readable(value)
    if isinstance(value, list):
        return [_value(name, part) for part in value]
    if isinstance(value, bytes):
        return value.decode("utf-8", "backslashreplace")
    if isinstance(value, int) and name in avro.time_fields():
        return iso(value)
    return value
