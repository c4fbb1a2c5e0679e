"""An Alertmanager: ``POST /api/v2/alerts``; it groups, silences and routes by its own rules.

It takes an alert for resolved when nothing was heard for its resolve_timeout, so an end far ahead is sent with what
fires, and the repeat interval of the route must be shorter than that.
"""

from typing import Any
from urllib.parse import urlsplit, urlunsplit

from plumbing.clock import SECOND, iso
from processors.notify.batch import Batch
from processors.notify.receivers.webhook import annotations
from schemas.records import Micros

MAX_BYTES = 2_000_000
_ALIVE = 86_400 * SECOND


def payload(batch: Batch, now: Micros) -> list[dict[str, Any]]:
    """Return the body of the request: all alerts, whatever their number."""
    return [
        {
            "labels": alert["labels"] | {"alert_id": alert["id"]},
            "annotations": annotations(alert),
            "startsAt": iso(alert["starts_at"]),
            "endsAt": iso(alert["ends_at"] if alert["ends_at"] is not None else max(now, alert["as_of"]) + _ALIVE),
        }
        for alert in batch.alerts
    ]


def url(base: str) -> str:
    """Return the API's URL for a server's: the path is added where only the server is named."""
    parts = urlsplit(base)
    path = parts.path if parts.path.endswith("/api/v2/alerts") else parts.path.rstrip("/") + "/api/v2/alerts"
    return urlunsplit(parts._replace(path=path))
