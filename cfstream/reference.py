"""All settings of all processes: for the reference page, and to find misspelt names."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Literal, get_args, get_origin

from processors.notify.settings import NotifierSettings
from pydantic import SecretStr
from pydantic.fields import FieldInfo

from plumbing.settings import PREFIX, CommonSettings, Settings, is_secret
from processors.settings import WorkerSettings
from producer.settings import ProducerSettings

CLASSES: dict[str, type[Settings]] = {
    "Every process": CommonSettings,
    "Producer": ProducerSettings,
    "Worker": WorkerSettings,
    "Notifier": NotifierSettings,
}


def names() -> set[str]:
    """Return the names of all settings, as the YAML file writes them."""
    return {name for cls in CLASSES.values() for name in cls.model_fields}


def misspelt_variables() -> list[str]:
    """Return the environment variables with our prefix that no process knows."""
    known = {PREFIX + name.upper() for name in names()}
    return sorted(
        v for v in os.environ if v.startswith(PREFIX) and v not in known and v.removesuffix("_FILE") not in known
    )


def page() -> str:
    """Return the reference page as Markdown."""
    lines = [
        "# Settings",
        "",
        "Each is an environment variable, or a key of the YAML file given with `--config` (lower case, without the",
        "prefix); the environment comes first. A secret can come from a file: `CFSTREAM_…_FILE` names it.",
        "This page is written by `python -m cfstream.reference docs/settings.md`.",
    ]
    common = set(CommonSettings.model_fields)
    for title, cls in CLASSES.items():
        lines += ["", f"## {title}", "", "| variable | takes | default | what |", "|---|---|---|---|"]
        fields = cls.model_fields.items()
        lines += [_row(name, field) for name, field in fields if cls is CommonSettings or name not in common]
    return "\n".join(lines) + "\n"


def _row(name: str, field: FieldInfo) -> str:
    cells = [f"`{PREFIX}{name.upper()}`", _takes(field), _default(field), (field.description or "").replace("|", "\\|")]
    return "| " + " | ".join(cells) + " |"


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "must be set"
    if field.default is None or field.default == "":
        return "–"
    default = field.get_default(call_default_factory=True)
    return f"`{str(default).lower() if isinstance(default, bool) else default}`"


def _takes(field: FieldInfo) -> str:
    if is_secret(field):
        return "secret"
    annotation = field.annotation
    kinds = [kind for kind in get_args(annotation) if kind is not type(None)]
    if get_origin(annotation) is Literal:
        return ", ".join(str(kind) for kind in kinds)
    if kinds and get_origin(kinds[0]) is Literal:
        return ", ".join(str(kind) for kind in get_args(kinds[0]))
    kind = kinds[0] if kinds and get_origin(annotation) not in (list, dict, tuple) else annotation
    return _bounded(_NAMES.get(kind, "JSON"), field)


_NAMES: dict[object, str] = {
    str: "text",
    int: "whole number",
    float: "number",
    bool: "true, false",
    Path: "path",
    SecretStr: "secret",
}


def _bounded(kind: str, field: FieldInfo) -> str:
    bounds = list(_bounds(field))
    return f"{kind}, {' and '.join(bounds)}" if bounds else kind


def _bounds(field: FieldInfo) -> Iterator[str]:
    for constraint in field.metadata:
        for attribute, sign in (("ge", "≥"), ("gt", ">"), ("le", "≤"), ("lt", "<")):
            value = getattr(constraint, attribute, None)
            if value is not None:
                yield f"{sign} {value}"


if __name__ == "__main__":
    import sys

    Path(sys.argv[1]).write_text(page(), "utf-8")
