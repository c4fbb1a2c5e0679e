"""PagerDuty Events v2: one incident a group. Limits: 1024 characters of a summary, 255 of a dedup_key, 512 KB."""

from typing import Any

from plumbing.clock import iso
from processors.alerts.messages import stable_id
from processors.notify.batch import Batch
from processors.notify.text import clip, headline, items, left_out, where

MAX_BYTES = 500_000
_SUMMARY = 1024


def payload(batch: Batch, shown: int, external_url: str | None, *, routing_key: str) -> dict[str, Any]:
    """Return the body of the request: trigger while anything fires, else resolve."""
    event: dict[str, Any] = {
        "routing_key": routing_key,
        "event_action": "trigger" if batch.told.firing else "resolve",
        "dedup_key": stable_id(batch.receiver, batch.group_key),
        "client": "cfstream",
        "payload": {
            "summary": clip(headline(batch), _SUMMARY),
            "source": clip(where(batch.alerts[0]), _SUMMARY),
            "severity": batch.severity if batch.severity in ("critical", "warning", "info") else "error",
            "timestamp": iso(min(alert["starts_at"] for alert in batch.alerts)),
            "component": clip(batch.alerts[0]["app_name"] or "", 255),
            "group": clip(batch.alerts[0]["space_name"] or "", 255),
            "class": batch.alerts[0]["rule"],
            "custom_details": _details(batch, shown),
        },
    }
    if external_url:
        event["client_url"] = external_url
        event["links"] = [{"href": external_url, "text": "cfstream"}]
    return event


def _details(batch: Batch, shown: int) -> dict[str, Any]:
    details: dict[str, Any] = {
        "alerts": [{"summary": item.summary, "status": item.mark, **dict(item.facts)} for item in items(batch, shown)],
        "firing": len(batch.told.firing),
        "resolved": len(batch.told.resolved),
    }
    more = left_out(batch, shown)
    return details | {"more": more} if more else details
