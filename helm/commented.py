"""Reads a YAML file with comments: each key with its default, its description and what its comment adds to the schema.

The comment is the block of lines right above the key, at the key's indentation. Its lines are the description, but for
one that begins with ``@schema``: a YAML mapping, put over the schema that follows from the default.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

MARK = "@schema"


class UncommentedError(Exception):
    """A key without a description; the message names it."""


@dataclass(frozen=True)
class Entry:
    """One key. ``children`` is None where the value is a leaf: a scalar, a list, or a mapping that users fill."""

    path: tuple[str, ...]
    default: Any
    description: str
    schema: dict[str, Any]
    children: "tuple[Entry, ...] | None" = field(default=None)

    @property
    def name(self) -> str:
        """The path in the form that ``helm --set`` takes."""
        return ".".join(self.path)

    def leaves(self) -> Iterator["Entry"]:
        """Go through this entry, or what is below it, in the file's order."""
        if self.children is None:
            yield self
        for child in self.children or ():
            yield from child.leaves()


def read(path: Path) -> tuple[Entry, ...]:
    """Return the file's top keys. Raise UncommentedError for a leaf without a description."""
    text = path.read_text("utf-8")
    root = yaml.compose(text, Loader=yaml.SafeLoader)
    assert isinstance(root, yaml.MappingNode)  # noqa: S101 - a values file is a mapping
    return _entries(root, yaml.safe_load(text), text.splitlines(), ())


def _entries(node: yaml.MappingNode, values: Any, lines: list[str], above: tuple[str, ...]) -> tuple[Entry, ...]:
    return tuple(_entry(key, value, values[key.value], lines, (*above, key.value)) for key, value in node.value)


def _entry(key: yaml.Node, value: yaml.Node, default: Any, lines: list[str], path: tuple[str, ...]) -> Entry:
    description, schema = _comment(lines, key.start_mark.line, key.start_mark.column)
    children = None
    whole = "additionalProperties" in schema or "$ref" in schema
    if isinstance(value, yaml.MappingNode) and not value.flow_style and not whole:
        children = _entries(value, default, lines, path)
    elif not description:
        raise UncommentedError(f"{'.'.join(path)} has no comment above it")
    return Entry(path, default, description, schema, children)


def _comment(lines: list[str], line: int, column: int) -> tuple[str, dict[str, Any]]:
    block: list[str] = []
    opening = " " * column + "# "
    while line > 0 and lines[line - 1].startswith(opening):
        line -= 1
        block.insert(0, lines[line].removeprefix(opening).strip())
    words = [text for text in block if not text.startswith(MARK)]
    marks = [yaml.safe_load(text.removeprefix(MARK)) for text in block if text.startswith(MARK)]
    return " ".join(words), marks[0] if marks else {}
