"""The watch for storms: each foundation has a time of its own, and a restart tells nothing else."""

from collections.abc import Iterable
from typing import Any

import pytest
from prometheus_client import CollectorRegistry
from support.alert_records import StepClock
from support.alert_rows import T0, crash
from support.registry import MemoryRegistry

from plumbing.clock import SECOND
from processors.alerts.rules import Rule
from processors.notify import storm_watch
from processors.notify.decoding import Decoding
from processors.notify.inbox import Item
from processors.notify.metrics import NotifierMetrics
from processors.notify.storm_watch import StormWatch
from schemas.codec import Codec
from schemas.topics import Topic, Topics

TOPICS = Topics()
PARTITIONS = 4
HOUR, DAY = 3600, 86_400
RULE = Rule(name="cell-storm", kind="storm", by="cell", threshold=3, window=300, resolve_after=600)
Place = tuple[str, int]


class Kafka:
    """Two topics, and what the watch has committed: offsets with notes."""

    def __init__(self) -> None:
        self.log: dict[Place, list[Item]] = {(TOPICS.checkpoints.name, 0): []}
        self.log |= {(TOPICS.audit.name, number): [] for number in range(PARTITIONS)}
        self.committed: dict[Place, tuple[int, str]] = {}

    def put(self, place: Place, value: bytes) -> None:
        self.log[place].append(Item(*place, len(self.log[place]), b"k", value))


class Inbox:
    """Reads all that there is in one go, the audit topic first: as awkward as it may come."""

    def __init__(self, kafka: Kafka) -> None:
        self._kafka = kafka
        self._begun = dict(kafka.committed)
        self._positions = {place: self._begun.get(place, (0, ""))[0] for place in kafka.log}
        self.loaded = False

    def read(self, _timeout_s: float) -> list[Item]:
        found: list[Item] = []
        for place in sorted(self._kafka.log, key=lambda place: place[0] != TOPICS.audit.name):
            found += self._kafka.log[place][self._positions[place] :]
            self._positions[place] = len(self._kafka.log[place])
        self.loaded = True
        return found

    def position(self, topic: str, partition: int) -> int:
        return self._positions[topic, partition]

    def partitions(self, topic: str) -> list[int]:
        return [number for name, number in self._kafka.log if name == topic]

    def note(self, topic: str, partition: int) -> str:
        return self._begun.get((topic, partition), (0, ""))[1]

    def commit(self, floors: dict[Place, int], notes: dict[Place, str] | None = None) -> None:
        for place, position in self._positions.items():
            if place[0] == TOPICS.audit.name:
                self._kafka.committed[place] = min(position, floors.get(place, position)), (notes or {}).get(place, "")


class Written:
    """A writer that keeps what it is given."""

    def __init__(self) -> None:
        self.written: list[Any] = []

    def write(self, _topic: str, _key: bytes | None, value: Any, **_more: Any) -> None:
        self.written.append(value)

    async def durable(self) -> None:
        """All is."""


class Scene:
    """A watch on a Kafka of lists. ``restart`` begins a new one from what was committed."""

    def __init__(self, rule: Rule = RULE) -> None:
        self.kafka = Kafka()
        self.codec = Codec(MemoryRegistry())
        self._encode = {topic.name: self.codec.encoder(topic.name, topic.schema) for topic in TOPICS}
        self._rule = rule
        self.told: list[tuple[str, str, int]] = []
        """Foundation, status and second of each alert, in order."""
        self.ids: set[str] = set()
        self.restart()

    def restart(self) -> None:
        sink: Any = Written()
        self._sink = sink
        inbox: Any = Inbox(self.kafka)
        admin: Any = self.kafka
        metrics = NotifierMetrics(CollectorRegistry())
        clock = StepClock()
        self._clock = clock
        self.watch = StormWatch(
            rules=(self._rule,),
            topics=TOPICS,
            inbox=inbox,
            admin=admin,
            writer=sink,
            decoding=Decoding(self.codec, TOPICS, sink, clock, metrics),
            encode=lambda alert: alert,  # type: ignore[arg-type, return-value] # the sink takes anything
            clock=clock,
            metrics=metrics,
        )

    def _put(self, topic: Topic, number: int, record: Any) -> None:
        self.kafka.put((topic.name, number), self._encode[topic.name](record))

    def tail(self, foundation: str, settled_s: float | None, **more: Any) -> None:
        settled = None if settled_s is None else T0 + round(settled_s * SECOND)
        record = {"foundation": foundation, "feed": "audit-events", "written_at": T0, "settled_until": settled}
        self._put(TOPICS.checkpoints, 0, record | more)

    def crash(self, foundation: str, app: int, at_s: float) -> None:
        of_app = {"foundation": foundation, "app_guid": f"app-{app}", "target_name": f"app-{app}"}
        self._put(TOPICS.audit, app % PARTITIONS, crash(at_s) | of_app)

    def storm(self, foundation: str, at_s: float, apps: Iterable[int] = range(3)) -> None:
        for number, app in enumerate(apps):
            self.crash(foundation, app, at_s + number)

    async def settle(self) -> None:
        """Let the watch do rounds until it has done all, committed last."""
        for _ in range(4):
            self._clock.time_s += 10
            await self.watch.step()
        for alert in self._sink.written:
            self.told.append((alert["foundation"], alert["status"], (alert["as_of"] - T0) // SECOND))
            self.ids.add(alert["id"])
        self._sink.written.clear()

    def held(self) -> set[str]:
        return set(self.watch._foundations)

    def to_read_again(self) -> int:
        """How many crashes a restart would read."""
        return sum(len(self.kafka.log[place]) - offset for place, (offset, _) in self.kafka.committed.items())


@pytest.fixture(autouse=True)
def ends(monkeypatch: pytest.MonkeyPatch) -> None:
    def found(kafka: Kafka, places: Iterable[Place]) -> dict[Place, int]:
        return {place: len(kafka.log[place]) for place in places}

    monkeypatch.setattr(storm_watch, "high_watermarks", found)


async def test_a_foundation_whose_cloud_controller_is_away_holds_back_nobody_else() -> None:
    scene = Scene()
    scene.tail("away", 0)
    for hour in range(1, 25):
        scene.storm("main", hour * HOUR)
        scene.tail("main", hour * HOUR + 1800)
        await scene.settle()
    assert [one[1] for one in scene.told] == ["firing", "resolved"] * 24
    assert scene.watch._foundations["main"].waiting == 0
    assert len(scene.watch._foundations["main"]._first) <= PARTITIONS
    assert scene.to_read_again() == 0


async def test_a_retired_foundation_holds_back_nobody_else() -> None:
    scene = Scene()
    scene.tail("old", 0, retired=True)
    scene.storm("main", 100_000)
    scene.tail("main", 101_000)
    await scene.settle()
    assert scene.told == [("main", "firing", 100_002), ("main", "resolved", 100_900)]


async def test_a_tail_that_is_retired_while_the_watch_runs_is_waited_for_no_more() -> None:
    scene = Scene()
    scene.tail("old", 0)
    scene.tail("main", 0)
    await scene.settle()
    scene.tail("old", 0, retired=True)
    scene.storm("main", 100)
    scene.tail("main", 1000)
    await scene.settle()
    assert [one[0] for one in scene.told] == ["main", "main"]


async def test_a_backfill_does_not_move_time() -> None:
    scene = Scene()
    scene.tail("main", 50)
    scene.tail("main", 1000, ends_at=T0)  # even under the name of the feed
    scene.storm("main", 100)
    await scene.settle()
    assert scene.told == []


async def test_what_a_retired_tail_published_last_is_told_and_its_storms_end() -> None:
    scene = Scene()
    scene.storm("old", 100)
    scene.tail("old", 150)
    await scene.settle()
    scene.crash("old", 3, 200)
    scene.tail("old", 150, retired=True)
    await scene.settle()
    assert scene.told == [("old", "firing", 102), ("old", "resolved", 101 + 300 + 600)]
    assert scene.held() == set()
    assert scene.to_read_again() == 0


async def test_a_retired_tail_that_runs_again_is_a_tail_again() -> None:
    scene = Scene()
    scene.tail("main", 0, retired=True)
    scene.tail("main", 50)
    scene.storm("main", 100)
    await scene.settle()
    assert scene.told == [], "the older record says retired, the newer one how far it is"
    scene.tail("main", 1000)
    await scene.settle()
    assert scene.told == [("main", "firing", 102), ("main", "resolved", 1000)]


async def test_crashes_without_a_tail_wait_for_it() -> None:
    scene = Scene()
    scene.tail("main", 1)
    scene.storm("new", 100)
    await scene.settle()
    scene.tail("new", None)
    await scene.settle()
    assert scene.told == []
    scene.restart()
    scene.tail("new", 1000)
    await scene.settle()
    assert scene.told == [("new", "firing", 102), ("new", "resolved", 1000)]


async def test_of_crashes_without_a_tail_no_more_than_a_day_is_kept() -> None:
    scene = Scene()
    scene.tail("main", 1)
    for day in range(30):
        for hour in range(24):
            scene.crash("strange", hour, day * DAY + hour * HOUR)
        await scene.settle()
    assert scene.watch._foundations["strange"].waiting <= 25
    assert scene.to_read_again() <= 25


async def test_a_watch_that_begins_reads_the_tails_before_it_drops_anything() -> None:
    scene = Scene()
    scene.storm("main", 0)
    scene.storm("main", 3 * DAY)
    scene.tail("main", 4 * DAY)
    await scene.settle()
    assert [one[1] for one in scene.told] == ["firing", "resolved"] * 2


async def test_a_storm_of_each_foundation_that_fires_at_a_restart_ends_after_it() -> None:
    scene = Scene()
    scene.storm("away", 100)
    scene.tail("away", 200)
    scene.storm("main", 5000)
    scene.tail("main", 5100)
    await scene.settle()
    scene.restart()
    scene.tail("main", 9000)
    await scene.settle()
    scene.restart()
    scene.tail("away", 9000)
    await scene.settle()
    assert len(scene.ids) == 2, "what a restart says again is known by its id"
    assert {one[:2] for one in scene.told} == {
        (name, said) for name in ("away", "main") for said in ("firing", "resolved")
    }


async def test_a_restart_makes_no_new_storm_of_a_part_of_an_old_one() -> None:
    """Partition 1 is held back by a foundation that is away: of the old storm's crashes only those in it come again."""
    scene = Scene()
    scene.crash("away", 1, 100)
    scene.tail("away", 150)
    scene.storm("main", 1000, apps=[0, 4, 2, 1, 5, 9, 13])
    scene.tail("main", 5000)
    await scene.settle()
    told, ids = list(scene.told), set(scene.ids)
    assert len(told) == 2
    assert scene.to_read_again() > 0
    for _ in range(2):
        scene.restart()
        await scene.settle()
    assert (scene.told, scene.ids) == (told, ids)
    scene.restart()
    scene.storm("away", 200, apps=[2, 3])
    scene.tail("away", 5000)
    await scene.settle()
    assert scene.told[2:] == [("away", "firing", 201), ("away", "resolved", 200 + 200 + 600)]


async def test_crashes_of_one_app_in_one_second_may_differ_in_what_they_tell() -> None:
    scene = Scene()
    for cell in ("cell-1", None, "cell-2"):
        scene._put(TOPICS.audit, 0, crash(100, cell_id=cell))
    scene.tail("f", 200)
    await scene.settle()
    assert scene.watch._foundations["f"].waiting == 0
