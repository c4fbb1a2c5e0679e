"""What a worker does with chunks and time, without Kafka."""

import pytest
from support.usage_rows import HOUR, SECOND, T0, audit, snapshot, usage
from support.worker_world import KilledError, World

from processors.alerts.rules import Rule, Rules
from processors.state.fold import Keep
from processors.usage.publisher import RENEW_S


@pytest.fixture
async def world() -> World:
    world = World()
    await world.start()
    return world


async def test_one_state_is_written_for_each_app_of_a_chunk(world: World) -> None:
    await world.rows(*(usage("STARTED", at, f"app-{at % 2}", instances=at) for at in range(1, 9)))
    assert len(world.log.of(world.topics.state.name)) == 2
    assert world.state("app-0")["running_instances"] == 8


async def test_a_chunk_worked_on_twice_changes_nothing_the_second_time(world: World) -> None:
    await world.rows(usage("STARTED", 1), usage("STAGING_STARTED", 2))
    before = world.state()
    await world.process(world.topics.usage.name, 0)
    assert world.state() == before
    assert len(world.log.of(world.topics.state.name)) == 1


async def test_undecodable_records_go_to_the_dead_letters_and_the_rest_is_applied(world: World) -> None:
    name = world.topics.usage.name
    world.publish(name, "app-1", usage("STARTED", 1))
    for key, value in ((b"k", b"\x01bad"), (b"k", b"\x00\x00\x00\x00\x63"), (None, b"x"), (b"k", None), (b"k", b"")):
        world.publish_raw(name, key, value)
    world.publish(name, "app-1", usage("STARTED", 2, instances=-5))
    world.publish(name, "app-1", usage("STARTED", 3, instances=7))
    await world.process(name, 0)
    assert world.state()["running_instances"] == 7
    letters = world.decoded(world.topics.dead_letters.name)
    assert sorted(letter["position"] for letter in letters) == [f"{name}/0/{offset}" for offset in range(1, 7)]
    assert {letter["stage"] for letter in letters} == {"worker"}


async def test_a_record_of_another_topic_goes_to_the_dead_letters(world: World) -> None:
    event = world.encoders[world.topics.audit.name](audit("app.crash", 1))
    for topic in (world.topics.usage.name, world.topics.snapshots.name):
        world.publish_raw(topic, b"app-1", event)
        await world.process(topic, 0)
    await world.rows(usage("STARTED", 3, instances=7))
    assert world.state()["running_instances"] == 7
    reasons = [letter["reason"] for letter in world.decoded(world.topics.dead_letters.name)]
    assert [reason.split(", ")[-1] for reason in reasons] == ["not AppUsageEvent", "not ProcessSnapshot"]


async def test_rows_of_an_id_that_the_registry_does_not_have_go_to_the_dead_letters_after_a_while(world: World) -> None:
    name = world.topics.usage.name
    for _ in range(3):
        world.publish_raw(name, b"k", b"\x00\x00\x00\x00\x63abc")
    await world.process(name, 0)
    assert len(world.decoded(world.topics.dead_letters.name)) == 3
    assert 8 <= world.schemas.asked.count(99) <= 16, "asked for a minute, not for each row"


async def test_a_dead_letter_fits_into_a_record_whatever_it_is_about(world: World) -> None:
    name = world.topics.usage.name
    world.publish_raw(name, b"k", b"\x01" * 1_048_000)
    await world.process(name, 0)
    (letter,) = world.decoded(world.topics.dead_letters.name)
    assert len(letter["body"]) == 900_000
    assert letter["reason"].endswith("the body is cut, it has 1048000 bytes")


async def test_unknown_states_are_counted_and_change_nothing(world: World) -> None:
    await world.rows(usage("HIBERNATED", 1))
    assert world.states_by_app() == {}
    counted = world.registry.get_sample_value("cfstream_worker_unknown_state_records_total", {"state": "HIBERNATED"})
    assert counted == 1


async def test_alerts_are_durable_before_the_state_that_knows_of_them() -> None:
    rule = Rule(name="rate", kind="rate", threshold=2, window=300)
    world = World(rules=Rules(rules=[rule]))
    await world.start()
    await world.rows(usage("STARTED", 0))
    world.log.lives = 1
    with pytest.raises(KilledError):
        await world.events(audit("app.crash", 10), audit("app.crash", 11))
    first = {alert["id"] for alert in world.decoded(world.topics.alerts.name)}
    assert len(first) == 1
    assert world.state()["crashes"] == 0
    world.log.lives = None
    await world.start()
    await world.process(world.topics.audit.name, 0)
    assert {alert["id"] for alert in world.decoded(world.topics.alerts.name)} == first
    assert world.state()["crashes"] == 2


async def test_an_alert_is_resolved_by_time_alone() -> None:
    rule = Rule(name="rate", kind="rate", threshold=2, window=300, resolve_after=600)
    world = World(rules=Rules(rules=[rule]))
    await world.start()
    await world.rows(usage("STARTED", 0))
    await world.events(audit("app.crash", 10), audit("audit.app.process.crash", 10), audit("app.crash", 11))
    await world.time(T0 + 500 * SECOND)
    assert [alert["status"] for alert in world.decoded(world.topics.alerts.name)] == ["firing"]
    await world.time(T0 + 2000 * SECOND)
    assert [alert["status"] for alert in world.decoded(world.topics.alerts.name)] == ["firing", "resolved"]


async def test_an_app_known_by_a_crash_alone_has_the_name_of_the_event(world: World) -> None:
    await world.events(audit("app.crash", 10), audit("audit.app.update", 10, "unknown-app"))
    assert list(world.states_by_app()) == ["app-1"]
    assert world.state()["app_name"] == "name of app-1"


async def test_a_snapshot_heals_and_reports_what_the_tables_had_wrong(world: World) -> None:
    await world.snapshots(snapshot("end", 0, None, snapshot_id="first"))
    await world.rows(usage("STARTED", 10, "extra"), usage("STARTED", 10, "differs"), usage("STARTED", 10, "right"))
    await world.snapshots(
        snapshot("process", 100, "differs", instances=3),
        snapshot("process", 100, "right"),
        snapshot("process", 100, "missing", instances=2),
        snapshot("end", 100, None),
    )
    await world.time(T0 + 3000 * SECOND)
    running = {app: state["running_instances"] for app, state in world.states_by_app().items()}
    assert running == {"extra": 0, "differs": 3, "right": 1, "missing": 2}
    drifts = world.decoded(world.topics.drift.name)
    found = {d["app_guid"]: (d["kind"], d["tables_instances"], d["source_instances"]) for d in drifts}
    assert found == {"extra": ("extra", 1, 0), "differs": ("differs", 1, 3), "missing": ("missing", 0, 2)}
    await world.time(T0 + 4000 * SECOND)
    assert len(world.decoded(world.topics.drift.name)) == 3


async def test_a_first_snapshot_is_a_baseline_and_no_drift(world: World) -> None:
    await world.snapshots(snapshot("process", 100, instances=3), snapshot("end", 100, None))
    await world.time(T0 + 3000 * SECOND)
    assert world.state()["running_instances"] == 3
    assert world.decoded(world.topics.drift.name) == []


async def test_what_a_snapshot_saw_ahead_of_its_row_is_no_drift_and_counts_from_the_row_on(world: World) -> None:
    await world.snapshots(snapshot("end", 0, None, snapshot_id="first"))
    await world.rows(usage("STARTED", 10, instances=1))
    await world.snapshots(snapshot("process", 100, instances=2), snapshot("end", 100, None))
    await world.rows(usage("STARTED", 105, instances=2))
    await world.time(T0 + HOUR)
    assert world.decoded(world.topics.drift.name) == []
    _totals, hours = world.rolled()
    hour = next(hour for hour in hours.values() if hour["scope"] == "app" and hour["hour"] == T0)
    assert hour["instance_seconds"] == (105 - 10) + 2 * (3600 - 105)


async def test_a_slow_snapshot_behind_a_long_settle_delay_is_compared_when_its_last_row_is_applied(
    world: World,
) -> None:
    await world.snapshots(snapshot("end", 0, None, snapshot_id="first"))
    await world.rows(usage("STARTED", 10, instances=1), usage("STARTED", 10, "app-2"))
    # Ten minutes of settle delay and five of reading: rows of that time come after the snapshot that shows them.
    named = snapshot("process", 100, instances=2, read_until=1000)
    await world.snapshots(named, snapshot("end", 100, None, read_until=1000))
    await world.time(T0 + 900 * SECOND)
    await world.rows(usage("STARTED", 990, instances=2), usage("STOPPED", 995, "app-2"))
    assert world.decoded(world.topics.drift.name) == []
    await world.time(T0 + HOUR)
    assert world.decoded(world.topics.drift.name) == []
    _totals, hours = world.rolled()
    first = (hour for hour in hours.values() if hour["scope"] == "app" and hour["hour"] == T0)
    counted = {hour["guid"]: hour["instance_seconds"] for hour in first}
    assert counted == {"app-1": (990 - 10) + 2 * (3600 - 990), "app-2": 995 - 10}


async def test_a_quick_snapshot_does_not_wait_for_rows_that_it_cannot_have_seen(world: World) -> None:
    await world.snapshots(snapshot("end", 0, None, snapshot_id="first"))
    named = snapshot("process", 10, instances=3, read_until=20)
    await world.snapshots(named, snapshot("end", 10, None, read_until=20))
    await world.rows(usage("STARTED", 60, instances=3))
    await world.time(T0 + 61 * SECOND)
    (found,) = world.decoded(world.topics.drift.name)
    assert (found["kind"], found["source_instances"]) == ("missing", 3)


async def test_a_row_older_than_the_finished_snapshot_does_not_revive_an_app_even_after_a_restart(world: World) -> None:
    await world.snapshots(snapshot("end", 100, None))
    await world.start()
    await world.rows(usage("STARTED", 50))
    assert world.state()["running_instances"] == 0


async def test_a_deleted_app_leaves_a_tombstone_and_its_totals_stay_right() -> None:
    world = World(keep=Keep(late_window=HOUR, forget_after=3 * HOUR))
    await world.start()
    await world.rows(usage("STARTED", 0), usage("STARTED", 0, "app-2"), usage("STOPPED", 10))
    await world.events(audit("audit.app.delete-request", 9))
    await world.time(T0 + 20 * SECOND)
    assert world.state() is not None
    await world.time(T0 + 4 * HOUR)
    assert world.state() is None
    totals, _hours = world.rolled()
    assert totals["space", "space-1"]["running_instances"] == 1
    assert totals["space", "space-1"]["apps"] == 1


async def test_time_does_not_move_for_another_foundations_apps(world: World) -> None:
    await world.rows(usage("TASK_STARTED", 0, task="t", foundation="other"))
    await world.time(T0 + 10_000 * HOUR)
    assert world.state()["running_tasks"] == 1


async def test_an_app_that_moves_takes_its_usage_along(world: World) -> None:
    await world.rows(usage("STARTED", 0, space="a"), usage("STARTED", 1800, space="b"))
    await world.time(T0 + HOUR)
    totals, hours = world.rolled()
    assert (totals["space", "a"]["running_instances"], totals["space", "b"]["running_instances"]) == (0, 1)
    assert (totals["space", "a"]["apps"], totals["space", "b"]["apps"]) == (0, 1)
    by_space = {h["guid"]: h["instance_seconds"] for h in hours.values() if h["scope"] == "space" and h["hour"] == T0}
    assert by_space == {"a": 1800, "b": 1800}


async def test_an_open_hour_is_counted_up_to_the_watermark(world: World) -> None:
    await world.rows(usage("STARTED", 100, instances=2))
    await world.time(T0 + 400 * SECOND)
    _totals, hours = world.rolled()
    app = next(hour for hour in hours.values() if hour["scope"] == "app")
    assert (app["instance_seconds"], app["until"], app["instances"]) == (600, T0 + 400 * SECOND, 2)


async def test_an_idle_app_gets_a_record_for_each_hour_that_it_runs(world: World) -> None:
    await world.rows(usage("STARTED", 0, instances=2, memory=100))
    await world.time(T0 + 10 * HOUR)
    _totals, hours = world.rolled()
    full = [h for h in hours.values() if h["scope"] == "app" and h["until"] == h["hour"] + HOUR]
    assert [(h["instance_seconds"], h["memory_mb_seconds"]) for h in full] == [(7200, 720_000)] * 10


async def test_a_late_row_corrects_closed_hours_of_app_space_and_org(world: World) -> None:
    await world.rows(usage("STARTED", 0, instances=1))
    await world.time(T0 + 3 * HOUR)
    await world.rows(usage("STARTED", 3600 + 900, instances=3))
    await world.time(T0 + 3 * HOUR + SECOND)
    _totals, hours = world.rolled()
    second = {h["scope"]: h["instance_seconds"] for h in hours.values() if h["hour"] == T0 + HOUR}
    assert second == dict.fromkeys(("app", "space", "org", "foundation"), 900 + 3 * 2700)


@pytest.mark.parametrize("taken_over", [False, True])
async def test_what_a_row_takes_out_of_a_closed_hour_is_taken_out_by_a_successor_too(
    world: World, *, taken_over: bool
) -> None:
    end = snapshot("end", 3570, None, read_until=3640)
    await world.snapshots(snapshot("process", 3570, instances=3, read_until=3640), end)
    await world.time(T0 + 3605 * SECOND)
    _totals, hours = world.rolled()
    assert {h["instance_seconds"] for h in hours.values() if h["hour"] == T0} == {3 * 30}
    # The row that the snapshot had seen ahead: what ran, ran from then on.
    await world.rows(usage("STARTED", 3610, instances=3))
    if taken_over:
        await world.start()
    await world.time(T0 + 2 * HOUR)
    _totals, hours = world.rolled()
    assert {h["instance_seconds"] for h in hours.values() if h["hour"] == T0} == {0}
    assert {h["instance_seconds"] for h in hours.values() if h["hour"] == T0 + HOUR} == {3 * 3590}
    assert world.state()["revised_from"] == T0 + 3570 * SECOND


async def test_a_last_word_of_the_worker_before_does_not_stay(world: World) -> None:
    """Handed over while it was cut off, it lands behind what the new one has written, and has no version."""
    await world.rows(usage("STARTED", 0, instances=1))
    await world.rows(usage("STARTED", 0, "idle", instances=5))
    await world.time(T0 + 1800 * SECOND)
    last_words = world.log.of(world.topics.partials.name) + world.log.of(world.topics.usage_hours.name)
    await world.start()
    await world.rows(usage("STARTED", 1800, instances=3))
    await world.time(T0 + HOUR + 10 * SECOND)
    right = world.rolled()
    world.log.records += last_words
    assert world.rolled() != right
    world.wait(RENEW_S - 1)
    await world.worker.refresh(0)
    await world.time(T0 + HOUR + 11 * SECOND)
    assert world.rolled() != right
    world.wait(1)
    await world.worker.refresh(0)
    await world.time(T0 + HOUR + 12 * SECOND)
    totals, hours = world.rolled()
    assert totals == right[0]
    assert {key: hour for key, hour in hours.items() if hour["hour"] == T0} == {
        key: hour for key, hour in right[1].items() if hour["hour"] == T0
    }


async def test_a_change_taken_back_is_forgotten_with_its_hour(world: World) -> None:
    await world.snapshots(snapshot("process", 10, instances=3, read_until=40), snapshot("end", 10, None, read_until=40))
    await world.rows(usage("STARTED", 20, instances=3))
    assert world.state()["revised_from"] == T0 + 10 * SECOND
    await world.time(T0 + 100 * HOUR)
    await world.rows(usage("STARTED", 100 * 3600, instances=4))
    assert world.state()["revised_from"] is None


async def test_a_row_from_the_far_future_closes_no_hours(world: World) -> None:
    await world.rows(usage("STARTED", 0, instances=1), usage("STARTED", 10, "ahead"))
    await world.rows(usage("STARTED", 365 * 86400, "ahead", instances=2))
    await world.worker.close_overdue_hours(0)
    await world.rows(usage("STARTED", 1800, instances=3))
    await world.time(T0 + HOUR)
    _totals, hours = world.rolled()
    counted = {h["guid"]: h["instance_seconds"] for h in hours.values() if h["scope"] == "app" and h["hour"] == T0}
    assert counted["app-1"] == 1800 + 3 * 1800


async def test_a_task_that_has_run_for_long_gives_no_other_app_hours_of_its_past(world: World) -> None:
    started = snapshot("task", 10, "app-2", task="t", started_at=-5 * 86400)
    await world.snapshots(snapshot("process", 10), started, snapshot("end", 10, None))
    await world.time(T0 + HOUR)
    _totals, hours = world.rolled()
    first = {app: min(h["hour"] for h in hours.values() if h["guid"] == app) for app in ("app-1", "app-2", "space-1")}
    assert first == {"app-1": T0, "app-2": T0 - 120 * HOUR, "space-1": T0 - 120 * HOUR}
    assert sum(h["task_seconds"] for h in hours.values() if h["guid"] == "space-1" and h["hour"] < T0) == 5 * 86400


async def test_a_server_whose_clock_is_a_day_ahead_closes_no_hours(world: World) -> None:
    # The worker is two days behind, too: the hours of its own time are not to be closed either.
    world.worker.vouched({"f": T0 + 48 * HOUR})
    await world.rows(usage("STARTED", 0, instances=1))
    await world.rows(*(usage("STARTED", 3 * 86400 + at, f"ahead-{at}") for at in range(3)))
    await world.worker.close_overdue_hours(0)
    await world.rows(usage("STARTED", 1800, instances=3))
    await world.time(T0 + HOUR)
    _totals, hours = world.rolled()
    counted = {h["guid"]: h["instance_seconds"] for h in hours.values() if h["scope"] == "app" and h["hour"] == T0}
    assert counted["app-1"] == 1800 + 3 * 1800


async def test_totals_published_before_a_kill_are_put_right_by_the_successor(world: World) -> None:
    await world.rows(usage("TASK_STARTED", 0, task="t"))
    await world.time(T0 + 10 * SECOND)
    assert world.rolled()[0]["space", "space-1"]["running_tasks"] == 1
    await world.rows(usage("TASK_STOPPED", 0, task="t"))
    await world.start()  # killed before the totals were published
    await world.time(T0 + HOUR)
    totals, hours = world.rolled()
    assert totals["space", "space-1"]["running_tasks"] == 0
    assert {hour["task_seconds"] for hour in hours.values()} == {0}


async def test_alerts_are_counted_by_status() -> None:
    world = World(rules=Rules(rules=[Rule(name="rate", kind="rate", threshold=1, window=300)]))
    await world.start()
    await world.events(audit("app.crash", 10))
    assert world.registry.get_sample_value("cfstream_worker_alerts_total", {"status": "firing"}) == 1
