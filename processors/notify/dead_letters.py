"""What the notifier could not read or deliver, for the dead letters. No secret goes there: no URL, no key."""

import orjson

from processors.letters import fitting
from processors.notify.batch import Batch
from processors.notify.inbox import Item
from processors.notify.receivers import webhook
from schemas.records import DeadLetter, Micros

FEED = "notifications"


def of_batch(batch: Batch, reason: str, now: Micros) -> DeadLetter:
    """Return the letter of a notification that was given up: its alerts in Alertmanager's JSON."""
    body, reason = fitting(orjson.dumps(webhook.payload(batch, len(batch.alerts), None)), reason)
    return {
        "foundation": batch.alerts[0]["foundation"],
        "feed": FEED,
        "stage": "notifier",
        "reason": f"receiver {batch.receiver}: {reason}",
        "failed_at": now,
        "position": f"{batch.receiver}/{batch.group_key}",
        "api_version": None,
        "key": batch.key.encode(),
        "body": body,
    }


def of_record(item: Item, reason: str, now: Micros) -> DeadLetter:
    """Return the letter of a record that could not be read."""
    body, reason = fitting(item.value, reason)
    return {
        "foundation": None,
        "feed": item.topic,
        "stage": "notifier",
        "reason": reason,
        "failed_at": now,
        "position": f"{item.topic}/{item.partition}/{item.offset}",
        "api_version": None,
        "key": item.key,
        "body": body,
    }
