"""Audit rows and facts for the alert tests."""

from typing import Any

from plumbing.clock import SECOND
from processors.alerts.state import AppFacts
from schemas.records import AuditEvent, Crash

T0 = 1_760_000_000 * SECOND
"""Midnight of the tests' day, more or less."""


def facts(**given: Any) -> AppFacts:
    known: AppFacts = {
        "foundation": "f",
        "app_guid": "app-1",
        "app_name": "shop",
        "space_guid": "space-1",
        "space_name": "prod",
        "org_guid": "org-1",
        "instances": 2,
        "instance_memory_mb": (512, 512),
        "labels": {},
    }
    return known | given  # type: ignore[return-value] # keys of AppFacts


def row(at_s: float, kind: str, *, crash: Crash | None = None, **given: Any) -> AuditEvent:
    event: AuditEvent = {
        "foundation": "f",
        "guid": f"{kind}-{at_s}",
        "created_at": T0 + round(at_s * SECOND),
        "updated_at": None,
        "timestamp": None,
        "type": kind,
        "actor_guid": None,
        "actor_type": None,
        "actor_name": None,
        "target_guid": "app-1",
        "target_type": "app",
        "target_name": "shop",
        "space_guid": "space-1",
        "org_guid": "org-1",
        "app_guid": "app-1",
        "data": None,
        "crash": crash,
    }
    return event | given  # type: ignore[return-value] # keys of AuditEvent


def details(index: int | None = 0, **given: Any) -> Crash:
    crash: Crash = {
        "instance": f"instance-{index}",
        "index": index,
        "cell_id": "cell-1",
        "exit_description": "APP/PROC/WEB: Exited with status 1",
        "reason": "CRASHED",
        "exit_status": "1",
        "crash_count": None,
        "crash_timestamp_ns": None,
        "version": None,
    }
    return crash | given  # type: ignore[return-value] # keys of Crash


def crash(at_s: float, index: int | None = 0, **given: Any) -> AuditEvent:
    return row(at_s, "app.crash", crash=details(index, **given))


def twin(at_s: float, index: int = 0, count: int = 1) -> AuditEvent:
    return row(at_s, "audit.app.process.crash", crash=details(index, crash_count=count, version="v-1"))
