"""The Alert records: stable ids, labels to route by, and what a person reads."""

from hashlib import sha256
from typing import Literal

from plumbing.clock import SECOND, iso
from processors.alerts import templates
from processors.alerts.diego import GIVEN_UP_AFTER
from processors.alerts.durations import words
from processors.alerts.rules import Rule
from processors.alerts.state import AppFacts, CrashAlert, CrashState
from schemas.records import Alert, Micros

SUMMARIES = {
    "rate": "{app} crashed {crashes} times in {window}",
    "per-instance": "{app} crashed {crashes} times in {window} with {instances} instances",
    "loop": "{app} is in a crash loop: {subject} crashed {crashes} times since {since}",
    "all-instances": "All {instances} instances of {app} crashed within {window}",
    "out-of-memory": "{app} runs out of memory ({memory} an instance)",
    "giving-up": "{app} {subject} crashed {crashes} times; the platform gives up at 200",
}
_BLAMED_ON_DEPLOY_S = 600
_KEPT_ID_CHARS = 32


def alert_id(facts: AppFacts, rule: str, subject: str, since: Micros) -> str:
    """Return the id of an alert: the same on firing, its repeats and resolved, and under every replay."""
    return stable_id(facts["foundation"], facts["app_guid"], rule, subject, str(since))


def stable_id(*parts: str) -> str:
    """Return a short digest of some parts."""
    return sha256("\0".join(parts).encode()).hexdigest()[:_KEPT_ID_CHARS]


def alert(
    rule: Rule | None,
    known: CrashAlert,
    state: CrashState,
    facts: AppFacts,
    *,
    status: Literal["firing", "resolved"],
    as_of: Micros,
    reason: str | None = None,
) -> Alert:
    """Return the record of an alert that fires or is resolved. ``rule`` is None when it is no longer in force."""
    severity = rule.severity if rule else "warning"
    labels = {
        "alertname": known["rule"],
        "severity": severity,
        "foundation": facts["foundation"],
        "app_guid": facts["app_guid"],
    }
    optional = {
        "kind": rule.kind if rule else None,
        "app": facts["app_name"],
        "space_guid": facts["space_guid"],
        "space": facts["space_name"],
        "org_guid": facts["org_guid"],
        "index": known["subject"].removeprefix("index ") or None,
        "cell_id": state["last_cell_id"],
    }
    labels |= {name: value for name, value in optional.items() if value}
    return {
        "foundation": facts["foundation"],
        "id": known["id"],
        "rule": known["rule"],
        "severity": severity,
        "status": status,
        "starts_at": known["since"],
        "ends_at": as_of if status == "resolved" else None,
        "as_of": as_of,
        "app_guid": facts["app_guid"],
        "app_name": facts["app_name"],
        "space_guid": facts["space_guid"],
        "space_name": facts["space_name"],
        "org_guid": facts["org_guid"],
        "summary": _summary(rule, known, state, facts),
        "resolve_reason": reason,
        "crashes": _crashes(known, state),
        "window_s": rule.window if rule else 0,
        "labels": labels,
        "annotations": _annotations(rule, known, state, facts, as_of),
    }


def _summary(rule: Rule | None, known: CrashAlert, state: CrashState, facts: AppFacts) -> str:
    template = (rule.summary or SUMMARIES[rule.kind]) if rule else "{app}: {rule}"
    memory = _memory(facts)
    return templates.fill(
        template,
        {
            "app": facts["app_name"] or facts["app_guid"],
            "app_guid": facts["app_guid"],
            "space": facts["space_name"] or facts["space_guid"],
            "space_guid": facts["space_guid"],
            "org_guid": facts["org_guid"],
            "foundation": facts["foundation"],
            "subject": known["subject"],
            "crashes": _crashes(known, state),
            "instances": facts["instances"],
            "window": words(rule.window) if rule else None,
            "memory": memory,
            "exit": state["last_exit"],
            "since": iso(_since(known, state)),
            "severity": rule.severity if rule else None,
            "rule": known["rule"],
        },
    )


def _memory(facts: AppFacts) -> str | None:
    """Return the limit of one instance; a crash does not say of which process it was."""
    if facts["instance_memory_mb"] is None:
        return None
    least, most = facts["instance_memory_mb"]
    return f"{most} MB" if least == most else f"{least} to {most} MB"


def _crashes(known: CrashAlert, state: CrashState) -> int:
    """Crashes since the alert began, or Diego's count where it says more."""
    streaks = (index["streak"] for index in state["indexes"] if known["subject"] == f"index {index['index']}")
    return max(known["crashes"], *streaks, 0)


def _since(known: CrashAlert, state: CrashState) -> Micros:
    for index in state["indexes"]:
        if known["subject"] == f"index {index['index']}":
            return index["first_at"]
    return known["since"]


def _annotations(
    rule: Rule | None, known: CrashAlert, state: CrashState, facts: AppFacts, as_of: Micros
) -> dict[str, str]:
    memory = _memory(facts)
    notes = {
        "since": iso(_since(known, state)),
        "last_crash": iso(known["last_at"]),
        "crashes": str(_crashes(known, state)),
        "exit": state["last_exit"],
        "cell_id": state["last_cell_id"],
        "version": state["last_version"],
        "instances": str(facts["instances"]) if facts["instances"] else None,
        "memory": f"{memory} an instance" if memory else None,
        "deploy": _deploy(known, state, as_of),
        "runbook_url": rule.runbook_url if rule else None,
    }
    if rule and rule.kind == "out-of-memory":
        certain = any(crash["oom"] > 1 for crash in state["recent"])
        notes["out_of_memory"] = "stated by the platform" if certain else "probable (exit status 137)"
    if rule and rule.kind in ("loop", "giving-up") and _crashes(known, state) >= GIVEN_UP_AFTER:
        notes["given_up"] = "the platform restarts this instance no more; restart the app"
    return {name: value for name, value in notes.items() if value}


def _deploy(known: CrashAlert, state: CrashState, as_of: Micros) -> str | None:
    deployed_at = state["deployed_at"]
    if deployed_at is None:
        return None
    first = min((crash["at"] for crash in state["recent"] if crash["at"] > deployed_at), default=known["since"])
    if not 0 <= min(first, _since(known, state)) - deployed_at <= _BLAMED_ON_DEPLOY_S * SECOND:
        return None
    return f"crashing since the deploy {words((as_of - deployed_at) // SECOND)} before ({iso(deployed_at)})"
