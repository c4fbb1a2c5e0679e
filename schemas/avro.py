"""Avro schemas of the product: read once, parsed once.

Two forms of each schema exist. ``text`` is what the registry gets, with logical types, so that a consumer in any
language sees timestamps. ``parsed`` is what we read and write with: the same without logical types, so that times
are whole microseconds and no datetime object is made for each row.
"""

import json
from functools import cache
from importlib import resources
from typing import Any

import fastavro

Schema = Any
"""A schema parsed by fastavro."""


@cache
def text(name: str) -> str:
    """Return the schema of a record as compact JSON, as it is registered. Raise KeyError for an unknown name."""
    file = resources.files("schemas") / "avsc" / f"{name}.avsc"
    if not file.is_file():
        raise KeyError(name)
    return json.dumps(json.loads(file.read_text("utf-8")), separators=(",", ":"))


@cache
def parsed(name: str) -> Schema:
    """Return the schema of a record, parsed, times as plain longs."""
    return parse(text(name))


def parse(schema: str) -> Schema:
    """Parse a schema from the registry in the form we read with: times as plain longs."""
    return fastavro.parse_schema(_plain(json.loads(schema)))


@cache
def time_fields() -> frozenset[str]:
    """Return the names of all fields, of any record, that hold a time."""
    files = (resources.files("schemas") / "avsc").iterdir()
    return frozenset(name for file in files for name in _times(json.loads(file.read_text("utf-8"))))


def _times(node: Any, field: str = "") -> list[str]:
    if isinstance(node, list):
        return [name for part in node for name in _times(part, field)]
    if not isinstance(node, dict):
        return []
    if node.get("logicalType") == "timestamp-micros":
        return [field]
    inner = node.get("fields")
    if isinstance(inner, list):
        return [name for part in inner for name in _times(part["type"], part["name"])]
    return [name for key in ("type", "items", "values") for name in _times(node.get(key), field)]


_DROPPED = {"logicalType", "doc"}


def _plain(node: Any) -> Any:
    if isinstance(node, list):
        return [_plain(part) for part in node]
    if isinstance(node, dict):
        return {key: _plain(part) for key, part in node.items() if key not in _DROPPED}
    return node
