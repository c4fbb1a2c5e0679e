"""Alert records, a clock that tests move, and a notifier's engine driven by hand."""

import asyncio
from typing import Any

from plumbing.clock import SECOND
from schemas.records import Alert

NOW = 1_800_000_000 * SECOND


def alert(name: str = "a", *, status: str = "firing", as_of: int = NOW, **given: Any) -> Alert:
    """Return an alert of an app named as its id."""
    labels = {
        "alertname": "crash-rate",
        "severity": "warning",
        "foundation": "f",
        "kind": "rate",
        "app_guid": f"guid-{name}",
        "app": name,
        "space_guid": "space-1",
        "space": "prod",
        "org_guid": "org-1",
        "cell_id": "cell-1",
    } | given.pop("labels", {})
    record: Alert = {
        "foundation": "f",
        "id": f"id-{name}",
        "rule": labels["alertname"],
        "severity": labels["severity"],
        "status": status,  # type: ignore[typeddict-item] # given by the test
        "starts_at": as_of,
        "ends_at": as_of if status == "resolved" else None,
        "as_of": as_of,
        "app_guid": f"guid-{name}",
        "app_name": name,
        "space_guid": "space-1",
        "space_name": "prod",
        "org_guid": "org-1",
        "summary": f"{name} crashed 3 times in 5 min",
        "resolve_reason": "quiet" if status == "resolved" else None,
        "crashes": 3,
        "window_s": 300,
        "labels": labels,
        "annotations": {"since": "2027-01-15T08:00:00Z", "exit": "APP/PROC/WEB: Exited with status 1"},
    }
    return record | given  # type: ignore[return-value] # keys of Alert


class StepClock:
    """A clock that moves only when somebody waits on it: each wait ends at once and moves it."""

    def __init__(self) -> None:
        self.time_s = 0.0
        self.waits: list[float] = []

    def now(self) -> int:
        """Microseconds since the epoch."""
        return NOW + round(self.time_s * SECOND)

    def monotonic(self) -> float:
        """Seconds."""
        return self.time_s

    async def sleep(self, seconds: float) -> None:
        """Move on."""
        self.waits.append(seconds)
        self.time_s += seconds
        await asyncio.sleep(0)
