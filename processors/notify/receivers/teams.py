"""Microsoft Teams, a Workflows webhook: an Adaptive Card. Limit: 28 KB. Retired Office 365 connectors are refused."""

from typing import Any

from processors.notify.batch import Batch
from processors.notify.text import clip, headline, items, left_out, markdown

MAX_BYTES = 27_000


def payload(batch: Batch, shown: int, external_url: str | None) -> dict[str, Any]:
    """Return the body of the request."""
    accent = {"critical": "attention"}.get(batch.severity, "warning") if batch.told.firing else "good"
    body: list[dict[str, Any]] = [
        _text(clip(headline(batch), 500), weight="bolder", size="medium", color=accent),
    ]
    for item in items(batch, shown):
        facts = [{"title": name, "value": markdown(clip(value, 300))} for name, value in item.facts]
        body.append(_text(clip(f"{item.mark} {item.summary}", 600), separator=True))
        body.append({"type": "FactSet", "facts": facts})
    more = left_out(batch, shown)
    if more:
        body.append(_text(more, isSubtle=True))
    card: dict[str, Any] = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.2",
        "body": body,
        "msteams": {"width": "full"},
    }
    if external_url:
        card["actions"] = [{"type": "Action.OpenUrl", "title": "Open cfstream", "url": external_url}]
    attachment = {"contentType": "application/vnd.microsoft.card.adaptive", "contentUrl": None, "content": card}
    return {"type": "message", "attachments": [attachment]}


def _text(text: str, **more: object) -> dict[str, Any]:
    return {"type": "TextBlock", "text": markdown(text), "wrap": True, **more}
