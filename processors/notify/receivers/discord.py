"""Discord webhooks: one embed. Limits: 2000 characters of content, 256 of a title, 4096 of a description."""

from typing import Any

from processors.notify.batch import Batch
from processors.notify.text import clip, colour, headline, items, left_out, markdown

MAX_BYTES = 20_000
_TITLE, _DESCRIPTION = 256, 4096


def payload(batch: Batch, shown: int, external_url: str | None) -> dict[str, Any]:
    """Return the body of the request. No text in it can mention anybody."""
    lines = []
    for item in items(batch, shown):
        lines.append(f"**{item.mark}** {markdown(clip(item.summary, 400))}")
        lines += [f"**{name}:** {markdown(clip(value, 200))}" for name, value in item.facts]
        lines.append("")
    lines.append(left_out(batch, shown) or "")
    embed: dict[str, Any] = {
        "title": clip(markdown(headline(batch)), _TITLE),
        "description": clip("\n".join(lines).rstrip(), _DESCRIPTION),
        "color": colour(batch),
    }
    if external_url:
        embed["url"] = external_url
    return {"content": "", "embeds": [embed], "allowed_mentions": {"parse": []}}
