"""When a backfill is finished: with the tail that it lies before it publishes each row once, however young its end."""

import asyncio
from collections import Counter
from itertools import chain

import pytest
from support.producer_world import Identified, Kill, World, identities
from support.simulated import START, standing_still

from plumbing.clock import SECOND, iso
from producer.feeds.dialect import Page, Version
from producer.feeds.position import Position
from producer.feeds.reader import Fetched
from producer.settings import FEEDS, Feed
from standin.cloud_controller.controller import CloudController
from standin.cloud_controller.ledger import Lateness

SETTLE_S = 60


def busy() -> CloudController:
    """A Cloud Controller with rows up to now, the newest of them out of order."""
    cc = standing_still(usage_rows=200)
    cc.ledger.lateness = Lateness(0.5, 30, 0.5, 28)
    for _ in range(20):
        cc.do(3)
        cc.step(5)
    return cc


def backfill(cc: CloudController, feed: Feed, version: Version, until: int, page_size: int = 5000) -> World:
    """Return a backfill from the oldest row on; each page that it asks for takes ten seconds, in which rows come."""
    world = World(cc, feed, version, settle_s=SETTLE_S, page_size=page_size, start=iso(START - 7200 * SECOND))
    world.ends_at = until

    def between(path: str) -> None:
        if path.endswith("events"):
            cc.do(2)
            cc.step(10)

    world.between = between
    return world


def published(*worlds: World) -> Counter[Identified]:
    records = chain.from_iterable(world.records for world in worlds)
    return Counter((record["guid"], record["created_at"]) for record in records)


@pytest.mark.parametrize("begins_in_s", [-40, -5, 120])
@pytest.mark.parametrize("version", ["v3", "v2"])
@pytest.mark.parametrize("feed", FEEDS)
def test_rows_before_a_young_start_belong_to_the_backfill_and_none_is_left_out(
    feed: Feed, version: Version, begins_in_s: int
) -> None:
    cc = busy()
    begins_at = (cc.clock.now() // SECOND + begins_in_s) * SECOND
    tail = World(cc, feed, version, settle_s=SETTLE_S, start=iso(begins_at))
    asyncio.run(tail.session())
    earlier = backfill(cc, feed, version, begins_at)
    asyncio.run(earlier.session())
    assert earlier.state.finished
    cc.step(200)
    asyncio.run(tail.session())
    table = cc.ledger.usage if feed == FEEDS[0] else cc.ledger.audit
    assert published(earlier, tail) == identities(table)
    assert max(at for _, at in published(earlier)) < begins_at <= min(at for _, at in published(tail))


@pytest.mark.parametrize("kill", ["after", "doubt-after", "doubt-before"])
@pytest.mark.parametrize("feed", FEEDS)
def test_a_backfill_that_is_cut_off_is_not_finished_by_the_watermark_in_its_record(feed: Feed, kill: Kill) -> None:
    """Its record holds no time back and so carries the end of time."""
    cc = busy()
    begins_at = cc.clock.now() // SECOND * SECOND
    earlier = backfill(cc, feed, "v3", begins_at, page_size=40)
    asyncio.run(earlier.session([None, kill]))
    asyncio.run(earlier.session([kill]))
    assert earlier.state.finished == (kill != "after")
    asyncio.run(earlier.session())
    assert earlier.state.finished
    table = cc.ledger.usage if feed == FEEDS[0] else cc.ledger.audit
    assert published(earlier) == identities(row for row in table if row.created_at < begins_at)
    assert earlier.metrics.registry.get_sample_value(
        "cfstream_producer_late_rows_total", {"foundation": "f", "feed": feed}
    ) in (0, None)


def test_a_row_of_the_backfill_behind_a_young_row_is_waited_for() -> None:
    """Ids and times differ in order: not all that has settled has been read."""
    world = World(standing_still(), settle_s=SETTLE_S)
    world.ends_at = START
    reader = world.reader(world.client())
    rows = [{"guid": each, "created_at": iso(START + s * SECOND)} for each, s in (("a", -9), ("young", 5), ("b", -1))]
    step = reader.advance(Fetched(Page(rows, START + 61 * SECOND, more=False), Position(floor=START - 9 * SECOND)))
    assert ([row["guid"] for row in step.rows], step.ended, step.finished) == (["a"], True, False)
    step = reader.advance(Fetched(Page(rows[1:], START + 66 * SECOND, more=False), step.position))
    assert ([row["guid"] for row in step.rows], step.ended, step.finished) == (["b"], True, True)


def test_a_backfill_far_behind_the_present_ends_with_its_own_rows() -> None:
    cc = busy()
    cc.step(7200)
    cc.do(20)
    earlier = backfill(cc, FEEDS[0], "v3", START - 600 * SECOND)
    asyncio.run(earlier.session())
    assert earlier.state.finished
    assert not earlier.clock.slept, "it waits for no poll"
