"""Ready comes from recovery, alive from progress."""

from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from processors.lane.tracker import Partition, Tracker
from processors.metrics import WorkerMetrics
from processors.probes import Probes

TP = Partition("usage", 0)


class Lane:
    """A consumer that is told where the log ends."""

    def __init__(self) -> None:
        self.tracker = Tracker()
        self.tracker.start(TP, 0)
        self.skipped: dict[Partition, int] = {}
        self.end = 0

    async def ends(self, partitions: list[Partition]) -> dict[Partition, int]:
        return dict.fromkeys(partitions, self.end)


class App:
    crashed = False
    started = True

    def __init__(self) -> None:
        self.lane = Lane()


class Keeper:
    ready = True

    def sources(self) -> dict[int, list[Partition]]:
        return {0: [TP]}


class States:
    restored = 0

    def size(self) -> int:
        return 7


class Scene:
    def __init__(self, stalled_s: float) -> None:
        self.app, self.keeper = App(), Keeper()
        self.registry = CollectorRegistry()
        self.states = States()
        parts: dict[str, Any] = {"app": self.app, "states": self.states, "timekeeper": self.keeper}
        self.probes = Probes(**parts, metrics=WorkerMetrics(self.registry), stalled_s=stalled_s)

    async def passes(self, seconds: float) -> None:
        """Let so much time pass, up to a look."""
        for name in ("_looked", "_moved", "_got_on"):
            setattr(self.probes, name, getattr(self.probes, name) - seconds)
        await self.probes._look()

    async def rebalance(self) -> None:
        self.probes.rebalance_began()
        self.keeper.ready = False
        self.app.lane.tracker.forget([TP])
        await self.probes._look()


async def test_not_ready_before_the_tables_are_recovered_and_after_a_rebalance_began() -> None:
    scene = Scene(60)
    assert scene.probes.ready() is not None
    await scene.probes._look()
    assert scene.probes.ready() is None
    scene.probes.rebalance_began()
    assert scene.probes.ready() is not None


@pytest.mark.parametrize(("end", "still_for_s", "alive"), [(0, 1000, True), (9, 1000, False), (9, 10, True)])
async def test_records_that_wait_while_none_is_applied_are_a_reason_to_restart(
    end: int,
    still_for_s: float,
    alive: bool,  # noqa: FBT001 - a column of the table
) -> None:
    scene = Scene(60)
    scene.app.lane.end = end
    await scene.probes._look()
    scene.probes._moved -= still_for_s
    assert (scene.probes.live() is None) is alive


async def test_an_event_loop_that_stands_still_is_a_reason_to_restart() -> None:
    scene = Scene(60)
    await scene.probes._look()
    assert scene.probes.live() is None
    scene.probes._looked -= 1000
    assert "event loop" in (scene.probes.live() or "")


async def test_a_recovery_that_restores_nothing_is_a_reason_to_restart() -> None:
    scene = Scene(60)
    await scene.probes._look()
    await scene.rebalance()
    await scene.passes(50)
    assert scene.probes.live() is None
    await scene.passes(50)
    assert "not ready, and nothing was restored for 100 s" in (scene.probes.live() or "")


async def test_a_worker_that_was_never_ready_and_never_will_be_is_restarted() -> None:
    scene = Scene(60)
    scene.app.started = False
    await scene.passes(100)
    assert scene.probes.live() is not None


@pytest.mark.parametrize("waiting", [0, 9])
async def test_a_long_recovery_that_goes_on_is_no_reason_to_restart(waiting: int) -> None:
    scene = Scene(60)
    scene.app.lane.end = waiting
    await scene.probes._look()
    await scene.rebalance()
    for _ in range(10):
        scene.states.restored += 1
        await scene.passes(50)
        assert scene.probes.live() is None


async def test_a_rebalance_after_a_long_quiet_time_is_no_reason_to_restart() -> None:
    scene = Scene(60)
    for _ in range(10):
        await scene.passes(50)
    await scene.rebalance()
    assert scene.probes.live() is None
    scene.keeper.ready = True
    scene.app.lane.tracker.start(TP, 0)
    await scene.passes(50)
    assert scene.probes.live() is None


async def test_lag_and_table_size_are_measured() -> None:
    scene = Scene(60)
    scene.app.lane.end = 9
    await scene.probes._look()
    assert scene.registry.get_sample_value("cfstream_worker_lag_records", {"topic": "usage"}) == 9
    assert scene.registry.get_sample_value("cfstream_worker_table_rows") == 7
