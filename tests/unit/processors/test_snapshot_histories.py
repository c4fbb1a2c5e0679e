"""Snapshots that agree with the rows change no figure, however slow they are and however the topics interleave."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.usage_rows import HOUR, SECOND, T0, snapshot, usage
from support.worker_world import World
from support.world_check import expected_and_found

from processors.state import facts
from processors.state.fold import Keep

KEEP = Keep(late_window=4 * HOUR, task_expiry=10_000 * HOUR)
FIRST = snapshot("end", -1, None, snapshot_id="first")


@dataclass(frozen=True)
class Taken:
    """A snapshot: holds as of second ``at``, was read at second ``read``, comes after so many rows."""

    at: int
    read: int
    after: int


@dataclass(frozen=True)
class Story:
    """Rows in the order of their time, and snapshots of what they say."""

    rows: list[Any]
    taken: list[Taken]


def moment(row: Any) -> int:
    return int(row["created_at"] - T0) // SECOND


@st.composite
def stories(draw: st.DrawFn) -> Story:
    clock = 0
    rows = []
    tasks: list[tuple[str, str]] = []
    for number in range(draw(st.integers(1, 30))):
        clock += draw(st.sampled_from([0, 1, 7, 60, 400, 1700]))
        app = f"app-{draw(st.integers(1, 2))}"
        place: Any = {"space": f"space-{draw(st.integers(1, 2))}", "org": f"org-{draw(st.integers(1, 2))}"}
        kind = draw(st.sampled_from(["STARTED", "STARTED", "STARTED", "STOPPED", "TASK_STARTED", "TASK_STOPPED"]))
        if kind == "TASK_STARTED":
            tasks.append((app, f"task-{number}"))
            rows.append(usage(kind, clock, app, task=f"task-{number}", memory=64, **place))
        elif kind == "TASK_STOPPED":
            if tasks:
                app, task = tasks.pop(draw(st.integers(0, len(tasks) - 1)))
                rows.append(usage(kind, clock, app, task=task, memory=64, **place))
        else:
            process = f"{app}-{draw(st.sampled_from(['web', 'worker']))}"
            memory = draw(st.sampled_from([64, 128]))
            count = draw(st.integers(0, 3))
            rows.append(usage(kind, clock, app, process=process, instances=count, memory=memory, **place))
    taken = []
    for _ in range(draw(st.integers(0, 3))):
        at = draw(st.integers(0, clock + 1))
        read = at + draw(st.sampled_from([0, 1, 60, 300, 2000]))
        # At any time before the watermark has left it far behind: the workers read all topics to their ends first.
        latest = sum(moment(row) <= read + 3000 for row in rows)
        taken.append(Taken(at, read, draw(st.integers(0, latest))))
    return Story(rows, sorted(taken, key=lambda each: (each.after, each.at)))


def said(rows: list[Any], number: int, taken: Taken) -> Iterator[Any]:
    """Yield the records of a snapshot: what ran at the moment of reading."""
    name = f"s-{number}"
    about: Any = {"snapshot_id": name, "read_until": taken.read}
    newest: dict[tuple[str, str], Any] = {}
    for row in rows:
        if moment(row) <= taken.read:
            newest[row["app_guid"], row["task_guid"] or row["process_guid"]] = row
    for (app, guid), row in newest.items():
        if row["state"] == "STARTED":
            count, memory = row["instance_count"], row["memory_mb_per_instance"]
            record = snapshot("process", taken.at, app, process=guid, instances=count, memory=memory, **about)
        elif row["state"] == "TASK_STARTED":
            record = snapshot("task", taken.at, app, task=guid, memory=64, started_at=moment(row), **about)
        else:
            continue
        yield {**record, "space_guid": row["space_guid"], "org_guid": row["org_guid"]}
    yield snapshot("end", taken.at, None, **about)


async def play(story: Story) -> tuple[World, int]:
    world = World(keep=KEEP)
    await world.start()
    await world.snapshots(FIRST)
    done = watermark = 0
    for number, taken in enumerate(story.taken):
        if taken.after > done:
            await world.rows(*story.rows[done : taken.after])
            done = taken.after
            if number % 2:
                await world.start()
            watermark = moment(story.rows[done - 1]) - 1
            await world.time(T0 + watermark * SECOND)
        await world.snapshots(*said(story.rows, number, taken))
    if done < len(story.rows):
        await world.rows(*story.rows[done:])
    until = 20 * 3600
    await world.time(T0 + until * SECOND)
    return world, T0 // SECOND + until


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(stories())
async def test_snapshots_of_what_the_rows_say_change_no_figure_and_are_no_drift(story: Story) -> None:
    world, until = await play(story)
    assert expected_and_found(world, story.rows, until) == []
    # What one of two snapshots that were under way together saw ahead may be drift to the other: figures stay right.
    if all(one.read <= other.at for one, other in pairwise(story.taken)):
        assert world.decoded(world.topics.drift.name) == []


SLOW = Story(
    [usage("STARTED", 10, instances=1), usage("STARTED", 1900, instances=3), usage("STOPPED", 3000)],
    [Taken(at=100, read=2100, after=1)],
)


async def test_a_slow_snapshot_shows_what_rows_say_later() -> None:
    world, until = await play(SLOW)
    assert expected_and_found(world, SLOW.rows, until) == []


async def test_a_quick_snapshot_beside_a_slow_one_finds_no_drift_in_what_the_slow_one_saw_ahead() -> None:
    beside = Story([usage("STARTED", 7, instances=2)], [Taken(at=0, read=60, after=0), Taken(at=1, read=1, after=0)])
    world, until = await play(beside)
    assert expected_and_found(world, beside.rows, until) == []
    assert world.decoded(world.topics.drift.name) == []


async def test_a_quick_snapshot_is_compared_when_the_rows_have_come_that_a_slow_one_saw_ahead() -> None:
    rows = [usage("STARTED", 5, "app-2"), usage("STARTED", 7, "app-2"), usage("STARTED", 7, instances=2)]
    three = [Taken(at=0, read=60, after=0), Taken(at=1, read=1, after=0), Taken(at=0, read=0, after=2)]
    world, until = await play(Story(rows, three))
    assert expected_and_found(world, rows, until) == []
    assert world.decoded(world.topics.drift.name) == []


async def test_the_reckoning_catches_a_fold_that_believes_a_snapshot_from_its_first_second(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(facts, "seen_until", lambda observed_at, _read_until: observed_at + 120 * SECOND)
    world, until = await play(SLOW)
    assert expected_and_found(world, SLOW.rows, until) != []
