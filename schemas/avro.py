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


_DROPPED = {"logicalType", "doc"}


def _plain(node: Any) -> Any:
    if isinstance(node, list):
        return [_plain(part) for part in node]
    if isinstance(node, dict):
        return {key: _plain(part) for key, part in node.items() if key not in _DROPPED}
    return node
