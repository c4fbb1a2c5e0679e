"""Python functions put together from lines, and what is asked of a schema meanwhile."""

from collections.abc import Iterable, Mapping
from typing import Any

Schema = Any

_PAIR = 2


class UnsupportedError(Exception):
    """A schema holds a type for which no code is generated: fastavro does it all."""


class Source:
    """A module in the making: functions that call the ones defined before them."""

    def __init__(self) -> None:
        self._lines: list[str] = []
        self._count = 0

    def define(self, arguments: str, body: Iterable[str]) -> str:
        """Add a function; return its name."""
        name = f"f{self._count}"
        self._count += 1
        self._lines += [f"def {name}({arguments}):", *indented(body)]
        return name

    def compiled(self, function: str, names: Mapping[str, Any]) -> Any:
        """Run the module with some names in it and return one of its functions."""
        module = dict(names)
        code = compile("\n".join(self._lines), "<generated from an Avro schema>", "exec")
        exec(code, module)  # noqa: S102 - as dataclasses are made; all of it comes from our own schemas
        return module[function]


def indented(lines: Iterable[str]) -> list[str]:
    """Return lines one level deeper."""
    return [" " + line for line in lines]


def kind_of(schema: Schema) -> str:
    """Return the type's name. Raise UnsupportedError for what has none."""
    kind = schema.get("type") if isinstance(schema, dict) else schema
    if not isinstance(kind, str):
        raise UnsupportedError(str(kind))
    return kind


def other_than_null(schema: Schema) -> Schema | None:
    """Return X of the union of null and X; None for what is no union. Raise UnsupportedError for other unions."""
    if not isinstance(schema, list):
        return None
    if len(schema) != _PAIR or schema[0] != "null":
        raise UnsupportedError(str(schema))
    return schema[1]
