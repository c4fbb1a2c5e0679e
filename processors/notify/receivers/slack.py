"""Slack incoming webhooks: blocks, with a colour bar and a plain fallback.

Limits: 50 blocks, 150 characters of a header, 3000 of a section, about 13,000 in all. ``verbatim`` keeps Slack from
turning names into mentions; ``<``, ``>`` and ``&`` are its control characters.
"""

from typing import Any

from processors.notify.batch import Batch
from processors.notify.text import clip, colour, headline, html, items, left_out

MAX_BYTES = 12_000
_HEADER, _SECTION = 150, 2900


def payload(batch: Batch, shown: int, external_url: str | None) -> dict[str, Any]:
    """Return the body of the request."""
    title = headline(batch)
    blocks: list[dict[str, Any]] = [
        {"type": "header", "text": {"type": "plain_text", "text": clip(title, _HEADER), "emoji": False}}
    ]
    for item in items(batch, min(shown, 40)):
        facts = "\n".join(f"*{name}:* {html(clip(value, 300))}" for name, value in item.facts)
        text = f"*{item.mark}* {html(clip(item.summary, 600))}\n{facts}"
        blocks.append({"type": "section", "text": {"type": "mrkdwn", "text": clip(text, _SECTION), "verbatim": True}})
    more = left_out(batch, min(shown, 40))
    if more:
        blocks.append({"type": "context", "elements": [{"type": "plain_text", "text": more, "emoji": False}]})
    if external_url:
        button = {"type": "button", "text": {"type": "plain_text", "text": "Open cfstream"}, "url": external_url}
        blocks.append({"type": "actions", "elements": [button]})
    return {
        "text": html(clip(title, 600)),
        "attachments": [{"color": f"#{colour(batch):06X}", "blocks": blocks}],
    }
