"""The generic webhook: Alertmanager's JSON, version 4, signed by the Standard Webhooks rules.

Source: alertmanager ``notify/webhook/webhook.go`` and ``template/template.go``; standardwebhooks.com, "Signature".
"""

import base64
import binascii
import hashlib
import hmac
from typing import Any

from plumbing.clock import iso
from processors.alerts.messages import stable_id
from processors.notify.batch import Batch
from processors.notify.text import clip
from schemas.records import Alert

MAX_BYTES = 512_000
_LONGEST_TEXT = 1000
_ZERO_TIME = "0001-01-01T00:00:00Z"
"""Go's zero time: what Alertmanager writes as the end of an alert that fires."""


def payload(batch: Batch, shown: int, external_url: str | None) -> dict[str, Any]:
    """Return the body of the request."""
    alerts = batch.alerts[:shown]
    return {
        "version": "4",
        "groupKey": batch.group_key,
        "truncatedAlerts": max(0, len(batch.alerts) - shown),
        "status": batch.status,
        "receiver": batch.receiver,
        "groupLabels": batch.group_labels,
        "commonLabels": common([alert["labels"] for alert in batch.alerts]),
        "commonAnnotations": common([annotations(alert) for alert in batch.alerts]),
        "externalURL": external_url or "",
        "alerts": [_alert(alert, external_url) for alert in alerts],
    }


def annotations(alert: Alert) -> dict[str, str]:
    """Return an alert's annotations with its summary and why it was resolved; long texts are cut."""
    notes = alert["annotations"] | {"summary": alert["summary"]}
    if alert["resolve_reason"]:
        notes["resolve_reason"] = alert["resolve_reason"]
    return {name: clip(text, _LONGEST_TEXT) for name, text in notes.items()}


def common(maps: list[dict[str, str]]) -> dict[str, str]:
    """Return what all maps agree in."""
    first = maps[0] if maps else {}
    return {name: value for name, value in first.items() if all(other.get(name) == value for other in maps)}


def fingerprint(alert: Alert) -> str:
    """Return Alertmanager's kind of fingerprint: 16 hexadecimal digits, stable for an alert."""
    return stable_id(alert["id"])[:16]


def signatures(key: str, timestamp_s: int, body: bytes, secrets: list[str]) -> dict[str, str]:
    """Return the headers of Standard Webhooks: id, timestamp, and a signature for each secret.

    A secret is base64 text, after ``whsec_`` where it has that. The id is the same on each try.
    """
    headers = {"webhook-id": key, "webhook-timestamp": str(timestamp_s)}
    if secrets:
        signed = f"{key}.{timestamp_s}.".encode() + body
        headers["webhook-signature"] = " ".join(f"v1,{_sign(secret, signed)}" for secret in secrets)
    return headers


def _sign(secret: str, message: bytes) -> str:
    text = secret.removeprefix("whsec_")
    try:
        key = base64.b64decode(text, validate=True)
    except binascii.Error:
        key = secret.encode()
    return base64.b64encode(hmac.new(key, message, hashlib.sha256).digest()).decode()


def _alert(alert: Alert, external_url: str | None) -> dict[str, Any]:
    return {
        "status": alert["status"],
        "labels": alert["labels"],
        "annotations": annotations(alert),
        "startsAt": iso(alert["starts_at"]),
        "endsAt": iso(alert["ends_at"]) if alert["ends_at"] is not None else _ZERO_TIME,
        "generatorURL": external_url or "",
        "fingerprint": fingerprint(alert),
    }
