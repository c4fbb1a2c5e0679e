"""Apps of which so much is known that a record of it all would be too long: nothing may be lost in a backfill."""

from support.usage_rows import HOUR, SECOND, T0, usage
from support.worker_world import World

QUARTER = 900
BROKER_TAKES = 1_000_000
"""Bytes of a message."""


async def test_a_month_of_an_autoscaled_app_is_counted_whole_though_it_comes_in_one_go() -> None:
    world = World()
    await world.start()
    count = 3000
    await world.rows(*(usage("STARTED", n * QUARTER, instances=1 if n % 2 == 0 else 3) for n in range(count)))
    await world.rows(usage("STOPPED", count * QUARTER))
    await world.time(T0 + count * QUARTER * SECOND + 2 * HOUR)
    hours = world.rolled()[1].values()
    for scope in ("app", "space", "org", "foundation"):
        seconds = sum(hour["instance_seconds"] for hour in hours if hour["scope"] == scope)
        assert seconds == count * QUARTER * 2
    assert len(world.state()["processes"][0]["facts"]) < 500


async def test_a_month_of_tasks_fits_into_the_records_and_is_counted_whole() -> None:
    world = World()
    await world.start()
    for start in range(0, 11_000, 2200):
        rows = []
        for n in range(start, start + 2200):
            task = f"{n:08d}-aaaa-4bbb-8ccc-dddddddddddd"
            rows += [usage("TASK_STARTED", n * 180, task=task), usage("TASK_STOPPED", n * 180 + 30, task=task)]
        await world.rows(*rows)
    await world.time(T0 + (11_000 * 180 + 7200) * SECOND)
    assert max(len(row.value or b"") for row in world.log.of(world.topics.state.name)) < BROKER_TAKES / 2
    hours = world.rolled()[1].values()
    for scope in ("app", "foundation"):
        assert sum(hour["task_seconds"] for hour in hours if hour["scope"] == scope) == 11_000 * 30


async def test_a_chunk_of_any_size_is_worked_on_in_parts() -> None:
    world = World()
    await world.start()
    rows = [usage("STARTED", n * QUARTER, instances=1 if n % 2 == 0 else 3) for n in range(22_000)]
    await world.rows(*rows, usage("STOPPED", 22_000 * QUARTER))
    await world.time(T0 + 22_000 * QUARTER * SECOND + 2 * HOUR)
    hours = world.rolled()[1].values()
    assert sum(hour["instance_seconds"] for hour in hours if hour["scope"] == "app") == 22_000 * QUARTER * 2
