"""Which snapshot answers a gap, when a tail may say that it has caught up, and whom a snapshot names."""

import asyncio
from dataclasses import replace
from random import Random

import pytest
from support.producer_world import TOPICS, HandClock, Kill, World
from support.registry import MemoryRegistry
from support.simulated import standing_still

from producer.api.errors import ApiError
from producer.api.patience import Patience
from producer.publish.batch import Filters
from producer.snapshot import read
from producer.snapshot.owed import AGAIN_S, Owed
from producer.snapshot.take import Snapshot, take
from schemas.codec import Codec
from schemas.topics import Topics


class Taker:
    """Takes snapshots, each when told; fails as often as told."""

    def __init__(self, failures: int = 0) -> None:
        self.begun: list[str] = []
        self.go = asyncio.Event()
        self._failures = failures

    async def __call__(self, reason: str) -> Snapshot:
        number = len(self.begun)
        self.begun.append(reason)
        await self.go.wait()
        if self._failures:
            self._failures -= 1
            raise ApiError("no")
        return Snapshot(f"s-{number}", reason, 0, 0, [{"value": reason.encode()}])


async def settled() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


class Reseeded:
    """A history with a purge and reseed while the first snapshot is still being taken; that ends soon after."""

    def __init__(self) -> None:
        self.cc = standing_still(usage_rows=200)
        self.cc.step(120)
        self.taker = Taker()
        self.world = World(self.cc, page_size=30)
        self.world.take_snapshot = self.taker
        self.world.between = self._between
        self._pages = 0

    def _between(self, path: str) -> None:
        if not path.endswith("app_usage_events"):
            return
        self._pages += 1
        if self._pages == 3:
            self.cc.step(120)
            self.cc.purge_and_reseed()
            self.cc.step(120)
        if self._pages == 5:
            self.taker.go.set()


@pytest.mark.parametrize("kill", [None, "doubt-before", "doubt-after"])
def test_a_snapshot_that_began_before_a_gap_does_not_answer_it(kill: Kill | None) -> None:
    """Nor when nobody knows at first whether the gap was committed."""
    play = Reseeded()
    asyncio.run(play.world.session([None, None, kill]))
    assert (play.world.state.gaps, play.world.state.snapshot_pending) == (1, None)
    assert play.taker.begun[-1] == "reseed"
    assert play.world.log.committed[TOPICS.snapshots.name] == [{"value": b"reseed"}]


async def test_a_snapshot_that_failed_is_still_open_until_it_was_taken() -> None:
    taker, clock = Taker(failures=1), HandClock()
    taker.go.set()
    owed = Owed(taker, clock, 0)
    owed.begin("first-start")
    await settled()
    assert owed.ready("first-start") is None
    assert owed.running is None
    assert owed.open("first-start")
    await clock.sleep(AGAIN_S)
    owed.ready("first-start")
    await settled()
    assert owed.ready("first-start") is not None
    assert not owed.open(None)


async def test_without_snapshots_none_is_open() -> None:
    assert not Owed(None, HandClock(), 0).open("first-start")


async def test_a_snapshot_names_only_what_the_filters_let_pass() -> None:
    world = World(standing_still(usage_rows=400, old_apps=5))
    codec, topics = Codec(MemoryRegistry()), Topics("t.")
    encode = codec.encoder(topics.snapshots.name, topics.snapshots.schema)
    source = read.Source(
        api=world.client(), patience=Patience(HandClock(), Random(1)), foundation="f", reason="request", settle_s=60
    )
    whole = [codec.decode(message["value"]) for message in (await take(source, encode, 1)).messages]
    orgs = {record["org_guid"] for record in whole if record["kind"] != "end"}
    org = min(orgs)
    assert len(orgs) > 1
    snapshot = await take(replace(source, filters=Filters(orgs=frozenset({org}))), encode, 1)
    some = [codec.decode(message["value"]) for message in snapshot.messages]
    assert {record["org_guid"] for record in some if record["kind"] != "end"} == {org}
    assert snapshot.records == sum(record["org_guid"] == org for record in whole) > 0
    assert some[-1]["kind"] == "end"
