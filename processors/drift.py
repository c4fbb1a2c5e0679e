"""What a snapshot found different from the tables: compared once every row of its time is applied."""

from collections.abc import Iterator

from processors.state.facts import SNAPSHOT, explained, level, second
from processors.state.tasks import BY_SNAPSHOT
from schemas.records import Micros
from schemas.tables import AppState, Drift, Process


def drifts(state: AppState, snapshot_id: str, observed_at: Micros) -> Iterator[Drift]:
    """Yield the differences of one app. What a row explains within the time that a snapshot takes is none."""
    for process in state["processes"]:
        found = _process(process, observed_at)
        if found is not None:
            kind, tables, source, since = found
            yield _drift(state, snapshot_id, observed_at, kind, tables, source, since, process_guid=process["guid"])
    for task in state["tasks"]:
        if task["stopped_by"] == BY_SNAPSHOT and task["stopped_at"] == observed_at:
            held = (1, task["memory_mb"])
            since = task["started_at"]
            yield _drift(state, snapshot_id, observed_at, "extra", held, (0, 0), since, task_guid=task["guid"])


def _process(
    process: Process, observed_at: Micros
) -> tuple[str, tuple[int, int], tuple[int, int], Micros | None] | None:
    facts = process["facts"]
    for index, fact in enumerate(facts):
        if fact["source"] != SNAPSHOT or second(fact["at"]) != second(observed_at):
            continue
        # What an earlier snapshot saw ahead of its row did not hold yet.
        before = next((facts[held] for held in reversed(range(index)) if not explained(facts, held)), None)
        held = (0, 0) if before is None else level(before)
        says = level(fact)
        if held == says or explained(facts, index):
            return None
        kind = "missing" if held == (0, 0) else "extra" if says == (0, 0) else "differs"
        tables = (0, 0) if before is None or held == (0, 0) else (before["instances"], before["memory_mb"])
        source = (0, 0) if says == (0, 0) else (fact["instances"], fact["memory_mb"])
        return kind, tables, source, None if before is None else before["at"]
    return None


def _drift(
    state: AppState,
    snapshot_id: str,
    observed_at: Micros,
    kind: str,
    tables: tuple[int, int],
    source: tuple[int, int],
    since: Micros | None,
    *,
    process_guid: str | None = None,
    task_guid: str | None = None,
) -> Drift:
    return Drift(
        foundation=state["foundation"],
        snapshot_id=snapshot_id,
        observed_at=observed_at,
        kind=kind,
        app_guid=state["app_guid"],
        app_name=state["app_name"],
        space_guid=state["space_guid"],
        org_guid=state["org_guid"],
        process_guid=process_guid,
        task_guid=task_guid,
        tables_instances=tables[0],
        tables_memory_mb=tables[1],
        source_instances=source[0],
        source_memory_mb=source[1],
        since=since,
    )
