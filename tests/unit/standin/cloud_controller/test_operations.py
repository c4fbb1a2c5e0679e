"""Each operation records what the Cloud Controller records."""

from typing import Any

import pytest
from support.simulated import START, standing_still

from standin.cloud_controller.controller import CloudController
from standin.cloud_controller.crashes import OUT_OF_MEMORY, exited, next_count, restart_wait_s
from standin.cloud_controller.history import found_orgs
from standin.cloud_controller.world import App

SECOND = 1_000_000


@pytest.fixture
def cc() -> CloudController:
    made = standing_still()
    found_orgs(made.life, START, 1)
    return made


def app_of(cc: CloudController, **processes: tuple[int, int]) -> App:
    space = next(iter(cc.world.spaces.values()))
    app = cc.ops.create_app(START, space, "shop", processes or {"web": (2, 256)}, cc.life.people[0])
    cc.ops.start(START, app, cc.life.people[0])
    return app


def usage(cc: CloudController, since: int) -> list[tuple[Any, ...]]:
    return [
        (row.state, row.previous_state, row.instances, row.previous_instances, row.memory_mb, row.previous_memory_mb)
        for row in cc.ledger.usage[since:]
    ]


def test_scaling_a_started_process_says_started_again(cc: CloudController) -> None:
    app = app_of(cc)
    cc.ops.scale(START, app, app.processes[0], cc.life.people[0], instances=5)
    cc.ops.scale(START, app, app.processes[0], cc.life.people[0], memory_mb=512)
    cc.ops.scale(START, app, app.processes[0], cc.life.people[0], instances=5)
    assert usage(cc, 1) == [
        ("STARTED", "STARTED", 5, 2, 256, 256),
        ("STARTED", "STARTED", 5, 5, 512, 256),
    ]


def test_scaling_a_stopped_process_says_nothing(cc: CloudController) -> None:
    app = app_of(cc)
    cc.ops.stop(START, app, cc.life.people[0])
    cc.ops.scale(START, app, app.processes[0], cc.life.people[0], instances=5)
    assert usage(cc, 1) == [("STOPPED", "STARTED", 2, 2, 256, 256)]


def test_a_restart_stops_and_starts_each_process_in_turn(cc: CloudController) -> None:
    app = app_of(cc, web=(1, 64), worker=(3, 128))
    cc.ops.restart(START, app, cc.life.people[0])
    rows = cc.ledger.usage[2:]
    assert [(row.subject.process_type, row.state) for row in rows] == [
        ("web", "STOPPED"),
        ("web", "STARTED"),
        ("worker", "STOPPED"),
        ("worker", "STARTED"),
    ]
    assert len({row.created_at for row in rows}) == 1


def test_the_web_process_bears_the_guid_of_its_app(cc: CloudController) -> None:
    app = app_of(cc, web=(1, 64), worker=(3, 128))
    web, worker = app.processes
    assert web.guid == app.guid != worker.guid


def test_deleting_an_app_stops_what_ran_and_leaves_a_staging_open(cc: CloudController) -> None:
    app = app_of(cc)
    actor = cc.life.people[0]
    cc.jobs.start_task(START, app, "migrate", 128, actor)
    cc.jobs.start_staging(START, app, actor)
    cc.ops.delete(START, app, actor)
    assert [row.state for row in cc.ledger.usage[-2:]] == ["TASK_STOPPED", "STOPPED"]
    assert cc.truth()["apps"] == {}
    assert not any(row.state == "STAGING_STOPPED" for row in cc.ledger.usage)


def test_a_renamed_app_is_called_so_in_later_rows_alone(cc: CloudController) -> None:
    app = app_of(cc)
    cc.ops.rename(START, app, "store", cc.life.people[0])
    assert len(cc.ledger.usage) == 1
    cc.ops.stop(START, app, cc.life.people[0])
    assert [row.subject.app_name for row in cc.ledger.usage] == ["shop", "store"]


def test_a_staging_stops_before_the_buildpack_is_set(cc: CloudController) -> None:
    app = app_of(cc)
    build = cc.jobs.start_staging(START, app, cc.life.people[0])
    assert cc.jobs.end_staging(START, app, build, cc.life.people[0])
    assert [(row.state, row.previous_state) for row in cc.ledger.usage[1:]] == [
        ("STAGING_STARTED", "STAGING"),
        ("STAGING_STOPPED", "STAGING"),
        ("BUILDPACK_SET", "STAGED"),
    ]
    assert not cc.jobs.end_staging(START, app, build, cc.life.people[0]), "it was ended already"


def test_a_crash_writes_two_audit_rows_and_no_usage_row(cc: CloudController) -> None:
    app = app_of(cc)
    cc.ops.crash(START, app, app.processes[0], 1, OUT_OF_MEMORY)
    twin, crash = cc.ledger.audit[-2:]
    assert (twin.type, twin.actor.type, twin.actor.guid) == (
        "audit.app.process.crash", "process", app.processes[0].guid,
    )  # fmt: skip
    assert (crash.type, crash.actor.type, crash.actor.guid) == ("app.crash", "app", app.guid)
    assert crash.target == twin.target
    assert twin.created_at == crash.created_at
    assert {key: twin.data[key] for key in crash.data} == dict(crash.data)
    assert set(twin.data) - set(crash.data) == {"crash_count", "crash_timestamp", "version"}
    assert twin.data["crash_timestamp"] > 2**53
    assert "(out of memory)" in crash.data["exit_description"]
    assert (len(cc.ledger.usage), app.crashes) == (1, 1)


def test_diego_waits_longer_after_each_crash() -> None:
    assert [restart_wait_s(count) for count in range(1, 11)] == [0, 0, 30, 60, 120, 240, 480, 960, 960, 960]
    assert restart_wait_s(199) == 960
    assert restart_wait_s(200) is None


def test_an_instance_that_lived_well_counts_from_one_again() -> None:
    assert next_count(10 * SECOND, 0, 10 * SECOND) == 1
    assert next_count(100 * SECOND, 4, 0) == 5
    assert next_count((60 + 301) * SECOND, 4, 0) == 1


def test_a_crash_loop_follows_the_waits_and_ends_when_the_app_stops(cc: CloudController) -> None:
    app = app_of(cc)
    cc.life.live_until(START)
    cc.life.crash_loop(START, app, app.processes[0], lives_s=2.0)
    cc.resume()
    cc.step(1000)
    twins = [row for row in cc.ledger.audit if row.type == "audit.app.process.crash"]
    times = [(row.created_at - START) // SECOND for row in twins]
    assert times == [0, 2, 4, 36, 98, 220, 462, 944]
    assert [row.data["crash_count"] for row in twins] == list(range(1, 9))
    cc.ops.stop(cc.clock.now(), app, cc.life.people[0])
    cc.step(10_000)
    assert sum(row.type == "app.crash" for row in cc.ledger.audit) == 8


def test_an_exit_may_lack_a_status(cc: CloudController) -> None:
    app = app_of(cc)
    cc.ops.crash(START, app, app.processes[0], 0, exited(1)._replace(status=None))
    assert "exit_status" not in cc.ledger.audit[-1].data
