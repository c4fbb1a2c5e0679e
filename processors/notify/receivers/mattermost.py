"""Mattermost incoming webhooks: an attachment in Markdown. Limit: 16,383 characters."""

from typing import Any

from processors.notify.batch import Batch
from processors.notify.text import clip, colour, headline, items, left_out, markdown

MAX_BYTES = 15_000


def payload(batch: Batch, shown: int, external_url: str | None) -> dict[str, Any]:
    """Return the body of the request."""
    title = headline(batch)
    lines = []
    for item in items(batch, shown):
        lines.append(f"**{item.mark}** {markdown(clip(item.summary, 600))}")
        lines += [f"- **{name}:** {markdown(clip(value, 300))}" for name, value in item.facts]
    more = left_out(batch, shown)
    attachment: dict[str, Any] = {
        "fallback": markdown(clip(title, 600)),
        "color": f"#{colour(batch):06X}",
        "title": markdown(clip(title, 600)),
        "text": "\n".join([*lines, more] if more else lines),
    }
    if external_url:
        attachment["title_link"] = external_url
    body: dict[str, Any] = {"text": "", "attachments": [attachment]}
    if batch.told.firing and batch.severity == "critical":
        body["priority"] = {"priority": "important"}
    return body
