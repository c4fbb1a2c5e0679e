"""One app's record: made, its parts found or added, summed up. Nothing here knows what a row means."""

from processors.state import tasks
from processors.state.facts import STARTED, STOPPED
from schemas.records import AppUsageEvent, Micros, ProcessSnapshot
from schemas.tables import AppState, Place, Process

_CROWD = 500
_ROWS_SHIFT = 12
"""Low bits of a version count changes by time between two records; the bits above count records."""


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
        labels=[],
        labels_at=0,
        named_at=0,
        usage_offset=-1,
        audit_offset=-1,
        snapshot_offset=-1,
        revised_from=None,
        crash=None,
    )


def count(name: str, value: int | None) -> int:
    """Return a count, 0 where none is given. Raise ImpossibleError for less than nothing."""
    if value is not None and value < 0:
        raise ImpossibleError(f"{name} is {value}, less than nothing")
    return value or 0


def process_of(state: AppState, guid: str, kind: str | None) -> Process:
    """Return the process of a guid, made when it is new."""
    for process in state["processes"]:
        if process["guid"] == guid:
            process["type"] = process["type"] or kind
            return process
    process = Process(guid=guid, type=kind, state=STOPPED, instances=0, memory_mb=0, as_of=0, facts=[])
    state["processes"].append(process)
    return process


def forget_processes(state: AppState, before: Micros) -> None:
    """Drop processes that ended before a moment, all but the last: a deployment makes one of a new guid each time."""
    if len(state["processes"]) > 1:
        state["processes"] = [
            process
            for process in state["processes"]
            if process["facts"][-1]["state"] == STARTED or process["facts"][-1]["at"] >= before
        ]


def place_of(state: AppState, space_guid: str | None, org_guid: str | None) -> int:
    """Return the index of a place, noted when it is new."""
    for index, place in enumerate(state["places"]):
        if place["space_guid"] == space_guid and place["org_guid"] == org_guid:
            return index
    state["places"].append(Place(space_guid=space_guid, org_guid=org_guid))
    return len(state["places"]) - 1


def rename(state: AppState, record: AppUsageEvent | ProcessSnapshot, at: Micros) -> None:
    """Take names and place from a record of ``at``."""
    state["named_at"] = at
    state["app_name"] = record["app_name"] or state["app_name"]
    state["space_name"] = record["space_name"] or state["space_name"]
    state["space_guid"] = record["space_guid"] or state["space_guid"]
    state["org_guid"] = record["org_guid"] or state["org_guid"]


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
