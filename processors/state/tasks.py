"""Tasks and stagings of an app: buckets of their own, never part of the app's instances; both expire."""

from processors.state.facts import second
from schemas.records import Micros
from schemas.tables import AppState, Staging, Task

BY_NOTHING = 0
BY_EXPIRY = 1
BY_SNAPSHOT = 2
BY_ROW = 3


def running(task: Task) -> bool:
    """Say whether a task counts: it was seen to start and nothing has ended it. A stop alone never counts."""
    return task["started_at"] is not None and task["stopped_at"] is None


def find(state: AppState, guid: str, name: str | None, place: int) -> Task:
    """Return the task of a guid, made when it is new."""
    for task in reversed(state["tasks"]):
        if task["guid"] == guid:
            return task
    task = Task(
        guid=guid,
        name=name,
        memory_mb=0,
        started_at=None,
        stopped_at=None,
        stopped_by=BY_NOTHING,
        seen_at=None,
        place=place,
    )
    state["tasks"].append(task)
    return task


def stop(task: Task, at: Micros, by: int) -> None:
    """End a task. A row beats a snapshot, that beats expiry; of two rows the later time stays, else the earlier."""
    held = task["stopped_at"]
    if held is None or by > task["stopped_by"]:
        task["stopped_at"], task["stopped_by"] = at, by
    elif by == task["stopped_by"]:
        task["stopped_at"] = max(held, at) if by == BY_ROW else min(held, at)


def seen(task: Task, at: Micros, started_at: Micros) -> None:
    """Note that a snapshot of ``at`` names the task: it runs, unless a row has ended it."""
    task["seen_at"] = max(at, task["seen_at"] or 0)
    if task["started_at"] is None:
        task["started_at"] = started_at
    if task["stopped_by"] in (BY_EXPIRY, BY_SNAPSHOT) and (task["stopped_at"] or 0) <= at:
        task["stopped_at"], task["stopped_by"] = None, BY_NOTHING


def not_named(task: Task, baseline: Micros) -> None:
    """End a task that a finished snapshot of ``baseline`` does not name although it had started before."""
    if (
        running(task)
        and second(task["started_at"] or 0) < second(baseline)
        and (task["seen_at"] is None or task["seen_at"] < baseline)
    ):
        stop(task, baseline, BY_SNAPSHOT)


def expires_at(task: Task, expiry: Micros) -> Micros:
    """Return when a running task is taken for ended if nothing more is heard of it."""
    return max(task["started_at"] or 0, task["seen_at"] or 0) + expiry


def forget(state: AppState, before: Micros) -> bool:
    """Drop tasks that ended before a moment; return whether there were any."""
    kept = [task for task in state["tasks"] if task["stopped_at"] is None or task["stopped_at"] > before]
    if len(kept) == len(state["tasks"]):
        return False
    state["tasks"] = kept
    return True


def add_staging(state: AppState, row: Staging, expiry: Micros) -> None:
    """Put a staging row in its place; rows older than the newest by more than ``expiry`` go."""
    rows = state["stagings"]
    index = len(rows)
    while index and rows[index - 1]["at"] > row["at"]:
        index -= 1
    rows.insert(index, row)
    expire_stagings(state, rows[-1]["at"] - expiry)


def expire_stagings(state: AppState, before: Micros) -> bool:
    """Drop staging rows older than a moment; return whether there were any."""
    rows = state["stagings"]
    if not rows or rows[0]["at"] > before:
        return False
    state["stagings"] = [row for row in rows if row["at"] > before]
    return True


def open_stagings(state: AppState) -> list[Staging]:
    """Return the starts that no stop has followed. A stop ends the oldest open start; one too many ends nothing."""
    pending: list[Staging] = []
    for row in state["stagings"]:
        if row["started"]:
            pending.append(row)
        elif pending:
            del pending[0]
    return pending
