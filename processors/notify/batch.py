"""A notification: what one receiver is told of one group, fixed from its first try to its last."""

from dataclasses import dataclass
from typing import Literal

from processors.alerts.messages import stable_id
from processors.notify.decide import Telling
from schemas.records import Alert, Micros

_SEVERITIES = {"critical": 0, "warning": 1, "info": 2}


@dataclass(frozen=True)
class Batch:
    """One notification. ``key`` is its idempotency key: the same on each try, and after a restart.

    ``alerts``: those that fire first, the worst and oldest first; then the resolved ones. ``told`` are their ids.
    """

    key: str
    receiver: str
    group_key: str
    group_labels: dict[str, str]
    alerts: tuple[Alert, ...]
    told: Telling
    made_at: Micros

    @property
    def status(self) -> Literal["firing", "resolved"]:
        """Firing as long as one of its alerts is."""
        return "firing" if self.told.firing else "resolved"

    @property
    def firing(self) -> tuple[Alert, ...]:
        """The alerts that fire."""
        return tuple(alert for alert in self.alerts if alert["status"] == "firing")

    @property
    def resolved(self) -> tuple[Alert, ...]:
        """The alerts that are resolved."""
        return tuple(alert for alert in self.alerts if alert["status"] == "resolved")

    @property
    def severity(self) -> str:
        """The worst severity of what fires, else of all."""
        return min((alert["severity"] for alert in self.firing or self.alerts), key=_rank, default="info")


def make(
    receiver: str,
    group_key: str,
    group_labels: dict[str, str],
    alerts: list[Alert],
    told: Telling,
    sequence: int,
    now: Micros,
) -> Batch:
    """Return the notification of these alerts. ``sequence``: successes of the group so far, for repeats."""
    ordered = sorted(alerts, key=lambda a: (a["status"] != "firing", _rank(a["severity"]), a["starts_at"], a["id"]))
    key = stable_id(receiver, group_key, str(sequence), *sorted(told.firing), "|", *sorted(told.resolved))
    return Batch(key, receiver, group_key, group_labels, tuple(ordered), told, now)


def _rank(severity: str) -> int:
    return _SEVERITIES.get(severity, len(_SEVERITIES))
