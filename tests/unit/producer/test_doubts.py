"""Transactions in doubt: how soon they are tried again, when a tail is ready again, a client's queue that is full."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from random import Random
from typing import Any

import pytest
from confluent_kafka import KafkaError
from support.producer_world import HandClock, Kill, World
from support.registry import MemoryRegistry
from support.simulated import standing_still

from plumbing.kafka import ClientConfig
from producer import checkpoint
from producer.checkpoint import TailState
from producer.publish import outlet, transaction
from producer.publish.batch import Message
from producer.publish.outlet import Identity, Outlet
from producer.publish.transaction import DoubtError, Publisher
from schemas.codec import Codec
from schemas.registry import RegistryRefusedError, RegistryUnreachableError


class Broker:
    """What an outlet meets: publishers and read-backs that fail as often as told, and the last checkpoint."""

    def __init__(self) -> None:
        self.failing_starts = 0
        self.failing_writes = 0
        self.values: dict[str, bytes] = {}
        self.starts = 0

    def publisher(self, config: ClientConfig, transactional_id: str) -> "BrokersPublisher":
        """Return what stands in for a ``Publisher``."""
        del config, transactional_id
        return BrokersPublisher(self)

    def last_values(self, config: ClientConfig, topic: str, **more: Any) -> dict[str, bytes]:
        """Return the last values, as the function of that name does."""
        del config, topic, more
        return self.values


class BrokersPublisher:
    """Starts and publishes as its broker lets it."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker

    def start(self, *, given_up: Callable[[], bool]) -> None:
        """Begin, or be in doubt."""
        del given_up
        self._broker.starts += 1
        if self._broker.failing_starts:
            self._broker.failing_starts -= 1
            raise DoubtError("no broker")

    def publish(self, batches: Mapping[str, Sequence[Message]], last: tuple[str, Message]) -> None:
        """Commit, or be in doubt."""
        del batches
        if self._broker.failing_writes:
            self._broker.failing_writes -= 1
            raise DoubtError("no answer")
        self._broker.values["f/x"] = last[1]["value"]

    def discard(self) -> None:
        """Nothing is left."""


@pytest.fixture
def broker(monkeypatch: pytest.MonkeyPatch) -> Broker:
    broker = Broker()
    monkeypatch.setattr(outlet, "Publisher", broker.publisher)
    monkeypatch.setattr(outlet, "last_values", broker.last_values)
    return broker


def outlet_of(codec: Codec, clock: HandClock) -> Outlet:
    encode = codec.encoder("t.checkpoints", "Checkpoint")
    return Outlet(
        Identity("t.", "f", "x"), {}, "t.checkpoints", encode=encode, decode=codec.decode, clock=clock, random=Random(1)
    )


async def test_an_outlet_is_in_trouble_from_a_failed_write_until_one_that_succeeds(broker: Broker) -> None:
    """A producer that can be opened again and again commits nothing by that."""
    out = outlet_of(Codec(MemoryRegistry()), HandClock())
    stop = asyncio.Event()
    broker.failing_writes = 2
    for _ in range(2):
        await out.open(stop)
        with pytest.raises(DoubtError):
            out.write({}, TailState(), 0)
        assert out.trouble == "Kafka: no answer"
    await out.open(stop)
    assert out.trouble == "Kafka: no answer"
    out.write({}, TailState(), 0)
    assert out.trouble is None


async def test_an_outlet_that_could_be_opened_at_last_is_in_no_trouble(broker: Broker) -> None:
    clock = HandClock()
    out = outlet_of(Codec(MemoryRegistry()), clock)
    broker.failing_starts = 3
    await out.open(asyncio.Event())
    assert (broker.starts, len(clock.slept), out.trouble) == (4, 3, None)


class AwayRegistry(MemoryRegistry):
    """Fails to look schemas up as often as told."""

    def __init__(self, errors: list[Exception]) -> None:
        super().__init__()
        self._errors = errors

    def schema(self, schema_id: int) -> str:
        """Return a schema, or fail."""
        if self._errors:
            raise self._errors.pop(0)
        return super().schema(schema_id)


async def test_a_registry_that_is_away_at_the_first_read_back_is_waited_for(broker: Broker) -> None:
    """The checkpoint is of an older version here: its schema is not the one that was registered at the start."""
    registry = AwayRegistry([RegistryUnreachableError("away", "start it")] * 2)
    clock = HandClock()
    out = outlet_of(Codec(registry), clock)
    registry.schemas[7] = registry.schemas[1]
    record: Any = checkpoint.to_record(TailState(rows=5), "f", "x", 0)
    frame = Codec(registry).encoder("t", "Checkpoint")(record)
    broker.values["f/x"] = frame[:1] + (7).to_bytes(4, "big") + frame[5:]
    state = await out.open(asyncio.Event())
    assert state is not None
    assert (state.rows, broker.starts, len(clock.slept), out.trouble) == (5, 3, 2, None)


async def test_its_own_checkpoint_is_read_back_without_the_registry(broker: Broker) -> None:
    out = outlet_of(Codec(AwayRegistry([RegistryUnreachableError("away", "start it")])), HandClock())
    await out.open(asyncio.Event())
    out.write({}, TailState(rows=3), 0)
    state = await out.open(asyncio.Event())
    assert state is not None
    assert (state.rows, broker.starts) == (3, 2)


async def test_a_registry_that_refuses_us_ends_the_reading_back(broker: Broker) -> None:
    registry = AwayRegistry([RegistryRefusedError("no", "check the password")])
    out = outlet_of(Codec(registry), HandClock())
    broker.values["f/x"] = b"\x00\x00\x00\x00\x07."
    with pytest.raises(RegistryRefusedError):
        await out.open(asyncio.Event())


def tail_world() -> World:
    cc = standing_still(usage_rows=300)
    cc.step(120)
    return World(cc)


def waits(world: World, kills: list[Kill | None]) -> list[float]:
    asyncio.run(world.session(kills))
    assert len(world.records) == len(world.cc.ledger.usage)
    return world.clock.slept


@pytest.mark.parametrize("kill", ["doubt-before", "doubt-after"])
def test_a_single_doubt_is_mended_at_once(kill: Kill) -> None:
    world = tail_world()
    world.page_size = 50
    assert not waits(world, [kill, None, kill, None, None, kill])


def test_doubts_that_follow_each_other_are_tried_again_ever_more_seldom() -> None:
    """Each of them asks for a full page again."""
    slept = waits(tail_world(), ["doubt-before"] * 12)
    assert len(slept) == 11
    assert all(0.25 * 2**number <= wait <= 0.5 * 2**number for number, wait in enumerate(slept[:5]))
    assert all(5 <= wait <= 10 for wait in slept[5:])


class Halting(HandClock):
    """A clock whose sleeps never end; says when one began."""

    def __init__(self) -> None:
        super().__init__()
        self.asleep = asyncio.Event()

    async def sleep(self, seconds: float) -> None:
        """Sleep for ever."""
        self.slept.append(seconds)
        self.asleep.set()
        await asyncio.Event().wait()


async def test_the_wait_between_doubts_ends_with_the_tail() -> None:
    world = tail_world()
    world.clock = clock = Halting()
    tail, client = world.tail(["doubt-before"] * 9)
    stop = asyncio.Event()
    running = asyncio.create_task(tail.run(stop))
    await asyncio.wait_for(clock.asleep.wait(), 20)
    stop.set()
    await asyncio.wait_for(running, 20)
    await client.close()
    assert len(clock.slept) == 1


class SmallQueue:
    """A client whose queue holds three messages, as confluent-kafka behaves; ``sent`` is what the broker has."""

    def __init__(self, config: ClientConfig) -> None:
        del config
        self.sent: list[tuple[str, bytes]] = []
        self.committed: list[tuple[str, bytes]] = []
        self.stuck = False
        self._queue: list[tuple[str, bytes]] = []

    def begin_transaction(self) -> None:
        """Nothing is sent before."""

    def produce_batch(self, topic: str, messages: list[dict[str, Any]]) -> int:
        """Take what has room; the error is written into the messages that have none."""
        room = 3 - len(self._queue)
        for message in messages[room:]:
            message["_error"] = KafkaError(KafkaError._QUEUE_FULL)
        self._queue += [(topic, message["value"]) for message in messages[:room]]
        return min(room, len(messages))

    def produce(self, topic: str, *, value: bytes, **more: Any) -> None:
        """Take one message, or raise BufferError."""
        del more
        if len(self._queue) == 3:
            raise BufferError("Local: Queue full")
        self._queue.append((topic, value))

    def poll(self, timeout: float) -> int:
        """Nothing happened."""
        del timeout
        return 0

    def flush(self, timeout: float) -> int:
        """Send all; return how many are left."""
        assert timeout <= transaction.COMMIT_DEADLINE_S
        if not self.stuck:
            self.sent += self._queue
            self._queue = []
        return len(self._queue)

    def commit_transaction(self, timeout: float) -> None:
        """End the transaction."""
        del timeout
        self.committed = self.sent


@pytest.fixture
def publisher(monkeypatch: pytest.MonkeyPatch) -> Publisher:
    monkeypatch.setattr(transaction, "Producer", SmallQueue)
    return Publisher({}, "id")


def queue_of(publisher: Publisher) -> SmallQueue:
    queue: Any = publisher._producer
    assert isinstance(queue, SmallQueue)
    return queue


def test_more_than_the_clients_queue_holds_goes_out_in_order_and_in_one_transaction(publisher: Publisher) -> None:
    rows: list[Message] = [{"key": b"k", "value": str(number).encode()} for number in range(10)]
    ends: list[Message] = [{"value": f"end {number}".encode(), "partition": number} for number in range(4)]
    for _ in range(2):
        # Twice with the same messages, as after a doubt.
        publisher.publish({"snapshots": [*rows, *ends]}, ("checkpoints", {"key": b"f/x", "value": b"state"}))
        expected = [("snapshots", message["value"]) for message in [*rows, *ends]] + [("checkpoints", b"state")]
        assert queue_of(publisher).committed == expected
        queue_of(publisher).sent = []
    assert all(set(row) == {"key", "value"} for row in rows)


@pytest.mark.parametrize("rows", [3, 10])
def test_a_queue_that_does_not_empty_in_time_is_a_doubt(publisher: Publisher, rows: int) -> None:
    queue_of(publisher).stuck = True
    with pytest.raises(DoubtError, match="left over"):
        publisher.publish({"t": [{"key": b"k", "value": b"v"}] * rows}, ("c", {"key": b"k", "value": b"v"}))


def test_a_message_that_the_client_refuses_for_good_is_a_doubt(
    publisher: Publisher, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(topic: str, messages: list[dict[str, Any]]) -> int:
        del topic
        messages[0]["_error"] = KafkaError(KafkaError.MSG_SIZE_TOO_LARGE)
        return len(messages) - 1

    monkeypatch.setattr(queue_of(publisher), "produce_batch", refused)
    with pytest.raises(DoubtError, match="1 of 2 messages"):
        publisher.publish({"t": [{"key": b"k", "value": b"v"}] * 2})


def test_a_buffer_error_is_a_doubt(publisher: Publisher, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(topic: str, **message: Any) -> None:
        del topic, message
        raise BufferError("Local: Queue full")

    monkeypatch.setattr(queue_of(publisher), "produce", full)
    with pytest.raises(DoubtError, match="queue is full"):
        publisher.publish({}, ("c", {"key": b"k", "value": b"v"}))
