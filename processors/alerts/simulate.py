"""Runs rules over rows of the past and says what would have fired. Pure; nobody is paged."""

from collections.abc import Iterable
from dataclasses import dataclass
from heapq import heappop, heappush

from processors.alerts.rules import Rules
from processors.alerts.storms import Storms, crashed
from processors.crashes import CrashWatch
from processors.state import fold
from processors.state.facts import STOPPED
from processors.state.fold import Keep
from processors.state.record import ImpossibleError, new, settle
from processors.state.snapshots import apply_snapshot
from schemas.records import Alert, AppUsageEvent, AuditEvent, Micros, ProcessSnapshot
from schemas.tables import AppState


@dataclass(frozen=True)
class Episode:
    """One alert from its beginning to its end; ``ended`` is None where it still fires. ``peak``: crashes or apps."""

    began: Alert
    ended: Alert | None
    crashes: int

    def lasted_s(self, now: Micros) -> float:
        """Return how long it fired, in seconds; until ``now`` where it still does."""
        end = self.ended["as_of"] if self.ended else now
        return (end - self.began["as_of"]) / 1_000_000


class Simulation:
    """The fold and the rules over rows that are given in order of time."""

    def __init__(self, rules: Rules) -> None:
        self._watch = CrashWatch(rules)
        self._storms = Storms(rules.storms)
        self._keep = Keep()
        self._apps: dict[str, AppState] = {}
        self._due: list[tuple[Micros, str]] = []
        self._alerts: list[Alert] = []
        self.crashes = 0

    def usage(self, row: AppUsageEvent) -> None:
        """Take a usage row: it tells the instances and the memory."""
        guid = row["app_guid"]
        if guid is None or row["state"] not in fold.KNOWN:
            return
        self._until(row["created_at"] - 1)
        state = self._app(row["foundation"], guid)
        try:
            fold.apply_usage(state, row, self._keep)
        except ImpossibleError:
            return
        settle(state, 1)
        if row["state"] == STOPPED and state["state"] == STOPPED:
            self._alerts += self._watch.stopped(state, row["created_at"])

    def snapshot(self, record: ProcessSnapshot) -> None:
        """Take a snapshot's record: it tells the labels, and what runs of which no row tells."""
        guid = record["app_guid"]
        if guid is None:
            return
        self._until(record["observed_at"] - 1)
        state = self._app(record["foundation"], guid)
        try:
            apply_snapshot(state, record)
        except ImpossibleError:
            return
        settle(state, 1)

    def audit(self, row: AuditEvent) -> None:
        """Take an audit event."""
        guid = row["app_guid"]
        if guid is None:
            return
        self._until(row["created_at"] - 1)
        crash = crashed(row)
        if crash is not None:
            self.crashes += 1
            self._alerts += self._storms.observe(crash)
        state = self._app(row["foundation"], guid)
        state["app_name"] = state["app_name"] or row["target_name"]
        state["space_guid"] = state["space_guid"] or row["space_guid"]
        state["org_guid"] = state["org_guid"] or row["org_guid"]
        _, alerts = self._watch.observe(state, row)
        self._alerts += alerts
        self._plan(guid, state)

    def finish(self, until: Micros) -> list[Episode]:
        """Let time pass until ``until`` and return what fired, in order of beginning."""
        self._until(until)
        self._alerts += self._storms.advance(until)
        return episodes(self._alerts)

    def _app(self, foundation: str, guid: str) -> AppState:
        state = self._apps.get(guid)
        if state is None:
            state = self._apps[guid] = new(foundation, guid)
        return state

    def _plan(self, guid: str, state: AppState) -> None:
        moment = self._watch.due(state)
        if moment is not None:
            heappush(self._due, (moment, guid))

    def _until(self, moment: Micros) -> None:
        while self._due and self._due[0][0] <= moment:
            at, guid = heappop(self._due)
            state = self._apps[guid]
            if (self._watch.due(state) or at + 1) <= at:
                self._alerts += self._watch.tick(state, at)[1]
                self._plan(guid, state)


def episodes(alerts: Iterable[Alert]) -> list[Episode]:
    """Put each alert's records together; those said anew while they fire raise the count."""
    known: dict[str, Episode] = {}
    for alert in alerts:
        before = known.get(alert["id"])
        crashes = max(alert["crashes"], before.crashes if before else 0)
        if alert["status"] == "resolved":
            if before is not None:
                known[alert["id"]] = Episode(before.began, alert, crashes)
        else:
            known[alert["id"]] = Episode(before.began if before else alert, None, crashes)
    return sorted(known.values(), key=lambda one: (one.began["as_of"], one.began["id"]))
