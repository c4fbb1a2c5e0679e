"""A worker that takes part in its group no more ends; the client itself would be silent, and Faust would go on."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka import TopicPartition
from aiokafka.consumer.group_coordinator import GroupCoordinator
from aiokafka.consumer.subscription_state import SubscriptionState
from aiokafka.errors import KafkaError
from support.lane_consumer import SOURCE, lane_app

from processors.lane import consumer as lane_consumer
from processors.lane.app import LaneSettings, create_app
from processors.lane.thread import CommittedThread, DroppedOutError
from processors.run import _until

UNEXPECTED = "Unexpected exception in heartbeat task: UnknownError()"
SOON_S = 5.0


class Client:
    """As much of aiokafka's client as the coordinator asks between two joins."""

    cluster = SimpleNamespace(add_listener=lambda _listener: None)

    async def coordinator_lookup(self, *_asked: Any) -> int:
        return 1

    async def ready(self, *_asked: Any, **_more: Any) -> bool:
        return True


class Coordinator(GroupCoordinator):  # type: ignore[misc] # a library without types
    """aiokafka's own coordinator; Kafka takes ``good`` heartbeats and answers the next one with an unknown error."""

    good = 2
    beats = joins = 0

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._parked = asyncio.Event()
        super().__init__(*args, **kwargs)

    def _push_error_to_user(self, error: Exception) -> Any:
        consumed = super()._push_error_to_user(error)
        self._parked.set()
        return consumed

    async def _on_join_prepare(self, _previous: Any) -> None:
        pass

    async def _do_rejoin_group(self, _subscription: Any) -> bool:
        self.joins += 1
        self.member_id = "m"
        self._subscription.assign_from_subscribed([TopicPartition("source", 0)])
        self._rejoin_needed_fut = asyncio.get_running_loop().create_future()
        return True

    async def _do_heartbeat(self) -> bool:
        self.beats += 1
        if self.beats > self.good:
            raise KafkaError(UNEXPECTED)
        return True

    async def _maybe_leave_group(self) -> None:
        pass

    async def dropped_out(self) -> None:
        await asyncio.wait_for(self._parked.wait(), SOON_S)


@pytest.fixture
def waiters() -> set[asyncio.Future[Any]]:
    """Whoever waits for records."""
    return set()


@pytest.fixture
async def coordinator(waiters: set[asyncio.Future[Any]]) -> AsyncIterator[Coordinator]:
    subscription = SubscriptionState()
    subscription.register_fetch_waiters(waiters)
    subscription.subscribe({"source"})
    made = Coordinator(Client(), subscription, heartbeat_interval_ms=10, enable_auto_commit=False)
    yield made
    await made.close()


@pytest.fixture
def thread(coordinator: Coordinator) -> Iterator[CommittedThread]:
    """The consumer's thread, not started, with that coordinator."""
    app = create_app(LaneSettings(group="workers", bootstrap_servers="127.0.0.1:1"))
    made: Any = app.lane._thread
    made._consumer = SimpleNamespace(_coordinator=coordinator)
    yield made
    made.thread_loop.close()


async def test_the_client_itself_heartbeats_and_joins_no_more_and_tells_nobody(coordinator: Coordinator) -> None:
    await coordinator.dropped_out()
    beats, joins = coordinator.beats, coordinator.joins
    coordinator.reset_generation()  # what a refused commit does, so that it joins again
    await asyncio.sleep(0.2)
    assert (coordinator.beats, coordinator.joins) == (beats, joins)


async def test_a_worker_that_has_dropped_out_of_its_group_fetches_no_more(
    coordinator: Coordinator, thread: CommittedThread
) -> None:
    assert await thread._fetch({}, 0, None) == {}
    await coordinator.dropped_out()
    with pytest.raises(DroppedOutError, match=r"dropped out of its group workers and must start anew: .*UnknownError"):
        await thread._fetch({}, 0, None)


async def test_a_fetch_that_waits_while_the_worker_drops_out_says_so_too(
    waiters: set[asyncio.Future[Any]], thread: CommittedThread, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def waits(*_given: Any) -> Any:
        waiters.add(waiter := asyncio.get_running_loop().create_future())
        return await waiter

    monkeypatch.setattr(thread, "_align", lambda *_given: 0)
    monkeypatch.setattr(thread, "_drained", waits)
    with pytest.raises(DroppedOutError, match="dropped out of its group workers"):
        await asyncio.wait_for(thread._fetch({SOURCE: 0}, 0, None), SOON_S)


async def test_a_coordinator_that_has_died_is_no_membership_either(
    coordinator: Coordinator, thread: CommittedThread, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def no_mapping(_subscription: Any) -> bool:
        raise AssertionError("an address has changed")

    await thread._refuse_dropped_out()
    monkeypatch.setattr(coordinator, "_do_rejoin_group", no_mapping)
    coordinator.request_rejoin()
    await asyncio.wait({coordinator._coordination_task}, timeout=SOON_S)
    with pytest.raises(DroppedOutError, match="an address has changed"):
        await thread._refuse_dropped_out()
    coordinator._closing.set_result(None)  # it cannot be closed in good order any more


async def test_dropping_out_ends_the_worker_with_one_line_while_nothing_is_fetched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lane_consumer, "MEMBER_LOOK_S", 0.01)
    app, thread = lane_app(tmp_path, monkeypatch)
    await app.lane.start()
    ending = asyncio.create_task(_until(asyncio.Event(), app, asyncio.Event().wait()))  # type: ignore[arg-type]  # it never ends
    try:
        assert not (await asyncio.wait({ending}, timeout=0.1))[0]
        thread.dropped_out = DroppedOutError("the worker has dropped out of its group")
        with pytest.raises(DroppedOutError):
            await asyncio.wait_for(ending, SOON_S)
    finally:
        ending.cancel()
        await app.lane.stop()
