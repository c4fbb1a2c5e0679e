"""Why a row became no record, in one sentence for the person who mends it."""

from collections.abc import Mapping
from typing import Any

from producer.parse.fields import RowError
from schemas import avro

_NAMES = {str: "text", int: "a whole number", float: "a number with a fraction", bool: "true or false", list: "a list"}
_TAKES: dict[str, type] = {"string": str, "long": int}


def why(record: Mapping[str, Any] | None, error: Exception) -> str:
    """Return the reason: the first field whose type is wrong, else what the error says."""
    if record is None or isinstance(error, RowError):
        return _unparsed(error)
    schema = avro.parsed("AppUsageEvent" if "instance_count" in record else "AuditEvent")
    for field in schema["fields"]:
        name, value = field["name"], record.get(field["name"])
        kinds = field["type"] if isinstance(field["type"], list) else [field["type"]]
        if not any(_fits(value, kind) for kind in kinds):
            return f"{name} is {_name(value)}, which the schema does not take"
    return f"the record cannot be encoded: {type(error).__name__}"


def _unparsed(error: Exception) -> str:
    if isinstance(error, KeyError):
        return f"{error.args[0]} is missing"
    if isinstance(error, ValueError):
        text = str(error)
        return f"a value cannot be read: {text}" if len(text) < 200 else "a value cannot be read"  # noqa: PLR2004 - one line
    return f"the row has another shape than expected ({type(error).__name__})"


def _fits(value: object, kind: object) -> bool:
    if kind == "null":
        return value is None
    if isinstance(kind, dict):
        return isinstance(value, dict) if kind["type"] == "record" else _fits(value, kind["type"])
    wanted = _TAKES[str(kind)]
    if wanted is int:
        return isinstance(value, int) and not isinstance(value, bool) and -(2**63) <= value < 2**63
    return isinstance(value, str) and value == value.encode("utf-8", "replace").decode()


def _name(value: object) -> str:
    if value is None:
        return "null"
    if isinstance(value, dict):
        return "an object"
    if isinstance(value, str):
        return "text with half a character"
    return _NAMES.get(type(value), type(value).__name__)
