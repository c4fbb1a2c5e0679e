"""Rows and checkpoint in one Kafka transaction.

librdkafka lacks KIP-890: a commit or abort that was answered by nobody may still be executed later and hit the next
transaction of the same producer. So after any doubt the producer is thrown away; a new one with the same
transactional id (which fences what the old one left in flight) is made, and the checkpoint is read back. There is no
other way out of an error here, and no producer is used again after one.

The client also repeats a commit by itself when its connection breaks, and then reports success, though the first of
the two may still be under way. It waits ``REPEAT_S`` before it does: so a commit that took less was sent once, and one
that took longer is the last of its producer, though it is answered.
"""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from confluent_kafka import KafkaError, KafkaException, Producer

from plumbing.errors import CfstreamError, FencedError
from plumbing.kafka import PARTITIONER, ClientConfig
from producer.publish.batch import Message
from schemas.rights import NotAllowedError

TRANSACTION_TIMEOUT_S = 30.0
"""After this the broker aborts what a dead producer left open; readers of committed records wait so long at most."""

COMMIT_DEADLINE_S = 15.0
"""How long records and their commit may take before they are in doubt. A clean end may take as long."""

REPEAT_S = 2.0
"""The client sends no request a second time before this."""

_BACKOFF_JITTER = 0.8
"""The least part of its backoff that librdkafka waits (RD_KAFKA_RETRY_JITTER_PERCENT is 20)."""

_FENCED = (KafkaError._FENCED, KafkaError.PRODUCER_FENCED, KafkaError.INVALID_PRODUCER_EPOCH)
_HOPELESS = (
    KafkaError.TRANSACTIONAL_ID_AUTHORIZATION_FAILED,
    KafkaError.TOPIC_AUTHORIZATION_FAILED,
    KafkaError.CLUSTER_AUTHORIZATION_FAILED,
    KafkaError.UNSUPPORTED_VERSION,
)


class DoubtError(Exception):
    """The transaction may or may not be committed, or did not begin. Make a new publisher, read the checkpoint."""


class Publisher:
    """One transactional producer. Every call blocks; after any error the object is of no more use but ``discard``."""

    def __init__(self, config: ClientConfig, transactional_id: str) -> None:
        self.transactional_id = transactional_id
        self._spent: str | None = None
        self._producer = Producer(
            config
            | {
                "transactional.id": transactional_id,
                "transaction.timeout.ms": int(TRANSACTION_TIMEOUT_S * 1000),
                "message.timeout.ms": int(TRANSACTION_TIMEOUT_S * 1000) - 5000,
                "partitioner": PARTITIONER,
                "retry.backoff.ms": int(REPEAT_S / _BACKOFF_JITTER * 1000),
                "retry.backoff.max.ms": int(REPEAT_S / _BACKOFF_JITTER * 1000),
                "compression.type": "lz4",
                "linger.ms": 5,
                "batch.num.messages": 10_000,
                "batch.size": 1_000_000,
                "queue.buffering.max.messages": 200_000,
                "queue.buffering.max.kbytes": 128 * 1024,
            }
        )

    def start(self, timeout_s: float = 20, given_up: Callable[[], bool] = lambda: False) -> None:
        """Fence all producers of the same id and end what they left open. Raise DoubtError or CfstreamError.

        ``given_up`` is asked each second, and ends the waiting.
        """
        deadline = time.monotonic() + timeout_s
        while True:
            try:
                self._producer.init_transactions(1.0)
            except KafkaException as error:
                code = error.args[0].code()
                if code == KafkaError.TRANSACTIONAL_ID_AUTHORIZATION_FAILED:
                    lacking = NotAllowedError([f"Write on transactionalId {self.transactional_id}"])
                    raise CfstreamError(str(lacking)) from error
                if code in _FENCED:
                    # Meanwhile the broker has ended what the last producer left open, or another one has begun too.
                    # Who comes last has the id; whoever loses it is told when it publishes.
                    raise DoubtError(f"another change of {self.transactional_id} was under way") from error
                waiting = code == KafkaError._TIMED_OUT
                if not waiting or given_up() or time.monotonic() >= deadline:
                    raise _translated(error) from error
            else:
                return

    def publish(self, batches: Mapping[str, Sequence[Message]], last: tuple[str, Message] | None = None) -> None:
        """Write messages by topic and one last message (topic, message), all or nothing.

        May be more than the client's own queue holds: it is sent in parts then, of the same transaction. Raise
        FencedError when another producer has taken the id over, DoubtError when the outcome is open.
        """
        if self._spent is not None:
            raise DoubtError(self._spent)
        deadline = time.monotonic() + COMMIT_DEADLINE_S
        try:
            self._producer.begin_transaction()
            for topic, messages in batches.items():
                self._produce(topic, messages, deadline)
            if last is not None:
                self._produce_one(*last, deadline)
            self._commit()
        except KafkaException as error:
            raise _translated(error) from error
        except BufferError as error:
            raise DoubtError(f"the client's queue is full: {error}") from error

    def discard(self) -> None:
        """Throw the producer away without waiting for what it has in flight, and without another word to the broker.

        Not ``close()``: that would abort, and an abort in doubt is what must not be.
        """
        self._producer.purge()
        del self._producer

    def _produce(self, topic: str, messages: Sequence[Message], deadline: float) -> None:
        for chunk in _chunks([message for message in messages if "partition" not in message], 10_000):
            self._produce_all(topic, chunk, deadline)
            self._producer.poll(0)
        # A batch goes by its keys; the partition of one of its messages is not heeded. What names one comes last:
        # end markers, which must lie behind all that went by key, so that has to be out first.
        closing = [message for message in messages if "partition" in message]
        if closing:
            self._flush(deadline)
        for message in closing:
            self._produce_one(topic, message, deadline)

    def _produce_all(self, topic: str, messages: Sequence[Message], deadline: float) -> None:
        """Queue messages in order; where the queue is full, wait until it is empty and go on behind what it took."""
        left = messages
        while left:
            # Copies: the client writes its error into each message that it refuses.
            tried = [dict(message) for message in left]
            queued = self._producer.produce_batch(topic, tried)
            left = left[queued:]
            refused = [message["_error"] for message in tried if "_error" in message]
            # A full queue refuses all that follows, so the order stays; any other refusal does not heal by waiting.
            if any(error.code() != KafkaError._QUEUE_FULL for error in refused):
                raise DoubtError(f"the client took {queued} of {len(tried)} messages for {topic}: {refused[0].str()}")
            if left:
                self._flush(deadline)

    def _produce_one(self, topic: str, message: Message, deadline: float) -> None:
        try:
            self._producer.produce(topic, **message)
        except BufferError:
            self._flush(deadline)
            self._producer.produce(topic, **message)

    def _flush(self, deadline: float) -> None:
        """Wait until the broker has all that is queued. Raise DoubtError when that takes until the deadline."""
        if self._producer.flush(max(0.0, deadline - time.monotonic())):
            raise DoubtError(f"records are left over after {COMMIT_DEADLINE_S:.0f} s")

    def _commit(self) -> None:
        deadline = time.monotonic() + COMMIT_DEADLINE_S
        self._flush(deadline)
        began = time.monotonic()
        self._producer.commit_transaction(max(0.1, deadline - began))
        took_s = time.monotonic() - began
        if took_s >= REPEAT_S:
            self._spent = f"the last commit took {took_s:.1f} s: the client may have sent it twice"


def _chunks(messages: Sequence[Message], size: int) -> Iterable[list[Message]]:
    for start in range(0, len(messages), size):
        yield list(messages[start : start + size])


def _translated(error: KafkaException) -> Exception:
    cause: Any = error.args[0]
    if cause.code() in _FENCED:
        return FencedError(
            "another producer with the same foundation and feed has taken over, or this one stood still for too long; "
            "run one only, or let replicas share the tails"
        )
    if cause.code() in _HOPELESS:
        return CfstreamError(f"Kafka refuses: {cause.str()}; 'cfstream doctor' names the right that is lacking")
    return DoubtError(cause.str())
