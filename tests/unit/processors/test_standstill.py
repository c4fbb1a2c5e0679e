"""A worker that has stood still writes no hours and sums before it can know whether its partitions are its own."""

import asyncio
from typing import Any

import pytest
from support.usage_rows import HOUR, SECOND, T0, usage
from support.worker_world import World
from support.world_check import expected_and_found

from processors.standstill import InDoubtError, Standstill
from processors.usage import publisher


class Clock:
    """Seconds, set by hand."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_who_is_asked_often_is_never_in_doubt() -> None:
    clock = Clock()
    standstill = Standstill(5, clock)
    for _ in range(100):
        clock.now += 4.9
        standstill.refuse()


def test_a_standstill_puts_in_doubt_for_as_long_as_its_limit() -> None:
    clock = Clock()
    standstill = Standstill(5, clock)
    clock.now += 5.1
    for after, doubt in ((0.0, True), (4.0, True), (0.9, True), (0.2, False), (1.0, False)):
        clock.now += after
        assert standstill.in_doubt() is doubt


async def test_watching_is_asking() -> None:
    clock = Clock()
    standstill = Standstill(0.2, clock)
    watching = asyncio.create_task(standstill.watch())
    await asyncio.sleep(0)
    clock.now += 0.1
    assert not standstill.in_doubt()
    watching.cancel()


async def test_an_hour_is_closed_after_the_doubt_and_not_in_it() -> None:
    world = World()
    await world.start()
    await world.rows(usage("STARTED", 0, instances=2))
    world.clock += 6
    written = len(world.log.of(world.topics.usage_hours.name))
    with pytest.raises(InDoubtError):
        await world.time(T0 + HOUR + 60 * SECOND)
    assert len(world.log.of(world.topics.usage_hours.name)) == written
    for _ in range(2):
        world.clock += 4
        world.standstill.in_doubt()
    await world.time(T0 + HOUR + 60 * SECOND)
    assert len(world.log.of(world.topics.usage_hours.name)) > written


async def test_a_first_closing_that_doubt_breaks_off_loses_no_hour(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing but the change itself says from when on an app has hours, until some were closed."""
    monkeypatch.setattr(publisher, "SLICE", 1)
    world = World()
    await world.start()
    rows = [usage("STARTED", 0, f"app-{number}", instances=2) for number in range(3)]
    await world.rows(*rows)
    real, calls = world.log.durable, 0

    async def durable() -> None:
        nonlocal calls
        calls += 1
        await real()
        if calls == 2:
            world.clock += 6  # behind the first slice

    monkeypatch.setattr(world.log, "durable", durable)
    until = T0 + 3 * HOUR + 60 * SECOND
    with pytest.raises(InDoubtError):
        await world.time(until)
    for _ in range(2):
        world.clock += 4
        world.standstill.in_doubt()
    await world.time(until + 3 * HOUR)
    assert expected_and_found(world, rows, (until + 3 * HOUR) // SECOND) == []


async def test_a_slice_that_takes_long_is_no_standstill(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World()
    await world.start()
    rows = [usage("STARTED", 0, f"app-{number}", instances=2) for number in range(100)]
    await world.rows(*rows)
    real = world.log.write

    def write(*given: Any, **more: Any) -> None:
        world.clock += 0.1  # ten seconds in all, and nobody else asks
        real(*given, **more)

    monkeypatch.setattr(world.log, "write", write)
    await world.time(T0 + 2 * HOUR + 60 * SECOND)
    assert expected_and_found(world, rows, T0 // SECOND + 2 * 3600 + 60) == []
