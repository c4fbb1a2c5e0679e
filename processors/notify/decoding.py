"""Frames into records; waits while the registry is away, and sends what no schema reads to the dead letters."""

import asyncio
from typing import Any

import structlog

from plumbing.clock import Clock
from processors.lane.writer import Writer
from processors.notify import dead_letters
from processors.notify.inbox import Item
from processors.notify.metrics import NotifierMetrics
from schemas.codec import Codec, UndecodableError
from schemas.registry import RegistryError
from schemas.topics import Topics

_log = structlog.get_logger(__name__)
_REGISTRY_RETRY_S = 1.0


class Decoding:
    """Decodes what an inbox read."""

    def __init__(self, codec: Codec, topics: Topics, writer: Writer, clock: Clock, metrics: NotifierMetrics) -> None:
        self._codec = codec
        self._names = {topic.name: topic.schema for topic in topics}
        self._dead_topic = topics.dead_letters.name
        self._encode = codec.encoder(topics.dead_letters.name, topics.dead_letters.schema)
        self._writer = writer
        self._clock = clock
        self._metrics = metrics

    async def record(self, item: Item) -> dict[str, Any] | None:
        """Return the record; None for a tombstone, and for what cannot be read, which is in the dead letters then."""
        if item.value is None:
            return None
        name = self._names.get(item.topic)
        while True:
            try:
                if self._codec.known(item.value):
                    return self._codec.decode(item.value, name)
                return await asyncio.to_thread(self._codec.decode, item.value, name)
            except UndecodableError as error:
                self.dead(item, str(error))
                return None
            except RegistryError as error:
                _log.warning("waiting for the schema registry", reason=str(error))
                await self._clock.sleep(_REGISTRY_RETRY_S)

    def dead(self, item: Item, reason: str) -> None:
        """Send a record to the dead letters."""
        self._metrics.undecodable.labels(item.topic).inc()
        _log.warning("a record cannot be read", topic=item.topic, offset=item.offset, reason=reason)
        letter = dead_letters.of_record(item, reason, self._clock.now())
        self._writer.write(self._dead_topic, item.topic.encode(), self._encode(letter))
