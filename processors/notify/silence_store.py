"""Writes silences to their compacted topic; every notifier follows it."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Self

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from plumbing.clock import Clock, SystemClock
from plumbing.errors import CfstreamError
from plumbing.kafka import PARTITIONER, client_config, registry_options, require_broker
from plumbing.settings import CommonSettings
from processors.notify.silences import Silence
from schemas.codec import Codec, Encoder
from schemas.registry import ConfluentRegistry
from schemas.topics import Topics

_WAIT_S = 15.0


class SilenceStore:
    """Puts and ends silences. Each call returns when the record is durable."""

    def __init__(self, producer: Producer, topic: str, encode: Encoder, clock: Clock) -> None:
        self._producer = producer
        self._topic = topic
        self._encode = encode
        self._clock = clock

    @classmethod
    @contextmanager
    def open(cls, settings: CommonSettings) -> Iterator[Self]:
        """Yield a store. Raise UsageError when Kafka or the registry does not answer."""
        require_broker(settings)
        topic = Topics(settings.topic_prefix).silences
        codec = Codec(ConfluentRegistry(settings.schema_registry_url, **registry_options(settings)))
        encode = codec.encoder(topic.name, topic.schema)
        producer = Producer(client_config(settings, partitioner=PARTITIONER, acks="all"))
        yield cls(producer, topic.name, encode, SystemClock())

    def put(self, silence: Silence) -> None:
        """Write a silence; one of the same id is replaced. Raise CfstreamError."""
        self._write(silence.id, self._encode(silence.record(self._clock.now())))

    def expire(self, silence_id: str) -> None:
        """Remove a silence: its alerts are told from the next look on. Raise CfstreamError."""
        self._write(silence_id, None)

    def _write(self, key: str, value: bytes | None) -> None:
        failed: list[str] = []

        def report(error: KafkaError | None, _message: Message) -> None:
            if error is not None:
                failed.append(error.str())

        try:
            self._producer.produce(self._topic, key=key.encode(), value=value, on_delivery=report)
        except KafkaException as error:
            raise CfstreamError(f"the silence was not written: {error.args[0].str()}") from error
        left = self._producer.flush(_WAIT_S)
        if left or failed:
            raise CfstreamError(f"the silence was not written: {failed[0] if failed else 'Kafka does not answer'}")
