"""The fold: how one record changes what is known of its app. Pure: no clock, no I/O, the log alone decides.

Each function takes the state over, changes it and says whether it changed. A record that was applied before (its
offset says so) changes nothing; the caller asks ``applied`` first.
"""

from dataclasses import dataclass

from plumbing.clock import SECOND
from processors.state import tasks
from processors.state.facts import ROW, SNAPSHOT, STARTED, STOPPED, insert, second
from schemas.records import AppUsageEvent, AuditEvent, Micros, ProcessSnapshot
from schemas.tables import AppState, Fact, Place, Process, Staging

STARTS = frozenset({"STARTED", "WAS_RUNNING"})
"""A start, a scale, a change of memory, a reseeded row: all absolute. WAS_RUNNING is the proposed baseline row."""

TASK_STARTS = frozenset({"TASK_STARTED", "TASK_WAS_RUNNING"})
IGNORED = frozenset({"BUILDPACK_SET"})
"""No start: written when staging has chosen a buildpack."""

DELETED = "audit.app.delete-request"
CRASH = "app.crash"

_CROWD = 500
_ROWS_SHIFT = 12
"""Low bits of a version count changes by time between two records; the bits above count records."""


@dataclass(frozen=True)
class Keep:
    """How long things are kept or believed, in microseconds of event time."""

    late_window: Micros = 6 * 3600 * SECOND
    """Facts of closed hours are kept so long, so that a late row can correct them."""
    task_expiry: Micros = 7 * 86400 * SECOND
    staging_expiry: Micros = 3600 * SECOND
    forget_after: Micros = 86400 * SECOND


class ImpossibleError(ValueError):
    """A record that decodes but says what cannot be; fit for the dead letters."""


def new(foundation: str, app_guid: str) -> AppState:
    """Return the state of an app of which nothing is known."""
    return AppState(
        version=0,
        foundation=foundation,
        app_guid=app_guid,
        app_name=None,
        space_guid=None,
        space_name=None,
        org_guid=None,
        as_of=0,
        state=STOPPED,
        running_instances=0,
        memory_mb=0,
        running_tasks=0,
        task_memory_mb=0,
        running_stagings=0,
        staging_memory_mb=0,
        crashes=0,
        last_crash_at=None,
        deleted_at=None,
        processes=[],
        tasks=[],
        stagings=[],
        places=[],
        named_at=0,
        usage_offset=-1,
        audit_offset=-1,
        snapshot_offset=-1,
        crash=None,
    )


def known_state(state: str) -> bool:
    """Say whether the fold knows what a usage row of this state means. The set is open; others change nothing."""
    return (
        state in STARTS
        or state in TASK_STARTS
        or state in IGNORED
        or state in ("STOPPED", "TASK_STOPPED", "STAGING_STARTED", "STAGING_STOPPED")
    )


def apply_usage(
    state: AppState, row: AppUsageEvent, keep: Keep, *, keep_from: Micros = 0, baseline: Micros | None = None
) -> bool:
    """Apply a usage row; return whether it changed anything.

    ``keep_from``: facts before are closed for good. ``baseline``: time of the newest finished snapshot, if any.
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
        fact = Fact(
            at=at,
            source=ROW,
            state=STOPPED if kind == STOPPED else STARTED,
            instances=_count("instance_count", instances),
            memory_mb=_count("memory_mb_per_instance", memory),
            place=_place(state, row["space_guid"], row["org_guid"]),
        )
        process = _process(state, guid, row["process_type"])
        changed = insert(process["facts"], fact, keep_from)
        if changed and baseline is not None:
            not_named(process, baseline, keep_from)
        _forget_processes(state, keep_from)
    elif kind in TASK_STARTS or kind == "TASK_STOPPED":
        changed = _apply_task(state, row, baseline)
        tasks.forget(state, keep_from)
    elif kind in ("STAGING_STARTED", "STAGING_STOPPED"):
        memory_mb = _count("memory_mb_per_instance", row["memory_mb_per_instance"])
        staging = Staging(at=at, started=kind == "STAGING_STARTED", memory_mb=memory_mb)
        tasks.add_staging(state, staging, keep.staging_expiry)
        changed = True
    else:
        return False
    if at >= state["named_at"]:
        _name(state, row, at)
        changed = True
    return changed


def _apply_task(state: AppState, row: AppUsageEvent, baseline: Micros | None) -> bool:
    guid = row["task_guid"]
    if guid is None:
        raise ImpossibleError(f"a {row['state']} row without a task")
    memory = _count("memory_mb_per_instance", row["memory_mb_per_instance"])
    task = tasks.find(state, guid, row["task_name"], _place(state, row["space_guid"], row["org_guid"]))
    task["memory_mb"] = memory or task["memory_mb"]
    if row["state"] == "TASK_STOPPED":
        tasks.stop(task, row["created_at"], tasks.BY_ROW)
    elif row["state"] == "TASK_STARTED" or task["started_at"] is None:
        task["started_at"] = row["created_at"]
    if baseline is not None:
        tasks.not_named(task, baseline)
    return True


def apply_snapshot(state: AppState, record: ProcessSnapshot, *, keep_from: Micros = 0) -> bool:
    """Apply a snapshot's record of one process or task: what holds as of ``observed_at``."""
    at = record["observed_at"]
    place = _place(state, record["space_guid"], record["org_guid"])
    if record["kind"] == "process":
        guid = record["process_guid"] or record["app_guid"]
        if guid is None:
            raise ImpossibleError("a process without a guid")
        fact = Fact(
            at=at,
            source=SNAPSHOT,
            state=STARTED,
            instances=_count("instance_count", record["instance_count"]),
            memory_mb=_count("memory_mb_per_instance", record["memory_mb_per_instance"]),
            place=place,
        )
        insert(_process(state, guid, record["process_type"])["facts"], fact, keep_from)
    elif record["kind"] == "task":
        if record["task_guid"] is None:
            raise ImpossibleError("a task without a guid")
        task = tasks.find(state, record["task_guid"], record["task_name"], place)
        task["memory_mb"] = _count("memory_mb_per_instance", record["memory_mb_per_instance"]) or task["memory_mb"]
        started_at = record["started_at"]
        tasks.seen(task, at, at if started_at is None else started_at)
    else:
        raise ImpossibleError("an end marker belongs to a partition, not to an app")
    if second(at) > second(state["named_at"]):
        _name(state, record, at)
    return True


def apply_end_marker(state: AppState, observed_at: Micros, *, keep_from: Micros = 0) -> bool:
    """Zero what a finished snapshot of ``observed_at`` does not name and of which no newer row is known."""
    changed = False
    for process in state["processes"]:
        changed |= not_named(process, observed_at, keep_from)
    for task in state["tasks"]:
        before = task["stopped_at"]
        tasks.not_named(task, observed_at)
        changed |= before != task["stopped_at"]
    return changed


def not_named(process: Process, baseline: Micros, keep_from: Micros = 0) -> bool:
    """Stop a process whose newest fact is older than a finished snapshot: had it run, the snapshot would say so."""
    newest = process["facts"][-1]
    if newest["state"] != STARTED or second(newest["at"]) >= second(baseline):
        return False
    stopped = Fact(
        at=baseline,
        source=SNAPSHOT,
        state=STOPPED,
        instances=0,
        memory_mb=newest["memory_mb"],
        place=newest["place"],
    )
    return insert(process["facts"], stopped, keep_from)


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


def crowded(state: AppState) -> bool:
    """Say whether a record has grown so long that closed hours ought to let go of what they need no more."""
    return len(state["tasks"]) > _CROWD or any(len(process["facts"]) > _CROWD for process in state["processes"])


def settle(state: AppState, records: int) -> None:
    """Work out the sums after ``records`` were applied (0: time alone has changed something), and the version."""
    instances = memory = 0
    for process in state["processes"]:
        newest = process["facts"][-1]
        process["state"], process["as_of"] = newest["state"], newest["at"]
        process["instances"], process["memory_mb"] = newest["instances"], newest["memory_mb"]
        state["as_of"] = max(state["as_of"], newest["at"])
        if newest["state"] == STARTED:
            instances += newest["instances"]
            memory += newest["instances"] * newest["memory_mb"]
    state["running_instances"], state["memory_mb"] = instances, memory
    state["state"] = STARTED if any(process["state"] == STARTED for process in state["processes"]) else STOPPED
    live = [task for task in state["tasks"] if tasks.running(task)]
    state["running_tasks"], state["task_memory_mb"] = len(live), sum(task["memory_mb"] for task in live)
    pending = tasks.open_stagings(state)
    state["running_stagings"], state["staging_memory_mb"] = len(pending), sum(row["memory_mb"] for row in pending)
    state["as_of"] = max(state["as_of"], state["named_at"], state["last_crash_at"] or 0, state["deleted_at"] or 0)
    rows, ticks = state["version"] >> _ROWS_SHIFT, state["version"] & ((1 << _ROWS_SHIFT) - 1)
    full = ticks == (1 << _ROWS_SHIFT) - 1
    state["version"] = (rows + records) << _ROWS_SHIFT if records else state["version"] + (0 if full else 1)


def _count(name: str, value: int | None) -> int:
    if value is not None and value < 0:
        raise ImpossibleError(f"{name} is {value}, less than nothing")
    return value or 0


def _process(state: AppState, guid: str, kind: str | None) -> Process:
    for process in state["processes"]:
        if process["guid"] == guid:
            process["type"] = process["type"] or kind
            return process
    process = Process(guid=guid, type=kind, state=STOPPED, instances=0, memory_mb=0, as_of=0, facts=[])
    state["processes"].append(process)
    return process


def _forget_processes(state: AppState, before: Micros) -> None:
    # A deployment makes a process of a new guid each time; the ones that ended long ago count for nothing.
    if len(state["processes"]) > 1:
        state["processes"] = [
            process
            for process in state["processes"]
            if process["facts"][-1]["state"] == STARTED or process["facts"][-1]["at"] >= before
        ]


def _place(state: AppState, space_guid: str | None, org_guid: str | None) -> int:
    for index, place in enumerate(state["places"]):
        if place["space_guid"] == space_guid and place["org_guid"] == org_guid:
            return index
    state["places"].append(Place(space_guid=space_guid, org_guid=org_guid))
    return len(state["places"]) - 1


def _name(state: AppState, record: AppUsageEvent | ProcessSnapshot, at: Micros) -> None:
    state["named_at"] = at
    state["app_name"] = record["app_name"] or state["app_name"]
    state["space_name"] = record["space_name"] or state["space_name"]
    state["space_guid"] = record["space_guid"] or state["space_guid"]
    state["org_guid"] = record["org_guid"] or state["org_guid"]


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
