"""What a notification says, before it is dressed for a channel; and the means to dress it safely.

Names of apps and spaces and exit descriptions are chosen by the platform's tenants: they are data, never markup.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from plumbing.clock import iso
from processors.notify.batch import Batch
from schemas.records import Alert

# Control characters, zero-width and direction marks: they hide or turn round what follows.
_INVISIBLE = re.compile("[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]+")
_MARKDOWN = re.compile(r"([\\`*_\[\]|~<>])")
_MENTION = re.compile(r"@(?=\w)")
_NO_BREAK = "\u2060"

COLOURS = {"critical": 0xD32F2F, "warning": 0xF9A825, "info": 0x1976D2}
RESOLVED_COLOUR = 0x2E7D32


@dataclass(frozen=True)
class Item:
    """One alert as a person reads it; all of it is plain text. ``facts`` are pairs of a name and a value."""

    mark: str
    summary: str
    facts: tuple[tuple[str, str], ...]


def plain(text: str) -> str:
    """Return a text on one line, without invisible characters."""
    return " ".join(_INVISIBLE.sub(" ", text).split())


def clip(text: str, limit: int) -> str:
    """Return a text of at most ``limit`` characters, with an ellipsis where it was cut."""
    return text if len(text) <= limit else text[: max(0, limit - 1)].rstrip() + "…"


def html(text: str) -> str:
    """Escape ``&``, ``<`` and ``>``: Slack's and Google Chat's control characters."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def markdown(text: str) -> str:
    """Escape Markdown, and part each ``@`` from its word so that nobody is called."""
    return _MENTION.sub("@" + _NO_BREAK, _MARKDOWN.sub(r"\\\1", text))


def colour(batch: Batch) -> int:
    """Return the colour of a notification as 0xRRGGBB."""
    return COLOURS.get(batch.severity, COLOURS["info"]) if batch.told.firing else RESOLVED_COLOUR


def headline(batch: Batch) -> str:
    """Return one line for the whole notification."""
    firing, resolved = len(batch.told.firing), len(batch.told.resolved)
    counts = f"FIRING {firing}" if firing else "RESOLVED"
    if firing and resolved:
        counts += f", RESOLVED {resolved}"
    if len(batch.alerts) == 1:
        word = "FIRING" if firing else "RESOLVED"
        return f"[{word}] {plain(batch.alerts[0]['summary'])}"
    places = {plain(where(alert)) for alert in batch.alerts}
    place = f" in {places.pop()}" if len(places) == 1 else f" in {len(places)} places"
    rules = ", ".join(sorted({alert["rule"] for alert in batch.alerts}))
    return f"[{counts}] {rules}{place}"


def where(alert: Alert) -> str:
    """Return the space of an alert, or the nearest thing that is known."""
    labels = alert["labels"]
    space = alert["space_name"] or labels.get("scope_guid") or alert["space_guid"]
    return f"{alert['foundation']}/{space}" if space else alert["foundation"]


def items(batch: Batch, shown: int) -> Iterator[Item]:
    """Return the first ``shown`` alerts as people read them."""
    return (_item(alert) for alert in batch.alerts[:shown])


def left_out(batch: Batch, shown: int) -> str | None:
    """Return a line for the alerts that are not spelt out."""
    rest = len(batch.alerts) - shown
    return f"and {rest} more" if rest > 0 else None


def _item(alert: Alert) -> Item:
    notes = alert["annotations"]
    facts = [("where", where(alert)), ("severity", alert["severity"])]
    if alert["status"] == "resolved":
        facts.append(("resolved", f"{iso(alert['ends_at'] or alert['as_of'])} ({alert['resolve_reason'] or 'quiet'})"))
    named = ("since", "deploy", "exit", "out_of_memory", "memory", "instances", "cell_id", "given_up", "flapping")
    facts += [(name.replace("_", " "), notes[name]) for name in named if name in notes]
    facts += [
        (name.replace("_", " "), value) for name, value in notes.items() if name in ("apps", "cells", "rules", "action")
    ]
    if "runbook_url" in notes:
        facts.append(("runbook", notes["runbook_url"]))
    mark = "RESOLVED" if alert["status"] == "resolved" else alert["severity"].upper()
    return Item(mark, plain(alert["summary"]), tuple((name, plain(value)) for name, value in facts))
