"""Old news: alerts of a back-fill or of an outage do not page one by one.

"Old" is judged by the Cloud Controller's clock, as its tails last reported it, never by ours: a simulated clock may
run fast, and a tail may lag. An alert that is old when it is read is held back. If the log resolves it, it only
counts towards one summary; if it still fires when the workers have caught up, it is news after all.
"""

from collections import Counter
from dataclasses import dataclass, field

from plumbing.clock import SECOND, iso
from processors.alerts.messages import stable_id
from schemas.records import Alert, Micros

HISTORY = "history"


@dataclass
class _Foundation:
    source_now: Micros = 0
    settled: dict[str, Micros] = field(default_factory=dict)
    applied: dict[int, Micros] = field(default_factory=dict)
    told_to: Micros = 0
    held: dict[str, Alert] = field(default_factory=dict)
    over: dict[str, Alert] = field(default_factory=dict)


class Historian:
    """Holds back what is old, by foundation. ``partitions``: how many the workers share."""

    def __init__(self, page_within_s: int) -> None:
        self.partitions = 1
        self._page_within = page_within_s * SECOND
        self._foundations: dict[str, _Foundation] = {}

    def tail(self, foundation: str, feed: str, source_now: Micros, settled_until: Micros | None) -> None:
        """Note a tail's checkpoint: the Cloud Controller's clock, and the event time up to which it has read."""
        known = self._of(foundation)
        known.source_now = max(known.source_now, source_now)
        known.settled[feed] = settled_until or 0

    def reached(self, foundation: str) -> Micros:
        """Return the event time up to which the workers have applied all partitions; 0 while one has said nothing."""
        applied = self._of(foundation).applied
        return min(applied.values()) if len(applied) >= self.partitions else 0

    def applied(self, foundation: str, partition: int, applied_to: Micros) -> None:
        """Note the event time up to which the workers have applied a partition."""
        self._of(foundation).applied[partition] = applied_to

    def told(self, foundation: str, told_to: Micros) -> None:
        """Note up to which event time history was summed up before; what is older is not summed up again."""
        known = self._of(foundation)
        known.told_to = max(known.told_to, told_to)

    def told_to(self) -> dict[str, Micros]:
        """Return by foundation up to which event time history was summed up."""
        return {name: known.told_to for name, known in self._foundations.items() if known.told_to}

    def holds(self, alert: Alert) -> bool:
        """Take an alert that was never announced; return True when it is held back, or counted as over."""
        known = self._of(alert["foundation"])
        if alert["status"] == "resolved":
            if known.held.pop(alert["id"], None) is None:
                return alert["id"] in known.over
            if alert["as_of"] > known.told_to:
                known.over[alert["id"]] = alert
            return True
        if known.source_now - alert["as_of"] <= self._page_within:
            known.held.pop(alert["id"], None)
            return False
        known.held[alert["id"]] = alert
        return True

    def release(self) -> tuple[list[Alert], list[Alert]]:
        """Return the held alerts that are news after all, and one summary for each foundation that has caught up."""
        news: list[Alert] = []
        summaries: list[Alert] = []
        for name, known in self._foundations.items():
            # A partition of which nothing is known yet may still hold the all-clear of what is held back.
            if self.reached(name) < known.source_now - self._page_within or not (known.held or known.over):
                continue
            news += known.held.values()
            known.held = {}
            if known.over:
                summaries.append(_summary(name, list(known.over.values())))
                known.over = {}
        return news, summaries

    def waiting(self) -> set[str]:
        """Return the ids that are held back or not summed up yet."""
        return {id_ for known in self._foundations.values() for id_ in (*known.held, *known.over)}

    def _of(self, foundation: str) -> _Foundation:
        return self._foundations.setdefault(foundation, _Foundation())


def _summary(foundation: str, over: list[Alert]) -> Alert:
    first, last = min(alert["starts_at"] for alert in over), max(alert["as_of"] for alert in over)
    by_rule = Counter(alert["rule"] for alert in over)
    apps = Counter(alert["app_name"] or alert["app_guid"] or "" for alert in over)
    rules = ", ".join(f"{count} × {rule}" for rule, count in by_rule.most_common())
    worst = ", ".join(f"{app} ({count})" for app, count in apps.most_common(5) if app)
    return {
        "foundation": foundation,
        "id": stable_id(foundation, HISTORY, str(last)),
        "rule": HISTORY,
        "severity": "info",
        "status": "firing",
        "starts_at": first,
        "ends_at": None,
        "as_of": last,
        "app_guid": None,
        "app_name": None,
        "space_guid": None,
        "space_name": None,
        "org_guid": None,
        "summary": f"{len(over)} alerts fired and were resolved between {iso(first)} and {iso(last)}, before now",
        "resolve_reason": None,
        "crashes": sum(alert["crashes"] for alert in over),
        "window_s": 0,
        "labels": {"alertname": HISTORY, "kind": HISTORY, "severity": "info", "foundation": foundation},
        "annotations": {"rules": rules, "apps": worst},
    }
