"""The line for people: a template with named places, each a plain word in braces; nothing can be called from it."""

from collections.abc import Mapping
from string import Formatter

PLACES = (
    "app",
    "app_guid",
    "space",
    "space_guid",
    "org_guid",
    "foundation",
    "subject",
    "crashes",
    "instances",
    "apps",
    "window",
    "memory",
    "exit",
    "since",
    "severity",
    "rule",
)


def check(template: str) -> None:
    """Raise ValueError for a place that no alert fills, or for broken braces."""
    for _, name, spec, conversion in Formatter().parse(template):
        if name is None:
            continue
        if name not in PLACES or spec or conversion:
            raise ValueError(f"{{{name}}} is no place of a summary; there are {', '.join(PLACES)}")


def fill(template: str, values: Mapping[str, object]) -> str:
    """Fill a checked template; a place without a value becomes ``?``."""
    return template.format_map(dict.fromkeys(PLACES, "?") | {k: v for k, v in values.items() if v is not None})
