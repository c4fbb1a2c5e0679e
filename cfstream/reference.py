"""All settings of all processes: for the reference page, and to find misspelt names."""

import difflib
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Literal, get_args, get_origin

from pydantic import SecretStr
from pydantic.fields import FieldInfo

from plumbing.settings import PREFIX, CommonSettings, Settings, is_secret
from processors.notify.settings import NotifierSettings
from processors.settings import WorkerSettings
from producer.settings import ProducerSettings

CLASSES: dict[str, type[Settings]] = {
    "Every process": CommonSettings,
    "Producer": ProducerSettings,
    "Worker": WorkerSettings,
    "Notifier": NotifierSettings,
}

_OF_A_SERVICE = re.compile(r"_(SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT(_\d+_(TCP|UDP)(_\w+)?)?)$")


def names() -> set[str]:
    """Return the names of all settings, as the YAML file writes them."""
    return {name for cls in CLASSES.values() for name in cls.model_fields}


def misspelt_variables(environment: Iterable[str]) -> dict[str, str | None]:
    """Return the variables with our prefix that no process knows, each with the nearest name that there is.

    Kubernetes gives each pod variables of the services around it; those are not taken for ours.
    """
    secret = {name for cls in CLASSES.values() for name, field in cls.model_fields.items() if is_secret(field)}
    known = {PREFIX + name.upper() for name in names()} | {f"{PREFIX}{name.upper()}_FILE" for name in secret}
    strange = sorted(
        name for name in environment if name.startswith(PREFIX) and name not in known and not _OF_A_SERVICE.search(name)
    )
    return {name: next(iter(difflib.get_close_matches(name, known, n=1, cutoff=0.8)), None) for name in strange}


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
    if field.default in (None, "", ()):
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
