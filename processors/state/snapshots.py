"""Snapshots: what one names holds as of its time; what a finished one does not name does not run."""

from typing import NamedTuple

from processors.state import tasks
from processors.state.facts import SNAPSHOT, STARTED, STOPPED, insert, second
from processors.state.record import ImpossibleError, count, place_of, process_of, rename
from schemas.records import Micros, ProcessSnapshot
from schemas.tables import AppState, Fact, Process


class Baseline(NamedTuple):
    """A finished snapshot: as of when it holds, and when the last of it was read (0: its producer did not say)."""

    at: Micros
    read_until: Micros = 0


def apply_snapshot(state: AppState, record: ProcessSnapshot, *, keep_from: Micros = 0) -> bool:
    """Apply a snapshot's record of one process or task: what holds as of ``observed_at``.

    Raise ImpossibleError, having changed nothing.
    """
    at = record["observed_at"]
    instances = count("instance_count", record["instance_count"])
    memory_mb = count("memory_mb_per_instance", record["memory_mb_per_instance"])
    if record["kind"] == "process":
        guid = record["process_guid"] or record["app_guid"]
        if guid is None:
            raise ImpossibleError("a process without a guid")
        fact = Fact(
            at=at,
            source=SNAPSHOT,
            state=STARTED,
            instances=instances,
            memory_mb=memory_mb,
            place=place_of(state, record["space_guid"], record["org_guid"]),
            read_until=record["read_until"] or 0,
        )
        insert(process_of(state, guid, record["process_type"])["facts"], fact, keep_from)
    elif record["kind"] == "task":
        if record["task_guid"] is None:
            raise ImpossibleError("a task without a guid")
        place = place_of(state, record["space_guid"], record["org_guid"])
        task = tasks.find(state, record["task_guid"], record["task_name"], place)
        task["memory_mb"] = memory_mb or task["memory_mb"]
        started_at = record["started_at"]
        tasks.seen(task, at, at if started_at is None else started_at)
    else:
        raise ImpossibleError("an end marker belongs to a partition, not to an app")
    if at >= state["labels_at"]:  # no row tells labels, so snapshots alone compete
        state["labels"], state["labels_at"] = record["labels"], at
    if second(at) > second(state["named_at"]):
        rename(state, record, at)
    return True


def apply_end_marker(state: AppState, baseline: Baseline, *, keep_from: Micros = 0) -> bool:
    """Zero what a finished snapshot does not name and of which no newer row is known."""
    changed = False
    for process in state["processes"]:
        changed |= not_named(process, baseline, keep_from)
    for task in state["tasks"]:
        before = task["stopped_at"]
        tasks.not_named(task, baseline.at)
        changed |= before != task["stopped_at"]
    return changed


def not_named(process: Process, baseline: Baseline, keep_from: Micros = 0) -> bool:
    """Stop a process whose newest fact is older than a finished snapshot: had it run, the snapshot would say so."""
    newest = process["facts"][-1]
    if newest["state"] != STARTED or second(newest["at"]) >= second(baseline.at):
        return False
    stopped = Fact(
        at=baseline.at,
        source=SNAPSHOT,
        state=STOPPED,
        instances=0,
        memory_mb=newest["memory_mb"],
        place=newest["place"],
        read_until=baseline.read_until,
    )
    return insert(process["facts"], stopped, keep_from)
