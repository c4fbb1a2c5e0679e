"""What an audit event says about the crashes of an app."""

import re
from typing import Any, Literal

from processors.alerts.state import UNKNOWN_INDEX, CrashState, RecentCrash
from schemas.records import AuditEvent

COUNTED = "app.crash"
"""Counts one crash."""
TWIN = "audit.app.process.crash"
"""Written beside it for the same crash: adds crash_count and version."""

Change = Literal["stopped", "restarted", "deleted", "restaged"]

CHANGES: dict[str, Change] = {
    "audit.app.stop": "stopped",
    "audit.app.restart": "restarted",
    "audit.app.delete-request": "deleted",
    "audit.app.restage": "restaged",
    "audit.app.droplet.mapped": "restaged",
    "audit.app.deployment.create": "restaged",
}
"""Audit events after which earlier crashes say nothing more about the app, and why."""

DEPLOYS = frozenset({"audit.app.restage", "audit.app.droplet.mapped", "audit.app.deployment.create"})
"""Those that bring a new version."""

MAX_EXIT_TEXT = 300
_STATUS_137 = re.compile(r"\bstatus 137\b")


def recent(row: AuditEvent) -> RecentCrash:
    """Return the crash of an ``app.crash`` row as the windows hold it."""
    crash = row["crash"]
    index = crash["index"] if crash and crash["index"] is not None else UNKNOWN_INDEX
    return {"at": row["created_at"], "index": index, "oom": out_of_memory(row)}


def out_of_memory(row: AuditEvent) -> int:
    """Return 2 where the platform says "out of memory", 1 for status 137, which a failed health check also gives."""
    crash = row["crash"]
    if crash is None:
        return 0
    text = f"{crash['exit_description'] or ''} {crash['reason'] or ''}".lower()
    if "out of memory" in text:
        return 2
    return 1 if crash["exit_status"] == "137" or _STATUS_137.search(text) else 0


def last_fields(state: CrashState, row: AuditEvent) -> dict[str, Any]:
    """Return the fields of the newest crash; empty for a late row."""
    crash = row["crash"]
    if row["created_at"] < (state["last_at"] or 0):
        return {}
    text = (crash["exit_description"] or crash["reason"]) if crash else None
    return {
        "last_at": row["created_at"],
        "last_index": crash["index"] if crash else None,
        "last_cell_id": crash["cell_id"] if crash else None,
        "last_exit": text[:MAX_EXIT_TEXT] if text else None,
        "last_version": crash["version"] if crash and crash["version"] else state["last_version"],
    }
