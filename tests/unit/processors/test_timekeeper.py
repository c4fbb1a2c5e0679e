"""Time moves only to a watermark, and only when all that was published before it is applied."""

from collections.abc import Collection
from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException
from faust.types import TP
from prometheus_client import CollectorRegistry

from plumbing.clock import SystemClock
from processors.decode import Decoded
from processors.lane.tracker import Partition, Tracker
from processors.metrics import WorkerMetrics
from processors.timekeeper import Timekeeper

USAGE = Partition("usage", 0)


class Lane:
    """What the timekeeper asks of the consumer."""

    def __init__(self) -> None:
        self.tracker = Tracker()
        self.tracker.start(USAGE, 0)
        self.flow_active = True

    def assignment(self) -> set[Partition]:
        return {USAGE, Partition("state", 0)}


class Tables:
    actives_ready = True


class App:
    """A Faust application as far as the timekeeper looks."""

    def __init__(self) -> None:
        self.lane = Lane()
        self.tables = Tables()
        self.rebalancing = False
        self.consumer_generation_id = 1


class Worker:
    """Records what it is told."""

    def __init__(self) -> None:
        self.sources = ["usage"]
        self.ticks: list[tuple[int, str, int]] = []
        self.known: dict[str, int] = {}

    def vouched(self, until: dict[str, int]) -> None:
        self.known = until

    async def tick(self, partition: int, foundation: str, until: int) -> None:
        self.ticks.append((partition, foundation, until))

    async def close_overdue_hours(self, partition: int) -> None:
        """Nothing to close."""

    async def publish_totals(self, partition: int) -> None:
        """Nothing to publish."""

    async def refresh(self, partition: int) -> None:
        """Nothing to refresh."""


class Marks:
    """Checkpoints with watermarks that the test sets."""

    def __init__(self) -> None:
        self.now: dict[str, int] = {}

    async def refresh(self) -> None:
        """Nothing to read."""

    async def read_to_end(self) -> None:
        """Nothing to read."""

    def watermarks(self) -> dict[str, int]:
        return dict(self.now)

    def newest(self) -> dict[str, int]:
        return dict(self.now)

    def silent(self) -> dict[str, int]:
        return {}


class Idle:
    """A roller that does nothing."""

    async def step(self, *, to_end: bool = False) -> None:
        """Nothing to do."""

    def stand_down(self) -> None:
        """Nothing to forget."""


class Scene:
    def __init__(self) -> None:
        self.app, self.worker, self.marks = App(), Worker(), Marks()
        self.end: int | None = 0
        parts: dict[str, Any] = {"app": self.app, "worker": self.worker, "checkpoints": self.marks, "roller": Idle()}
        metrics = WorkerMetrics(CollectorRegistry())
        self.keeper = Timekeeper(**parts, metrics=metrics, clock=SystemClock(), interval_s=0.01, ends=self.ends)

    def ends(self, partitions: Collection[TP]) -> dict[tuple[str, int], int]:
        """Say where the log ends; nothing when no broker answers."""
        if self.end is None:
            raise KafkaException(KafkaError(KafkaError._TRANSPORT))
        return dict.fromkeys(partitions, self.end)

    async def look(self) -> bool:
        return await self.keeper._advance()


@pytest.fixture
def scene() -> Scene:
    return Scene()


async def test_time_waits_for_what_was_published_before_the_watermark(scene: Scene) -> None:
    scene.marks.now, scene.end = {"f": 100}, 10
    assert not await scene.look()
    assert scene.worker.ticks == []
    scene.app.lane.tracker.passed(USAGE, 10)
    assert await scene.look()
    assert scene.worker.ticks == [(0, "f", 100)]


async def test_a_newer_watermark_does_not_hold_before_its_own_rows_are_applied(scene: Scene) -> None:
    scene.marks.now, scene.end = {"f": 100}, 10
    await scene.look()
    scene.marks.now, scene.end = {"f": 200}, 20
    scene.app.lane.tracker.passed(USAGE, 10)
    await scene.look()
    assert scene.worker.ticks == [(0, "f", 100)]
    await scene.look()
    assert scene.worker.ticks == [(0, "f", 100)]
    scene.app.lane.tracker.passed(USAGE, 20)
    await scene.look()
    assert scene.worker.ticks[-1] == (0, "f", 200)


async def test_a_rebalance_makes_every_promise_void(scene: Scene) -> None:
    scene.marks.now, scene.end = {"f": 100}, 10
    await scene.look()
    scene.app.consumer_generation_id, scene.end = 2, 30
    scene.app.lane.tracker.passed(USAGE, 10)
    assert not await scene.look()
    assert scene.worker.ticks == []


async def test_time_stands_still_while_nobody_says_where_the_log_ends(scene: Scene) -> None:
    scene.marks.now, scene.end = {"f": 100}, None
    assert not await scene.look()
    assert scene.worker.ticks == []
    scene.end = 0
    assert await scene.look()
    assert scene.worker.ticks == [(0, "f", 100)]


async def test_an_unchanged_watermark_is_not_told_again(scene: Scene) -> None:
    scene.marks.now = {"f": 100}
    await scene.look()
    await scene.look()
    assert scene.worker.ticks == [(0, "f", 100)]


async def test_until_caught_up_ends_when_all_is_applied(scene: Scene) -> None:
    scene.app.lane.tracker.passed(USAGE, 5)
    scene.end = 5
    scene.marks.now = {"f": 100}
    await scene.keeper.run(until_caught_up=True)
    assert scene.worker.known == {"f": 100}


def test_applied_rows_are_told_once() -> None:
    metrics = WorkerMetrics(CollectorRegistry())
    metrics.chunk("usage", 30, Decoded([], []))
    metrics.chunk("audit", 12, Decoded([], []))
    assert metrics.applied() == 42
    assert metrics.applied() == 0
