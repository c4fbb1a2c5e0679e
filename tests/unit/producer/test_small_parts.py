"""Backfill plans, replayed letters, drifts, lists read while they change, checkpoints as records."""

import asyncio
from dataclasses import replace
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.producer_world import HandClock, World
from support.registry import MemoryRegistry
from support.simulated import START, standing_still

from plumbing.clock import END_OF_TIME, SECOND
from plumbing.errors import UsageError
from producer import checkpoint
from producer.api.patience import Patience
from producer.backfill import Plan, plan
from producer.checkpoint import TailState
from producer.feeds.position import Position
from producer.feeds.seen import Seen
from producer.publish.readback import last_values
from producer.publish.transaction import DoubtError
from producer.reconcile import Drift, Sums, drifts, source_sums, table_sums
from producer.replay import _offsets, _position
from producer.snapshot import read
from producer.snapshot.listing import everything
from producer.snapshot.take import take
from schemas.codec import Codec
from schemas.topics import Topics

TAIL = TailState(begins_at=1000)


def test_a_backfill_reads_up_to_where_the_tail_begins() -> None:
    assert plan(TAIL, None, 10) == Plan(10, 1000)
    assert plan(TAIL, None, 1000) is None
    assert plan(TailState(), None, 10) is None


def test_a_backfill_that_was_not_finished_goes_on_and_no_other_comes_before_it() -> None:
    earlier = TailState(begins_at=500, ends_at=1000, rows=7)
    assert plan(TAIL, earlier, 500) == Plan(500, 1000, 7)
    with pytest.raises(UsageError, match="not finished"):
        plan(TAIL, earlier, 100)


def test_a_second_backfill_ends_where_the_first_began() -> None:
    earlier = TailState(begins_at=500, ends_at=1000, finished=True)
    assert plan(TAIL, earlier, 100) == Plan(100, 500)
    assert plan(TAIL, earlier, 500) is None


@pytest.mark.parametrize("tail", [None, TailState(begins_after_guid="g")])
def test_a_backfill_needs_a_tail_that_began_at_a_time(tail: TailState | None) -> None:
    with pytest.raises(UsageError):
        plan(tail, None, 10)


@given(st.sets(st.integers(0, 400)))
def test_replayed_letters_are_kept_as_ranges(offsets: set[int]) -> None:
    position = _position(offsets)
    assert set(_offsets(Seen.of_texts(position.seen.texts()))) == offsets


STATES = st.builds(
    TailState,
    position=st.builds(
        Position,
        guid=st.none() | st.text(max_size=5),
        created_at=st.none() | st.integers(0, 2**50),
        settled_until=st.none() | st.integers(0, 2**50),
        floor=st.none() | st.integers(0, 2**50),
        seen=st.builds(
            lambda rows: Seen(0).with_rows(rows, 0), st.lists(st.tuples(st.text(max_size=5), st.integers(0, 10**9)))
        ),
    ),
    rows=st.integers(0, 2**40),
    sequence=st.integers(0, 2**40),
    epoch=st.integers(0, 5),
    gaps=st.integers(0, 5),
    snapshot_pending=st.none() | st.just("gap"),
    begins_at=st.none() | st.integers(0, 2**50),
    begins_after_guid=st.none() | st.text(max_size=5),
    api_version=st.sampled_from([None, "v3", "v2"]),
)


@given(STATES)
def test_a_checkpoint_says_all_that_a_tail_must_know_again(state: TailState) -> None:
    codec = Codec(MemoryRegistry())
    record = checkpoint.to_record(state, "f", "x", 5)
    decoded: Any = codec.decode(codec.encoder("t", "Checkpoint")(record))
    again = checkpoint.from_record(decoded)
    assert replace(again, position=replace(again.position, reseeded=False)) == state


def test_a_backfill_holds_no_time_back() -> None:
    assert checkpoint.to_record(TailState(ends_at=5), "f", "x", 1)["settled_until"] == END_OF_TIME


def test_drift_is_told_app_by_app() -> None:
    state = {"foundation": "f", "app_guid": "a", "app_name": "shop", "running_instances": 2, "memory_mb": 512}
    table = table_sums([state | {"running_tasks": 0, "task_memory_mb": 0}, state | {"foundation": "g"}], "f")
    process: Any = {"kind": "process", "app_guid": "a", "app_name": "shop", "instance_count": 2}
    task: Any = {"kind": "task", "app_guid": "b", "app_name": "job", "instance_count": 1, "memory_mb_per_instance": 64}
    source = source_sums([process | {"memory_mb_per_instance": 256}, task])
    assert drifts(table, source) == [Drift("b", "job", Sums(), Sums(0, 0, 1, 64))]


def source_of(world: World) -> read.Source:
    patience = Patience(HandClock(), Random(1))
    return read.Source(api=world.client(), patience=patience, foundation="f", reason="request", settle_s=60)


def test_a_snapshot_holds_as_of_before_anything_that_may_still_be_uncommitted() -> None:
    world = World(standing_still(usage_rows=60))
    assert asyncio.run(read.observed_at(source_of(world))) == START - 60 * SECOND


def test_a_snapshot_names_what_runs_and_ends_on_every_partition() -> None:
    cc = standing_still(usage_rows=400, old_apps=5)
    world = World(cc)
    codec = Codec(MemoryRegistry())
    topics = Topics("t.")
    encode = codec.encoder(topics.snapshots.name, topics.snapshots.schema)
    snapshot = asyncio.run(take(source_of(world), encode, 4))
    records = [codec.decode(message["value"]) for message in snapshot.messages]
    named = source_sums(record for record in records if record["kind"] != "end")  # type: ignore[misc] # decoded, not typed
    truth = cc.truth()["apps"]
    for guid, app in truth.items():
        _, sums = named.get(guid, (None, Sums()))
        assert (sums.instances, sums.memory_mb) == (app["running_instances"], app["memory_mb"])
        assert (sums.tasks, sums.task_memory_mb) == (app["task_instances"], app["task_memory_mb"])
    assert set(named) <= set(truth)
    ends = [message for message, record in zip(snapshot.messages, records, strict=True) if record["kind"] == "end"]
    assert snapshot.messages[-4:] == ends
    assert sorted(message["partition"] for message in ends) == [0, 1, 2, 3]
    assert {record["space_guid"] is not None for record in records if record["kind"] == "process"} == {True}
    for record in records[:-4]:
        assert record["labels"] == [{"name": "team", "value": record["app_name"].partition("-")[0]}]


def test_a_snapshot_tells_when_each_page_and_when_all_of_it_was_read() -> None:
    cc = standing_still(usage_rows=400, old_apps=5)
    world = World(cc)
    asked: list[str] = []

    def between(path: str) -> None:
        cc.clock.step(10)
        asked.append(path)

    world.between = between
    codec, topics = Codec(MemoryRegistry()), Topics("t.")
    snapshot = asyncio.run(take(source_of(world), codec.encoder(topics.snapshots.name, topics.snapshots.schema), 1))
    records = [codec.decode(message["value"]) for message in snapshot.messages]
    began = snapshot.observed_at + 60 * SECOND
    first, *_, listed, last = (number for number, path in enumerate(asked) if path == "/v3/processes")
    processes = {record["read_until"] for record in records if record["kind"] == "process"}
    assert processes == {began + (listed - first) * 10 * SECOND}
    assert records[-1]["read_until"] == began + (last - first) * 10 * SECOND


@pytest.mark.parametrize("per_page", [1, 3, 10])
def test_a_list_from_which_things_vanish_while_it_is_read_misses_nothing_that_stays(per_page: int) -> None:
    cc = standing_still(usage_rows=300)
    world = World(cc)
    there = {app.guid for app in cc.world.apps.values()}
    chance = Random(4)
    gone: set[str] = set()

    def between(path: str) -> None:
        if path == "/v3/apps" and chance.random() < 0.5:
            guid = chance.choice(sorted(cc.world.apps))
            gone.add(guid)
            del cc.world.apps[guid]

    world.between = between

    async def whole() -> list[str]:
        patience = Patience(HandClock(), Random(1))
        return [row["guid"] async for row, _ in everything(world.client(), patience, "/v3/apps", {}, per_page)]

    found = asyncio.run(whole())
    assert gone
    assert len(found) == len(set(found))
    assert there - gone <= set(found) <= there


def test_checkpoints_that_cannot_be_read_back_are_in_doubt_and_end_no_tail() -> None:
    with pytest.raises(DoubtError):
        last_values({"bootstrap.servers": "127.0.0.1:1", "log_level": 0}, "checkpoints", timeout_s=0.5)
