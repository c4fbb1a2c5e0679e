"""How records change an app's state."""

from typing import Any

import pytest
from support.usage_rows import SECOND, T0, audit, snapshot, usage

from processors.crashes import facts
from processors.state import fold
from processors.state.fold import Keep
from processors.state.record import ImpossibleError, new, settle
from processors.state.snapshots import Baseline, apply_end_marker, apply_snapshot
from schemas.tables import AppState

KEEP = Keep(task_expiry=100 * SECOND, staging_expiry=50 * SECOND, forget_after=1000 * SECOND)


def applied(*rows: Any, baseline: Baseline | None = None) -> AppState:
    state = new("f", "app-1")
    for row in rows:
        fold.apply_usage(state, row, KEEP, baseline=baseline)
    settle(state, len(rows))
    return state


def test_scale_and_memory_are_absolute() -> None:
    state = applied(usage("STARTED", 1), usage("STARTED", 2, instances=5), usage("STARTED", 3, instances=5, memory=512))
    assert (state["running_instances"], state["memory_mb"], state["state"]) == (5, 2560, "STARTED")


def test_a_stopped_row_stops_although_it_carries_a_count() -> None:
    state = applied(usage("STARTED", 1, instances=3), usage("STOPPED", 2, instances=3))
    assert (state["running_instances"], state["memory_mb"], state["state"]) == (0, 0, "STOPPED")


def test_each_process_counts_for_itself() -> None:
    state = applied(
        usage("STARTED", 1, process="web", instances=2),
        usage("STARTED", 1, process="worker", instances=3, memory=100),
        usage("STOPPED", 2, process="web", instances=2),
    )
    assert (state["running_instances"], state["memory_mb"]) == (3, 300)


def test_a_buildpack_row_is_no_start() -> None:
    assert applied(usage("BUILDPACK_SET", 1))["running_instances"] == 0


def test_an_unknown_state_changes_nothing() -> None:
    state = new("f", "app-1")
    assert not fold.apply_usage(state, usage("HIBERNATED", 1), KEEP)
    assert "HIBERNATED" not in fold.KNOWN
    assert state == new("f", "app-1")


def test_the_proposed_baseline_rows_count_as_starts() -> None:
    state = applied(usage("WAS_RUNNING", 1, instances=2), usage("TASK_WAS_RUNNING", 1, task="t"))
    assert (state["running_instances"], state["running_tasks"]) == (2, 1)


def test_a_reseeded_row_without_process_type_is_a_start() -> None:
    row = usage("STARTED", 9, instances=2)
    row["guid"], row["process_type"] = row["process_guid"] or "", None
    assert applied(row)["running_instances"] == 2


def test_a_row_of_old_without_process_counts_for_its_app() -> None:
    row = usage("STARTED", 1)
    row["process_guid"] = None
    assert applied(row)["processes"][0]["guid"] == "app-1"


def test_tasks_have_a_bucket_of_their_own() -> None:
    state = applied(usage("STARTED", 1), usage("TASK_STARTED", 2, task="t1", memory=64))
    assert (state["running_instances"], state["running_tasks"], state["task_memory_mb"]) == (1, 1, 64)


def test_a_task_that_stops_without_a_start_never_counts_less_than_nothing() -> None:
    state = applied(usage("TASK_STOPPED", 2, task="t1"))
    assert (state["running_tasks"], state["task_memory_mb"]) == (0, 0)


def test_a_task_start_that_comes_after_its_stop_does_not_run() -> None:
    assert applied(usage("TASK_STOPPED", 2, task="t1"), usage("TASK_STARTED", 1, task="t1"))["running_tasks"] == 0


def test_a_task_expires_by_event_time_and_a_late_stop_still_corrects_it() -> None:
    state = applied(usage("TASK_STARTED", 0, task="t1"))
    assert fold.tick(state, T0 + 100 * SECOND, KEEP)
    settle(state, 0)
    assert state["running_tasks"] == 0
    fold.apply_usage(state, usage("TASK_STOPPED", 40, task="t1"), KEEP)
    assert state["tasks"][0]["stopped_at"] == T0 + 40 * SECOND


def test_staging_counts_until_it_stops() -> None:
    assert applied(usage("STAGING_STARTED", 1, memory=1024))["staging_memory_mb"] == 1024
    assert applied(usage("STAGING_STARTED", 1), usage("STAGING_STOPPED", 2))["running_stagings"] == 0


def test_a_staging_that_never_closes_expires() -> None:
    state = applied(usage("STAGING_STARTED", 0))
    assert fold.tick(state, T0 + 50 * SECOND, KEEP)
    settle(state, 0)
    assert state["running_stagings"] == 0


def test_a_staging_stop_too_many_is_no_credit() -> None:
    state = applied(usage("STAGING_STOPPED", 1), usage("STAGING_STARTED", 2))
    assert state["running_stagings"] == 1


def test_an_app_renamed_and_moved_has_its_newest_name_and_place() -> None:
    state = applied(
        usage("STARTED", 1, name="old", space="a"),
        usage("STARTED", 3, name="new", space="b"),
        usage("STARTED", 2, name="between", space="c"),
    )
    assert (state["app_name"], state["space_guid"]) == ("new", "b")


def test_a_snapshot_sets_the_baseline_of_an_app_without_rows() -> None:
    state = new("f", "app-1")
    apply_snapshot(state, snapshot("process", 5, instances=4))
    settle(state, 1)
    assert (state["running_instances"], state["memory_mb"], state["app_name"]) == (4, 1024, "name of app-1")


def test_the_end_marker_stops_what_the_snapshot_did_not_name_and_no_newer_row_names() -> None:
    state = applied(usage("STARTED", 1, process="old"), usage("STARTED", 9, process="newer"))
    assert apply_end_marker(state, Baseline(T0 + 5 * SECOND + 500_000))
    settle(state, 1)
    assert {p["guid"]: p["state"] for p in state["processes"]} == {"old": "STOPPED", "newer": "STARTED"}


def test_a_row_of_the_snapshots_own_second_is_newer() -> None:
    state = applied(usage("STARTED", 5))
    assert not apply_end_marker(state, Baseline(T0 + 5 * SECOND + 500_000))


def test_a_row_older_than_a_finished_snapshot_does_not_bring_an_unnamed_app_back() -> None:
    assert applied(usage("STARTED", 1), baseline=Baseline(T0 + 5 * SECOND))["running_instances"] == 0


def test_the_end_marker_ends_tasks_that_it_does_not_name() -> None:
    state = applied(usage("TASK_STARTED", 1, task="gone"), usage("TASK_STARTED", 1, task="runs"))
    apply_snapshot(state, snapshot("task", 5, task="runs", started_at=1))
    apply_end_marker(state, Baseline(T0 + 5 * SECOND + 500_000))
    settle(state, 1)
    assert state["running_tasks"] == 1


def test_a_crash_is_counted_and_its_twin_is_not() -> None:
    state = new("f", "app-1")
    assert fold.apply_audit(state, audit("app.crash", 1))
    assert not fold.apply_audit(state, audit("audit.app.process.crash", 1))
    assert state["crashes"] == 1


def test_a_deleted_app_is_gone_after_a_while_and_only_when_nothing_runs() -> None:
    state = applied(usage("STARTED", 1))
    fold.apply_audit(state, audit("audit.app.delete-request", 2))
    settle(state, 1)
    late = T0 + 5000 * SECOND
    assert not fold.gone(state, late, KEEP)
    fold.apply_usage(state, usage("STOPPED", 3), KEEP)
    settle(state, 1)
    assert fold.gone(state, late, KEEP)
    assert not fold.gone(state, T0 + 10 * SECOND, KEEP)


@pytest.mark.parametrize(
    "row",
    [
        usage("STARTED", 1, instances=-1),
        usage("STARTED", 1, instances=None),
        usage("STARTED", 1, memory=None),
        usage("TASK_STARTED", 1, task=None),
    ],
)
def test_what_cannot_be_is_refused_and_changes_nothing(row: Any) -> None:
    state = new("f", "app-1")
    with pytest.raises(ImpossibleError):
        fold.apply_usage(state, row, KEEP)
    assert state["processes"] == []
    assert state["tasks"] == []


def test_versions_grow_with_records_more_than_with_time() -> None:
    state = applied(usage("STARTED", 1))
    first = state["version"]
    settle(state, 0)
    by_time = state["version"]
    settle(state, 1)
    assert first < by_time < state["version"]


def test_processes_of_past_deployments_are_forgotten() -> None:
    state = new("f", "app-1")
    for number in range(5):
        fold.apply_usage(state, usage("STARTED", number * 10, process=f"p{number}"), KEEP)
        fold.apply_usage(state, usage("STOPPED", number * 10 + 5, process=f"p{number}"), KEEP)
    fold.apply_usage(state, usage("STARTED", 500, process="now"), KEEP, keep_from=T0 + 400 * SECOND)
    assert [process["guid"] for process in state["processes"]] == ["now"]


def test_the_newest_snapshot_tells_the_labels_and_the_rules_see_them() -> None:
    state = new("f", "app-1")
    apply_snapshot(state, snapshot("process", 50, labels={"team": "shop", "tier": "gold"}))
    fold.apply_usage(state, usage("STARTED", 60), KEEP)
    apply_snapshot(state, snapshot("process", 40, labels={"team": "older"}))
    assert facts(state)["labels"] == {"team": "shop", "tier": "gold"}
    apply_snapshot(state, snapshot("task", 70, task="t", labels={}))
    assert facts(state)["labels"] == {}


def test_the_rules_are_told_the_memory_of_what_runs_and_of_nothing_else() -> None:
    state = applied(
        usage("STARTED", 1, process="web", instances=3, memory=512),
        usage("STARTED", 1, process="worker", instances=1, memory=2048),
        usage("STARTED", 1, process="clock", instances=0, memory=64),
    )
    assert facts(state)["instance_memory_mb"] == (512, 2048)
    fold.apply_usage(state, usage("STOPPED", 2, process="worker", instances=1, memory=2048), KEEP)
    settle(state, 1)
    assert facts(state)["instance_memory_mb"] == (512, 512)
    assert facts(applied(usage("STOPPED", 1)))["instance_memory_mb"] is None
