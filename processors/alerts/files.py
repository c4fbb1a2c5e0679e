"""The alerts file: YAML, checked against a model, with the line and the field of each error."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from plumbing.errors import UsageError
from processors.alerts.rules import Rules

Location = tuple[int | str, ...]
M = TypeVar("M", bound=BaseModel)

NOTIFYING = frozenset(
    {
        "receivers",
        "route",
        "inhibit_rules",
        "storm_hold",
        "mute_times",
        "history",
        "flapping",
        "watch",
        "heartbeat",
        "external_url",
    }
)
"""Keys of the file that concern the notifier and not the rules."""

_DEEPEST = 12


@dataclass(frozen=True)
class Document:
    """A YAML file: its content, and the line on which each part stands."""

    name: str
    content: dict[str, Any]
    lines: dict[Location, int]

    def line(self, location: Location) -> int:
        """Return the line of a part, or of the nearest part around it."""
        while location and location not in self.lines:
            location = location[:-1]
        return self.lines.get(location, 1)


def read(path: Path) -> Document:
    """Read a YAML mapping. Raise UsageError with the line when it is none."""
    try:
        text = path.read_text("utf-8")
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        content = yaml.safe_load(text)
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}; name a readable alerts file (CFSTREAM_ALERTS_CONFIG)") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"{path}: not UTF-8 text") from error
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f"{path}:{mark.line + 1}" if mark else str(path)
        raise UsageError(f"{where}: not YAML: {getattr(error, 'problem', None) or error}") from error
    if content is None:
        return Document(str(path), {}, {})
    if not isinstance(content, dict):
        raise UsageError(f"{path}:1: must be a mapping with keys such as rules, route and receivers")
    return Document(str(path), content, _lines(node))


def problems(document: Document, model: type[BaseModel], content: dict[str, Any] | None = None) -> list[str]:
    """Return one sentence for each error, with line and field; empty when the content fits the model."""
    try:
        model.model_validate(document.content if content is None else content)
    except ValidationError as error:
        return [_sentence(document, part["loc"], part["msg"], part["type"]) for part in error.errors(include_url=False)]
    return []


def load(document: Document, model: type[M], content: dict[str, Any] | None = None) -> M:
    """Return the content as a model. Raise UsageError with the first error."""
    found = problems(document, model, content)
    if found:
        more = f" (and {len(found) - 1} more; see them with: cfstream alerts check)" if len(found) > 1 else ""
        raise UsageError(found[0] + more)
    return model.model_validate(document.content if content is None else content)


def load_rules(path: Path | None) -> Rules:
    """Return the rules of the alerts file; the defaults where there is no file, or no ``rules`` in it.

    What concerns the notifier is not looked at. Raise UsageError with line and field.
    """
    if path is None:
        return Rules()
    document = read(path)
    return load(document, Rules, {key: value for key, value in document.content.items() if key not in NOTIFYING})


def _sentence(document: Document, location: Location, message: str, kind: str) -> str:
    field = ".".join(str(part) for part in location) or "file"
    text = message.removeprefix("Value error, ")
    if kind == "extra_forbidden":
        text = "is no field here"
    return f"{document.name}:{document.line(location)}: {field}: {text}"


def _lines(root: yaml.Node | None) -> dict[Location, int]:
    lines: dict[Location, int] = {}
    waiting: list[tuple[Location, yaml.Node | None, int]] = [((), root, 0)]
    while waiting:
        location, node, line = waiting.pop()
        if node is None or len(location) > _DEEPEST:  # an alias may lead into itself
            continue
        lines[location] = line + 1
        if isinstance(node, yaml.MappingNode):
            waiting += [((*location, key.value), value, key.start_mark.line) for key, value in node.value]
        elif isinstance(node, yaml.SequenceNode):
            waiting += [((*location, n), value, value.start_mark.line) for n, value in enumerate(node.value)]
    return lines
