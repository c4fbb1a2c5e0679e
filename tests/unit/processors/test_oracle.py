"""Any history, in any chunks, with kills at any write, ends where an independent reckoning ends: to the second."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.usage_rows import HOUR, SECOND, T0, usage
from support.worker_world import KilledError, World
from support.world_check import expected_and_found

from processors import worker
from processors.state import fold, record
from processors.state.fold import Keep
from processors.usage.changes import changes

KEEP = Keep(late_window=3 * HOUR, task_expiry=10_000 * HOUR)
LATEST_S = 2 * 3600
"""How late a row comes at most, within the window."""


@dataclass(frozen=True)
class Plan:
    """Rows in feed order; how they are cut into chunks; when the worker is killed; after which chunks time moves."""

    rows: list[Any]
    cuts: list[int]
    kills: list[int]


@st.composite
def plans(draw: st.DrawFn) -> Plan:
    clock = 0
    rows = []
    tasks: list[tuple[str, str]] = []
    for number in range(draw(st.integers(1, 40))):
        clock += draw(st.sampled_from([0, 0, 1, 60, 1700, 5000]))
        at = clock - draw(st.sampled_from([0, 0, 0, 1, 900, LATEST_S]))
        app = f"app-{draw(st.integers(1, 3))}"
        kind = draw(st.sampled_from(["STARTED", "STARTED", "STOPPED", "TASK_STARTED", "TASK_STOPPED", "BUILDPACK_SET"]))
        place: dict[str, Any] = {"space": f"space-{app[-1]}", "org": f"org-{int(app[-1]) % 2}"}
        if kind == "TASK_STARTED":
            tasks.append((app, f"task-{number}"))
            rows.append(usage(kind, at, app, task=f"task-{number}", memory=64, **place))
        elif kind == "TASK_STOPPED":
            if tasks:
                app, task = tasks.pop(draw(st.integers(0, len(tasks) - 1)))
                place = {"space": f"space-{app[-1]}", "org": f"org-{int(app[-1]) % 2}"}
                rows.append(usage(kind, at, app, task=task, memory=64, **place))
        else:
            process = f"{app}-{draw(st.sampled_from(['web', 'worker']))}"
            memory = draw(st.sampled_from([64, 128]))
            rows.append(
                usage(kind, at, app, process=process, instances=draw(st.integers(0, 4)), memory=memory, **place)
            )
    cuts = sorted(draw(st.sets(st.integers(1, max(1, len(rows))), max_size=6)) | {len(rows)})
    return Plan(rows, cuts, draw(st.lists(st.integers(0, 6), max_size=4)))


async def play(plan: Plan, hours: Literal["app", "off"] = "app") -> tuple[World, int]:
    """Play a plan as the lane would: a killed worker's successor begins at the last chunk that was not acknowledged."""
    world = World(keep=KEEP, hours=hours)
    for row in plan.rows:
        world.publish(world.topics.usage.name, row["app_guid"], row)
    await world.start()
    kills = list(plan.kills)
    done = 0
    watermark = 0
    for cut in plan.cuts:
        world.log.lives = kills.pop() if kills else None
        seen = max((row["created_at"] for row in plan.rows[:cut]), default=T0)
        # Rows may still come LATEST_S late: that far behind the newest row is what a tail would call settled.
        watermark = max(watermark, seen - LATEST_S * SECOND)
        while True:
            try:
                await world.process(world.topics.usage.name, done, cut)
                await world.time(watermark)
                break
            except KilledError:
                world.log.lives = None
                await world.start()
        done = cut
    world.log.lives = None
    await world.time(watermark)
    return world, watermark // SECOND


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(plans())
async def test_any_history_ends_where_the_reckoning_ends(plan: Plan) -> None:
    world, until = await play(plan)
    assert expected_and_found(world, plan.rows, until) == []


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(plans())
async def test_without_hours_what_runs_now_is_the_same(plan: Plan) -> None:
    world, until = await play(plan, hours="off")
    assert expected_and_found(world, plan.rows, until) == []
    assert world.log.of(world.topics.usage_hours.name) == []


async def test_without_hours_the_past_is_let_go_within_a_chunk() -> None:
    world = World(keep=KEEP, hours="off")
    await world.start()
    world.worker.vouched({"f": T0 + 1000 * HOUR})
    await world.rows(*(usage("STARTED", number * 1800, instances=number + 1) for number in range(1000)))
    (process,) = world.state()["processes"]
    assert process["instances"] == 1000
    assert len(process["facts"]) <= 2 * (2 * KEEP.late_window // HOUR + 4)


async def test_a_spell_without_hours_leaves_those_of_before_as_they_were() -> None:
    """A worker that has them again counts anew from the facts that it finds, and some were let go meanwhile."""
    world = World(keep=KEEP)
    await world.start()
    await world.rows(usage("STARTED", 0, instances=2), usage("STARTED", 16_200, instances=3))
    await world.time(T0 + 7 * HOUR)

    def fifth_hour() -> set[int]:
        return {one["instance_seconds"] for one in world.rolled()[1].values() if one["hour"] == T0 + 4 * HOUR}

    assert fifth_hour() == {2 * 1800 + 3 * 1800}
    world.hours = "off"
    await world.start()
    world.worker.vouched({"f": T0 + 8 * HOUR})
    for at in (27_000, 27_600, 27_660):
        await world.rows(usage("STARTED", at, instances=4), usage("STARTED", at, "app-2"))
    await world.time(T0 + 7 * HOUR + 2600 * SECOND)
    world.hours = "app"
    await world.start()
    await world.time(T0 + 8 * HOUR + 60 * SECOND)
    assert fifth_hour() == {2 * 1800 + 3 * 1800}


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(plans())
async def test_a_replay_from_the_beginning_changes_no_state(plan: Plan) -> None:
    world, _until = await play(plan)
    before = world.states_by_app()
    await world.start()
    await world.process(world.topics.usage.name, 0)
    assert world.states_by_app() == before


@contextmanager
def broken(name: str, value: Any, owner: Any = fold) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(owner, name, value)
        yield


async def differences_of(rows: list[Any], kills: list[int] | None = None) -> int:
    world, until = await play(Plan(rows, [2, len(rows)], kills or []))
    return len(expected_and_found(world, rows, until))


HISTORY = [
    usage("STARTED", 0, instances=2),
    usage("STARTED", 5000, "app-2", instances=3),
    usage("STOPPED", 4000, instances=2),
    usage("STARTED", 20_000, "app-2", instances=1),
]


async def test_the_reckoning_agrees_on_a_history_by_hand() -> None:
    assert await differences_of(HISTORY) == 0


async def test_the_reckoning_catches_a_fold_that_counts_stopped_apps() -> None:
    def counts_stopped(fact: Any) -> bool:  # noqa: ARG001 - stands for the state that is not looked at
        return True

    real = record.settle

    def settle(state: Any, records: int) -> None:
        for process in state["processes"]:
            if counts_stopped(process):
                process["facts"][-1]["state"] = "STARTED"
        real(state, records)

    with broken("settle", settle, worker):
        assert await differences_of(HISTORY) > 0


async def test_the_reckoning_catches_a_fold_that_takes_rows_as_they_come() -> None:
    def append(facts: list[Any], fact: Any, keep_from: int) -> bool:  # noqa: ARG001 - as the real one
        facts.append(fact)
        return True

    late = [HISTORY[1], usage("STARTED", 9000, "app-2", instances=9), usage("STARTED", 8000, "app-2", instances=4)]
    assert await differences_of(late) == 0
    with broken("insert", append):
        assert await differences_of(late) > 0


async def test_a_fold_without_the_offset_guard_is_caught_by_a_replay() -> None:
    rows = [usage("STARTED", 10, instances=2), usage("STAGING_STARTED", 11), usage("STAGING_STARTED", 12)]
    world = World(keep=KEEP)
    await world.start()
    await world.rows(*rows)
    before = world.state()
    for forgotten in (False, True):
        await world.start()
        if forgotten:
            row = world.log.newest(world.topics.state.name)[b"app-1"]
            state = world.codec.decode(row)
            state["usage_offset"] = -1
            world.book.put(0, b"app-1", state, changes(state))  # type: ignore[arg-type]  # AppState
            await world.log.durable()
        await world.process(world.topics.usage.name, 0)
        assert (world.state()["running_stagings"] == before["running_stagings"]) is not forgotten
