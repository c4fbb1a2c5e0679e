"""Google Chat incoming webhooks: a card (cardsV2) in one thread a group. Limit: 32,000 bytes.

The query of the URL carries the thread's reply option and a request id, by which Chat knows a repeated request.
"""

from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from processors.alerts.messages import stable_id
from processors.notify.batch import Batch
from processors.notify.text import clip, headline, html, items, left_out

MAX_BYTES = 30_000


def payload(batch: Batch, shown: int, external_url: str | None) -> dict[str, Any]:
    """Return the body of the request."""
    title = headline(batch)
    sections: list[dict[str, Any]] = []
    for item in items(batch, shown):
        text = "<br>".join(f"<b>{name}:</b> {html(clip(value, 300))}" for name, value in item.facts)
        widget = {"textParagraph": {"text": text}}
        sections.append({"header": html(clip(f"{item.mark} {item.summary}", 600)), "widgets": [widget]})
    more = left_out(batch, shown)
    if more:
        sections.append({"widgets": [{"textParagraph": {"text": more}}]})
    if external_url:
        button = {"text": "Open cfstream", "onClick": {"openLink": {"url": external_url}}}
        sections.append({"widgets": [{"buttonList": {"buttons": [button]}}]})
    # Whether a card's title is markup is not documented: without angle brackets it is the same either way.
    card = {"header": {"title": clip(title.replace("<", "‹").replace(">", "›"), 200)}, "sections": sections}
    return {
        "fallbackText": html(clip(title, 600)),
        "cardsV2": [{"cardId": batch.key, "card": card}],
        "thread": {"threadKey": stable_id(batch.receiver, batch.group_key)},
    }


def url(base: str, batch: Batch) -> str:
    """Return the URL with the thread's reply option and the request id in its query."""
    parts = urlsplit(base)
    extra = {"messageReplyOption": "REPLY_MESSAGE_FALLBACK_TO_NEW_THREAD", "requestId": batch.key}
    return urlunsplit(parts._replace(query=urlencode(parse_qsl(parts.query) + list(extra.items()))))
