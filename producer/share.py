"""Several producers share the tails: each tail runs in one of them, and another takes over by itself.

Kafka's consumer group decides who: the producers subscribe to the usage topic without ever reading it, and whoever
holds a partition runs the tails that belong to it. That is only about work; that two never write at once is held by
the transactional id, whatever the group believes.
"""

import asyncio
import threading
from collections.abc import Callable, Coroutine, Iterable, Sequence
from contextlib import closing
from hashlib import sha256
from zlib import crc32

import structlog
from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from plumbing.errors import CfstreamError
from plumbing.kafka import ClientConfig
from producer.entry import Runs
from producer.settings import FEEDS

log = structlog.get_logger()

SESSION_S = 6
"""A producer that is silent for so long has lost its tails; the least that brokers allow by default."""

HAND_OVER_S = 20.0
"""How long a tail may take to end before its partition is given up all the same."""


def group_of(prefix: str, tails: Iterable[str]) -> str:
    """Return the name of the group of those producers that are given the same tails, by their transactional ids.

    The group divides partitions and does not know who can run which tail: so all its members must be able to run all.
    """
    digest = sha256("\n".join(sorted(tails)).encode()).hexdigest()
    return f"{prefix}producer-{digest[:12]}"


def partition_of(foundation: str, feed: str, partitions: int) -> int:
    """Return the partition that a tail belongs to; a foundation's feeds are neighbours, so that they spread out."""
    place = FEEDS.index(feed) if feed in FEEDS else 0
    return (crc32(foundation.encode()) + place) % partitions


class Runner:
    """Starts and stops tails, one change after another; the first tail that fails ends all."""

    def __init__(self, tails: Sequence[Runs], partitions: int) -> None:
        self.tails = {tail.name: tail for tail in tails}
        self._partition = {tail.name: partition_of(*tail.name.rpartition("/")[::2], partitions) for tail in tails}
        self._running: dict[str, tuple[asyncio.Event, asyncio.Task[None]]] = {}
        # A tail that is told to end may take its time; until it has, it must not start again.
        self._changing = asyncio.Lock()
        self._over = False
        self.failed: asyncio.Future[BaseException] = asyncio.get_running_loop().create_future()

    def holds(self, name: str) -> bool:
        """Say whether a tail runs here."""
        return name in self._running

    def trouble(self, name: str) -> str | None:
        """Return what is wrong with a tail that runs here; None also for one that does not."""
        return self.tails[name].trouble() if self.holds(name) else None

    async def start(self, partitions: Iterable[int]) -> None:
        """Run the tails of these partitions. Waits for those that are ending; does nothing after ``end``."""
        wanted = set(partitions)
        async with self._changing:
            for name, tail in self.tails.items():
                if self._partition[name] in wanted and name not in self._running and not self._over:
                    stop = asyncio.Event()
                    task = asyncio.create_task(tail.run(stop), name=name)
                    task.add_done_callback(self._ended)
                    self._running[name] = (stop, task)
                    log.info("tail held", tail=name)

    async def stop(self, partitions: Iterable[int]) -> None:
        """End the tails of these partitions and wait until each has."""
        wanted = set(partitions)
        async with self._changing:
            ending = [name for name in self._running if self._partition[name] in wanted]
            for name in ending:
                self._running[name][0].set()
            for name in ending:
                await asyncio.wait({self._running[name][1]})
                del self._running[name]
                log.info("tail given up", tail=name)

    async def end(self) -> None:
        """End all tails, wait until each has, and start none any more."""
        self._over = True
        await self.stop(self._partition.values())

    def _ended(self, task: asyncio.Task[None]) -> None:
        error = None if task.cancelled() else task.exception()
        if error is not None and not self.failed.done():
            self.failed.set_result(error)


class Membership:
    """This producer's place in the group; ``joined`` while it has a share of the group's, be it nothing."""

    def __init__(self, config: ClientConfig, group: str, topic: str, runner: Runner) -> None:
        self._topic = topic
        self._runner = runner
        self._loop = asyncio.get_running_loop()
        self._end = threading.Event()
        self.joined = False
        self._consumer = Consumer(
            config
            | {
                "group.id": group,
                # Neighbouring partitions, and so the feeds of one foundation, go to different members.
                "partition.assignment.strategy": "roundrobin",
                "session.timeout.ms": SESSION_S * 1000,
                "heartbeat.interval.ms": 2000,
                "enable.auto.commit": False,
                "auto.offset.reset": "latest",
            }
        )
        self._thread = threading.Thread(target=self._poll, name="group", daemon=True)

    def start(self) -> None:
        """Join the group."""
        self._consumer.subscribe(
            [self._topic], on_assign=self._assigned, on_revoke=self._revoked, on_lost=self._revoked
        )
        self._thread.start()

    async def leave(self) -> None:
        """End all tails, then leave, so that others take over at once."""
        await self._runner.end()
        self._end.set()
        await asyncio.to_thread(self._thread.join, HAND_OVER_S)

    def _poll(self) -> None:
        try:
            with closing(self._consumer):
                while not self._end.is_set():
                    self._hear()
        except KafkaException as error:
            self._fail(f"the producers' group: {error.args[0].str()}")
        except Exception as error:  # noqa: BLE001 - whatever it is, without this thread no tail would come or go
            self._fail(f"the producers' group: {error!r}")

    def _hear(self) -> None:
        """Let the client call us back, and see what it says of errors."""
        message = self._consumer.poll(0.3)
        error = None if message is None else message.error()
        if error is not None and error.code() == KafkaError.GROUP_AUTHORIZATION_FAILED:
            self._fail(f"Kafka refuses the group: {error.str()}; allow it, or set CFSTREAM_SHARE_TAILS=false")

    def _assigned(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        consumer.assign(partitions)
        # Nothing is read: the partitions only stand for the tails.
        consumer.pause(partitions)
        self._do(self._runner.start, partitions)
        self.joined = True

    def _revoked(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        self.joined = False
        self._do(self._runner.stop, partitions)
        consumer.unassign()

    def _do(self, change: Callable[[list[int]], Coroutine[None, None, None]], partitions: list[TopicPartition]) -> None:
        """Have the loop start or stop the tails of these partitions; blocks until it has, or a tail takes too long."""
        if self._loop.is_closed():
            return
        done = asyncio.run_coroutine_threadsafe(change([each.partition for each in partitions]), self._loop)
        try:
            done.result(HAND_OVER_S)
        except TimeoutError:
            log.warning("a tail takes long to end; the next holder fences it")

    def _fail(self, text: str) -> None:
        def tell() -> None:
            if not self._runner.failed.done():
                self._runner.failed.set_result(CfstreamError(text))

        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(tell)
