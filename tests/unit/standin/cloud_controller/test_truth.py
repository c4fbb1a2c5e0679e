"""What runs is kept apart from the feeds, and an independent reading of the feeds comes to the same."""

from typing import Any

import pytest
from support.simulated import START, Direct, folded, standing_still

from standin.cloud_controller.clock import SimClock
from standin.cloud_controller.controller import CloudController
from standin.cloud_controller.history import Past
from standin.cloud_controller.ledger import Lateness
from standin.cloud_controller.rows import UsageRow

FIGURES = ("running_instances", "memory_mb", "task_instances", "task_memory_mb")


def running(apps: dict[str, dict[str, Any]]) -> dict[str, list[int]]:
    """Return the figures of the apps that have any."""
    found = {guid: [app[figure] for figure in FIGURES] for guid, app in apps.items()}
    return {guid: figures for guid, figures in found.items() if any(figures)}


def test_the_fold_of_the_ledger_is_the_truth_all_along() -> None:
    for seed in range(5):
        cc = standing_still(seed=seed, usage_rows=400, apps=25, span_s=1800.0)
        cc.resume(rate=2.0)
        for _ in range(20):
            cc.step(13)
            assert running(folded(cc.ledger.usage)) == running(cc.truth()["apps"])


def test_old_apps_run_without_a_row() -> None:
    cc = standing_still(usage_rows=50, apps=4, old_apps=10)
    told = {row.subject.app_guid for row in cc.ledger.usage}
    silent = {guid: app for guid, app in cc.truth()["apps"].items() if guid not in told}
    assert silent
    assert all(app["name"].startswith("veteran") for app in silent.values())
    assert sum(app["running_instances"] for app in silent.values()) > 0


def test_sums_are_sums_of_the_apps() -> None:
    truth = standing_still(usage_rows=400, apps=25).truth()
    for figure in (*FIGURES, "staging_instances", "crashes"):
        assert truth[figure] == sum(app[figure] for app in truth["apps"].values())


def test_the_usage_summary_counts_instances_of_processes_and_memory_of_tasks_too() -> None:
    cc = standing_still(usage_rows=400, apps=25, span_s=900.0)
    truth = cc.truth()
    assert truth["task_memory_mb"] > 0
    summary = Direct(cc).get("/v3/info/usage_summary").content["usage_summary"]
    assert summary["started_instances"] == truth["running_instances"]
    assert summary["memory_in_mb"] == truth["memory_mb"] + truth["task_memory_mb"]


def test_processes_joined_with_apps_give_the_truth() -> None:
    client = Direct(standing_still(usage_rows=400, apps=25))
    apps = {app["guid"]: app for app in client.walk_v3("/v3/apps", per_page=7)}
    found = dict.fromkeys(apps, 0)
    for process in client.walk_v3("/v3/processes", per_page=7):
        app = process["relationships"]["app"]["data"]["guid"]
        if apps[app]["state"] == "STARTED":
            found[app] += process["instances"]
    assert found == {guid: app["running_instances"] for guid, app in client.cc.truth()["apps"].items()}
    tasks = client.walk_v3("/v3/tasks", states="RUNNING")
    assert sum(task["memory_in_mb"] for task in tasks) == client.cc.truth()["task_memory_mb"]


def story(cc: CloudController) -> list[UsageRow]:
    return cc.ledger.usage


def test_one_seed_tells_one_story() -> None:
    one, same, other = (standing_still(seed=seed, usage_rows=300) for seed in (1, 1, 2))
    assert story(one) == story(same)
    assert one.ledger.audit == same.ledger.audit
    assert [row.guid for row in story(one)] != [row.guid for row in story(other)]


@pytest.mark.parametrize("steps", [1, 7, 60])
def test_how_often_it_is_asked_changes_nothing(steps: int) -> None:
    cc = standing_still(usage_rows=100, apps=10)
    cc.resume(rate=3.0)
    for _ in range(steps):
        cc.step(420 / steps)
    once = standing_still(usage_rows=100, apps=10)
    once.resume(rate=3.0)
    once.step(420)
    assert story(cc) == story(once)
    assert len(story(cc)) > 1000


def test_nothing_happens_while_paused_and_life_goes_on_where_it_stopped() -> None:
    cc = standing_still(usage_rows=100, apps=10)
    cc.resume(rate=1.0)
    cc.step(60)
    cc.pause()
    before, now = len(story(cc)), cc.clock.now()
    cc.step(3600)
    assert len(story(cc)) == before
    cc.resume()
    cc.step(60)
    new = story(cc)[before:]
    assert new
    assert all(row.created_at >= now + 3600 * 1_000_000 - 1_000_000 for row in new)


def test_a_past_has_as_many_rows_and_apps_as_asked_for() -> None:
    cc = standing_still(usage_rows=2000, apps=80)
    assert 2000 <= len(story(cc)) < 2100
    assert len(cc.world.apps) >= 80
    assert story(cc)[0].created_at >= START - 3600 * 1_000_000
    assert all(a.created_at <= b.created_at for a, b in zip(story(cc), story(cc)[1:], strict=False))


def test_several_processes_and_all_states_occur() -> None:
    cc = standing_still(usage_rows=2000, apps=40)
    assert {row.subject.process_type for row in story(cc)} >= {"web", "worker", None}
    stopped = [row for row in story(cc) if row.state == "STOPPED"]
    assert any(row.instances > 0 for row in stopped)
    starts = {row.subject.task_guid for row in story(cc) if row.state == "TASK_STARTED"}
    ends = {row.subject.task_guid for row in story(cc) if row.state == "TASK_STOPPED"}
    assert ends - starts, "tasks that never ran"


def test_rows_of_open_transactions_count_in_the_ledger_at_once() -> None:
    cc = CloudController(clock=SimClock(START, speed=0), late_rows=Lateness(chance=0.5, most_s=30))
    cc.write_past(Past(usage_rows=100, apps=5, span_s=600), until=START)
    truth = cc.truth()
    assert truth["usage_rows"] == len(cc.ledger.usage)
    assert running(folded(cc.ledger.usage)) == running(truth["apps"])
