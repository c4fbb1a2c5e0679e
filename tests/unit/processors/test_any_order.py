"""What the tables say depends on the log alone: not on how topics interleave, on ticks, or on restarts."""

import pytest
from faust.types import TP
from support.usage_rows import HOUR, SECOND, T0, audit, usage
from support.worker_world import World

from processors.sources import MadeAnewError, refuse_other_topics, refuse_shorter

DAY = 24 * HOUR


@pytest.fixture
async def world() -> World:
    world = World()
    await world.start()
    return world


async def test_a_deletion_counts_whichever_topic_comes_first() -> None:
    rows = [usage("STARTED", 0), usage("STOPPED", 100)]
    deletion = audit("audit.app.delete-request", 99)
    for deletion_first in (True, False):
        world = World()
        await world.start()
        if deletion_first:
            await world.events(deletion)
        await world.rows(*rows)
        if not deletion_first:
            await world.events(deletion)
        assert world.state()["deleted_at"] == T0 + 99 * SECOND
        await world.time(T0 + 3 * DAY)
        assert world.state() is None


async def test_one_tick_carries_out_all_that_is_due(world: World) -> None:
    await world.rows(usage("STARTED", 0), usage("TASK_STARTED", 5, task="lost"), usage("STOPPED", 100))
    await world.events(audit("audit.app.delete-request", 99))
    await world.time(T0 + 30 * DAY)
    assert world.state() is None


async def test_an_app_that_comes_back_after_it_was_forgotten_survives_a_restart(world: World) -> None:
    await world.rows(*(usage("STARTED", at, instances=at + 1) for at in range(5)), usage("STOPPED", 100))
    await world.events(audit("audit.app.delete-request", 50))  # the deletion failed later on
    await world.time(T0 + 3 * DAY)
    assert world.state() is None
    await world.rows(usage("STARTED", 4 * 86400, instances=7))
    for _ in range(2):
        await world.start()
        state = world.book.get(0, b"app-1")
        assert state is not None
        assert state["running_instances"] == 7


async def test_a_source_that_was_made_anew_is_refused_and_never_taken_for_known(world: World) -> None:
    await world.rows(*(usage("STARTED", at, instances=at + 1) for at in range(5)))
    await world.events(audit("app.crash", 6))
    known = await world.worker.recovered([0])
    usages, audits = TP(world.topics.usage.name, 0), TP(world.topics.audit.name, 0)
    assert (known[usages], known[audits]) == (5, 1)
    refuse_shorter(known, known)
    refuse_shorter(known, {tp: position + 7 for tp, position in known.items()})
    with pytest.raises(MadeAnewError, match="made anew"):
        refuse_shorter(known, known | {usages: 4})


async def test_tables_remember_the_topics_that_they_were_made_from(world: World) -> None:
    world.progress.remember({"usage": "one"})
    await world.time(T0)
    await world.start()
    world.progress.remember({"usage": "other", "audit": "new"})
    remembered = world.progress.source_ids(0)
    assert remembered == {"usage": "one"}
    refuse_other_topics(remembered, {"usage": "one", "audit": "new"})
    refuse_other_topics(remembered, {})
    with pytest.raises(MadeAnewError, match="usage was deleted and made anew"):
        refuse_other_topics(remembered, {"usage": "other"})


async def test_each_tick_says_how_far_the_partition_has_come_after_what_was_due(world: World) -> None:
    name = world.topics.progress.name
    await world.rows(usage("STARTED", 0))
    for until in (HOUR, HOUR + SECOND, 2 * HOUR):
        await world.time(T0 + until)
    said = [record["applied_to"] for record in world.decoded(name)]
    assert said[-1] == T0 + 2 * HOUR
    assert T0 + HOUR in said
    assert T0 + HOUR + SECOND not in said
    await world.start()
    await world.time(T0 + 3 * HOUR)
    assert world.decoded(name)[-1]["applied_to"] == T0 + 3 * HOUR


async def test_a_partition_without_apps_says_how_far_it_has_come_too(world: World) -> None:
    await world.time(T0)
    assert world.decoded(world.topics.progress.name)[-1]["applied_to"] == T0
