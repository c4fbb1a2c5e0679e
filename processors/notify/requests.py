"""A notification as the HTTP request of its receiver's channel. Pure: secrets and time are given."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import orjson

from plumbing.clock import SECOND
from processors.notify.batch import Batch
from processors.notify.config import Receiver
from processors.notify.receivers import (
    alertmanager,
    discord,
    google_chat,
    mattermost,
    pagerduty,
    slack,
    teams,
    webhook,
)
from schemas.records import Micros

Payload = Callable[[Batch, int, str | None], dict[str, Any]]

_CHANNELS: dict[str, tuple[Payload, int]] = {
    "slack": (slack.payload, slack.MAX_BYTES),
    "teams": (teams.payload, teams.MAX_BYTES),
    "mattermost": (mattermost.payload, mattermost.MAX_BYTES),
    "google-chat": (google_chat.payload, google_chat.MAX_BYTES),
    "discord": (discord.payload, discord.MAX_BYTES),
    "webhook": (webhook.payload, webhook.MAX_BYTES),
}


@dataclass(frozen=True)
class Request:
    """A POST. The URL and some headers are secrets: ``repr`` shows none of them."""

    url: str
    headers: dict[str, str]
    body: bytes

    def __repr__(self) -> str:
        return f"Request({len(self.body)} bytes)"


def request(receiver: Receiver, batch: Batch, *, external_url: str | None, now: Micros) -> Request:
    """Return the request that tells a receiver of a batch. Raise UsageError when a secret cannot be read.

    The idempotency key is in the header ``Idempotency-Key`` on every channel.
    """
    address = receiver.address()
    headers = {"Content-Type": "application/json", "User-Agent": "cfstream", "Idempotency-Key": batch.key}
    token = receiver.text("bearer_token")
    if token:
        headers["Authorization"] = f"Bearer {token}"
    body = render(receiver, batch, external_url=external_url, now=now)
    if receiver.type == "google-chat":
        address = google_chat.url(address, batch)
    elif receiver.type == "alertmanager":
        address = alertmanager.url(address)
    elif receiver.type == "webhook":
        previous = receiver.previous_secret
        given = [receiver.text("secret"), previous.get_secret_value() if previous else None]
        secrets = [secret for secret in given if secret]
        headers |= webhook.signatures(batch.key, now // SECOND, body, secrets)
    return Request(address, headers, body)


def render(receiver: Receiver, batch: Batch, *, external_url: str | None, now: Micros) -> bytes:
    """Return the body, with as many alerts spelt out as the receiver asks for and its service takes."""
    if receiver.type == "alertmanager":
        return orjson.dumps(alertmanager.payload(batch, now))
    if receiver.type == "pagerduty":
        routing_key = receiver.text("routing_key") or ""

        def incident(one: Batch, shown: int, url: str | None) -> dict[str, Any]:
            return pagerduty.payload(one, shown, url, routing_key=routing_key)

        return _fitting(incident, pagerduty.MAX_BYTES, receiver.max_alerts, batch, external_url)
    payload, limit = _CHANNELS[receiver.type]
    return _fitting(payload, limit, receiver.max_alerts, batch, external_url)


def _fitting(payload: Payload, limit: int, most: int, batch: Batch, external_url: str | None) -> bytes:
    shown = most
    while True:
        body = orjson.dumps(payload(batch, shown, external_url))
        if len(body) <= limit or shown == 0:
            return body
        shown = min(shown, len(batch.alerts)) // 2
