"""A sample notification, to try a receiver."""

from plumbing.clock import SECOND, iso
from processors.notify import batch as batches
from processors.notify.batch import Batch
from processors.notify.decide import Telling
from schemas.records import Alert, Micros


def sample(receiver: str, now: Micros, *, resolved: bool = False) -> Batch:
    """Return the notification of a made-up crash loop that says of itself that it is a test."""
    begun = now - 240 * SECOND
    labels = {
        "alertname": "crash-loop",
        "kind": "loop",
        "severity": "info",
        "foundation": "test",
        "app": "sample-app",
        "space": "sample-space",
        "index": "0",
    }
    alert: Alert = {
        "foundation": "test",
        "id": "cfstream-test",
        "rule": "crash-loop",
        "severity": "info",
        "status": "resolved" if resolved else "firing",
        "starts_at": begun,
        "ends_at": now if resolved else None,
        "as_of": now,
        "app_guid": None,
        "app_name": "sample-app",
        "space_guid": None,
        "space_name": "sample-space",
        "org_guid": None,
        "summary": "This is a test of cfstream: sample-app is in a crash loop: index 0 crashed 4 times",
        "resolve_reason": "quiet" if resolved else None,
        "crashes": 4,
        "window_s": 300,
        "labels": labels,
        "annotations": {"since": iso(begun), "exit": "APP/PROC/WEB: Exited with status 137 (out of memory)"},
    }
    ids = frozenset({alert["id"]})
    told = Telling(frozenset(), ids) if resolved else Telling(ids)
    return batches.make(receiver, "test", {"foundation": "test"}, [alert], told, now, now)
