"""Between the fold and the alert rules: what the rules are told of an app, and where their memory is kept."""

from typing import cast

from processors.alerts import evaluate
from processors.alerts.rules import Rules
from processors.alerts.state import AppFacts, CrashState, empty
from processors.state.facts import STARTED
from schemas.records import Alert, AuditEvent, Micros
from schemas.tables import AppState


def facts(state: AppState) -> AppFacts:
    """Return what the rules need to know of an app."""
    running = [process for process in state["processes"] if process["state"] == STARTED and process["instances"]]
    sizes = [process["memory_mb"] for process in running]
    return AppFacts(
        foundation=state["foundation"],
        app_guid=state["app_guid"],
        app_name=state["app_name"],
        space_guid=state["space_guid"],
        space_name=state["space_name"],
        org_guid=state["org_guid"],
        instances=state["running_instances"],
        instance_memory_mb=(min(sizes), max(sizes)) if sizes else None,
        labels={label["name"]: label["value"] for label in state["labels"]},
    )


class CrashWatch:
    """Runs the rules over one app at a time. The state given is changed in place; alerts are returned."""

    def __init__(self, rules: Rules) -> None:
        self._rules = rules

    def observe(self, state: AppState, event: AuditEvent) -> tuple[bool, list[Alert]]:
        """Tell the rules of an audit event; return whether their memory changed, and alerts."""
        before = _memory(state)
        after, alerts = evaluate.observe(self._rules, before, facts(state), event)
        return self._keep(state, before, after), alerts

    def stopped(self, state: AppState, at: Micros) -> list[Alert]:
        """Tell the rules that the app stopped."""
        if state["crash"] is None:
            return []
        before = _memory(state)
        after, alerts = evaluate.cleared(self._rules, before, facts(state), at, "stopped")
        self._keep(state, before, after)
        return alerts

    def tick(self, state: AppState, until: Micros) -> tuple[bool, list[Alert]]:
        """Tell the rules that every row up to ``until`` is applied."""
        if state["crash"] is None:
            return False, []
        before = _memory(state)
        after, alerts = evaluate.tick(self._rules, before, facts(state), until)
        return self._keep(state, before, after), alerts

    def due(self, state: AppState) -> Micros | None:
        """Return when the next ``tick`` would change anything."""
        return None if state["crash"] is None else evaluate.due(self._rules, _memory(state), facts(state))

    @staticmethod
    def _keep(state: AppState, before: CrashState, after: CrashState) -> bool:
        if after is before:
            return False
        state["crash"] = dict(after)
        return True


def _memory(state: AppState) -> CrashState:
    return empty() if state["crash"] is None else cast("CrashState", state["crash"])
