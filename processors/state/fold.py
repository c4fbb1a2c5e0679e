"""The fold: how one record changes what is known of its app. Pure: no clock, no I/O, the log alone decides.

Each function takes the state over, changes it and says whether it changed. A record that was applied before (its
offset says so) changes nothing; the caller asks ``applied`` first.
"""

from dataclasses import dataclass

from plumbing.clock import SECOND
from processors.state import tasks
from processors.state.facts import ROW, STARTED, STOPPED, insert
from processors.state.record import ImpossibleError, count, forget_processes, place_of, process_of, rename
from processors.state.snapshots import Baseline, not_named
from schemas.records import AppUsageEvent, AuditEvent, Micros
from schemas.tables import AppState, Fact, Staging

STARTS = frozenset({"STARTED", "WAS_RUNNING"})
"""A start, a scale, a change of memory, a reseeded row: all absolute. WAS_RUNNING is the proposed baseline row."""

TASK_STARTS = frozenset({"TASK_STARTED", "TASK_WAS_RUNNING"})
IGNORED = frozenset({"BUILDPACK_SET"})
"""No start: written when staging has chosen a buildpack."""

KNOWN = STARTS | TASK_STARTS | IGNORED | {STOPPED, "TASK_STOPPED", "STAGING_STARTED", "STAGING_STOPPED"}
"""States of usage rows that the fold knows the meaning of. The set is open; rows of others change nothing."""

DELETED = "audit.app.delete-request"
CRASH = "app.crash"


@dataclass(frozen=True)
class Keep:
    """How long things are kept or believed, in microseconds of event time."""

    late_window: Micros = 6 * 3600 * SECOND
    """Facts of closed hours are kept so long, so that a late row can correct them."""
    task_expiry: Micros = 7 * 86400 * SECOND
    staging_expiry: Micros = 3600 * SECOND
    forget_after: Micros = 86400 * SECOND


def apply_usage(
    state: AppState, row: AppUsageEvent, keep: Keep, *, keep_from: Micros = 0, baseline: Baseline | None = None
) -> bool:
    """Apply a usage row; return whether it changed anything.

    ``keep_from``: facts before are closed for good. ``baseline``: the newest finished snapshot, if any.
    Raise ImpossibleError, having changed nothing.
    """
    kind, at = row["state"], row["created_at"]
    if kind in STARTS or kind == STOPPED:
        guid = row["process_guid"] or row["app_guid"]
        instances, memory = row["instance_count"], row["memory_mb_per_instance"]
        if guid is None:
            raise ImpossibleError(f"a {kind} row without a process and without an app")
        if kind != STOPPED and (instances is None or memory is None):
            raise ImpossibleError(f"a {kind} row without instance_count or memory_mb_per_instance")
        fact: Fact = {
            "at": at,
            "source": ROW,
            "state": STOPPED if kind == STOPPED else STARTED,
            "instances": count("instance_count", instances),
            "memory_mb": count("memory_mb_per_instance", memory),
            "place": place_of(state, row["space_guid"], row["org_guid"]),
            "read_until": 0,
        }
        process = process_of(state, guid, row["process_type"])
        changed = insert(process["facts"], fact, keep_from)
        if changed and baseline is not None:
            not_named(process, baseline, keep_from)
        forget_processes(state, keep_from)
    elif kind in TASK_STARTS or kind == "TASK_STOPPED":
        changed = _apply_task(state, row, baseline)
        tasks.forget(state, keep_from)
    elif kind in ("STAGING_STARTED", "STAGING_STOPPED"):
        memory_mb = count("memory_mb_per_instance", row["memory_mb_per_instance"])
        staging = Staging(at=at, started=kind == "STAGING_STARTED", memory_mb=memory_mb)
        tasks.add_staging(state, staging, keep.staging_expiry)
        changed = True
    else:
        return False
    if at >= state["named_at"]:
        rename(state, row, at)
        changed = True
    return changed


def _apply_task(state: AppState, row: AppUsageEvent, baseline: Baseline | None) -> bool:
    guid = row["task_guid"]
    if guid is None:
        raise ImpossibleError(f"a {row['state']} row without a task")
    memory = count("memory_mb_per_instance", row["memory_mb_per_instance"])
    task = tasks.find(state, guid, row["task_name"], place_of(state, row["space_guid"], row["org_guid"]))
    task["memory_mb"] = memory or task["memory_mb"]
    if row["state"] == "TASK_STOPPED":
        tasks.stop(task, row["created_at"], tasks.BY_ROW)
    elif row["state"] == "TASK_STARTED" or task["started_at"] is None:
        task["started_at"] = row["created_at"]
    if baseline is not None:
        tasks.not_named(task, baseline.at)
    return True


def apply_audit(state: AppState, event: AuditEvent) -> bool:
    """Apply an audit event about an app: crashes are counted (the twin of a crash is not), a deletion is noted."""
    at = event["created_at"]
    if event["type"] == CRASH:
        state["crashes"] += 1
        state["last_crash_at"] = max(at, state["last_crash_at"] or 0)
        return True
    if event["type"] == DELETED and at > (state["deleted_at"] or 0):
        state["deleted_at"] = at
        return True
    return False


def tick(state: AppState, until: Micros, keep: Keep, *, keep_from: Micros = 0) -> bool:
    """Apply what time alone changes, all rows up to ``until`` being applied; return whether anything changed."""
    changed = False
    for task in state["tasks"]:
        end = tasks.expires_at(task, keep.task_expiry)
        if tasks.running(task) and end <= until:
            tasks.stop(task, end, tasks.BY_EXPIRY)
            changed = True
    changed |= tasks.expire_stagings(state, until - keep.staging_expiry)
    changed |= tasks.forget(state, keep_from)
    return changed


def gone(state: AppState, until: Micros, keep: Keep) -> bool:
    """Say whether a deleted app may leave the table: nothing runs, and nothing was heard of it for long enough."""
    return (
        state["deleted_at"] is not None
        and not (state["running_instances"] or state["running_tasks"] or state["running_stagings"])
        and max(state["deleted_at"], state["as_of"]) + keep.forget_after <= until
    )
