"""A tail's way into Kafka: opens its publisher, reads its checkpoint back, writes batches with the next checkpoint."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Protocol, cast

import structlog

from plumbing.backoff import Backoff
from plumbing.clock import Clock
from plumbing.errors import CfstreamError
from plumbing.kafka import ClientConfig
from plumbing.waiting import unless_stopped
from producer import checkpoint
from producer.checkpoint import TailState
from producer.publish.batch import Message
from producer.publish.readback import last_values
from producer.publish.transaction import DoubtError, Publisher
from schemas.codec import Encoder, UndecodableError
from schemas.records import Checkpoint
from schemas.registry import RegistryUnreachableError

log = structlog.get_logger()

Decode = Callable[[bytes], dict[str, object]]


@dataclass(frozen=True)
class Identity:
    """Who writes: names the checkpoint and, with the prefix, the transactional id."""

    prefix: str
    foundation: str
    feed: str

    @property
    def key(self) -> str:
        """Key of the checkpoint records."""
        return checkpoint.key(self.foundation, self.feed)

    @property
    def transactional_id(self) -> str:
        """One writer at a time has it; a second one fences the first."""
        return f"{self.prefix}producer.{self.foundation}.{self.feed}"


class Sink(Protocol):
    """What a tail needs of Kafka."""

    trouble: str | None

    @property
    def identity(self) -> Identity:
        """Who writes."""
        ...

    async def open(self, stop: asyncio.Event) -> TailState | None:
        """Take the identity over and return the last committed state; None where there is none."""
        ...

    def write(self, batches: dict[str, list[Message]], state: TailState, written_at: int) -> None:
        """Commit messages by topic together with the state that holds after them."""
        ...

    def close(self) -> None:
        """Give up writing."""
        ...


class Outlet:
    """Writes one tail's rows. ``stop`` ends waiting for a Kafka that is away."""

    def __init__(
        self,
        identity: Identity,
        config: ClientConfig,
        checkpoint_topic: str,
        *,
        encode: Encoder,
        decode: Decode,
        clock: Clock,
        random: Random,
    ) -> None:
        self.identity = identity
        self._config = config
        self._topic = checkpoint_topic
        self._encode = encode
        self._decode = decode
        self._clock = clock
        self._random = random
        self._publisher: Publisher | None = None
        self._failed = False
        """Whether the last write failed."""
        self.trouble: str | None = None

    async def open(self, stop: asyncio.Event) -> TailState | None:
        """Take the identity over and return the last committed state; None where there is none.

        Tries without end while Kafka, or a registry that is needed to read, is away. ``trouble`` stays after a failed
        write, until one has succeeded: an open producer commits nothing yet. Raise CfstreamError for what will not
        heal, StoppedError.
        """
        backoff = Backoff(first_s=0.2, cap_s=10)
        attempt = 0
        while True:
            try:
                state = await asyncio.to_thread(self._open, stop.is_set)
            except DoubtError as error:
                self.trouble = f"Kafka: {error}"
                delay = backoff.delay(attempt, self._random)
                log.warning("Kafka: trying again", tail=self.identity.key, reason=str(error), in_s=round(delay, 1))
                await unless_stopped(stop, self._clock.sleep(delay))
                attempt += 1
            else:
                if not self._failed:
                    self.trouble = None
                return state

    def write(self, batches: dict[str, list[Message]], state: TailState, written_at: int) -> None:
        """Commit messages by topic together with the state that holds after them. Blocks.

        Raise DoubtError (call ``open`` again, go on from what it returns) or FencedError.
        """
        if self._publisher is None:
            raise DoubtError("no producer")
        record = checkpoint.to_record(state, self.identity.foundation, self.identity.feed, written_at)
        last = {"key": self.identity.key.encode(), "value": self._encode(record)}
        try:
            self._publisher.publish(batches, (self._topic, last))
        except BaseException as error:
            # Not ready from now on, not only when the first attempt to open anew has failed too.
            self.trouble = f"Kafka: {error}"
            self._failed = True
            self.close()
            raise
        self.trouble = None
        self._failed = False

    def close(self) -> None:
        """Give the producer up. What it has not committed is aborted by the next one, or by the broker in time."""
        if self._publisher is not None:
            self._publisher.discard()
            self._publisher = None

    def _open(self, given_up: Callable[[], bool]) -> TailState | None:
        self.close()
        self._publisher = Publisher(self._config, self.identity.transactional_id)
        try:
            self._publisher.start(given_up=given_up)
            values = last_values(self._config, self._topic, given_up=given_up)
        except BaseException:
            self.close()
            raise
        value = values.get(self.identity.key)
        if value is None:
            return None
        try:
            return checkpoint.from_record(cast("Checkpoint", self._decode(value)))
        except UndecodableError as error:
            raise CfstreamError(f"the checkpoint of {self.identity.key} cannot be read: {error}") from error
        except RegistryUnreachableError as error:
            # An older version's checkpoint: its schema is not among those that were registered at the start.
            self.close()
            raise DoubtError(f"the checkpoint of {self.identity.key} cannot be read yet: {error}") from error
