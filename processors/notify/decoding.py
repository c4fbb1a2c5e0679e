"""Frames into records; waits while the registry is away, and sends what no schema reads to the dead letters."""

from collections.abc import Sequence
from typing import Any

import structlog

from plumbing.clock import Clock
from processors.lane.writer import Writer
from processors.notify import dead_letters
from processors.notify.inbox import Item
from processors.notify.metrics import NotifierMetrics
from processors.schema_ids import SchemaIds
from schemas.codec import HEADER_BYTES, Codec, UndecodableError
from schemas.topics import Topics

_log = structlog.get_logger(__name__)


class Decoding:
    """Decodes what an inbox read."""

    def __init__(self, codec: Codec, topics: Topics, writer: Writer, clock: Clock, metrics: NotifierMetrics) -> None:
        self._codec = codec
        self._ids = SchemaIds(codec, clock)
        self._names = {topic.name: topic.schema for topic in topics}
        self._dead_topic = topics.dead_letters.name
        self._encode = codec.encoder(topics.dead_letters.name, topics.dead_letters.schema)
        self._writer = writer
        self._clock = clock
        self._metrics = metrics

    async def records(self, items: Sequence[Item]) -> list[tuple[Item, dict[str, Any] | None]]:
        """Return items with their records, in order; the record of a tombstone is None.

        What cannot be read is left out: it is in the dead letters then. Ids that are new are asked for all together, so
        those that the registry does not know are waited for once.
        """
        unread = await self._ids.learn(item.value for item in items if item.value)
        found: list[tuple[Item, dict[str, Any] | None]] = []
        for item in items:
            if item.value is None:
                found.append((item, None))
            elif (reason := unread.get(item.value[:HEADER_BYTES])) is not None:
                self.dead(item, reason)
            else:
                try:
                    found.append((item, self._codec.decode(item.value, self._names.get(item.topic))))
                except UndecodableError as error:
                    self.dead(item, str(error))
        return found

    def dead(self, item: Item, reason: str) -> None:
        """Send a record to the dead letters."""
        self._metrics.undecodable.labels(item.topic).inc()
        _log.warning("a record cannot be read", topic=item.topic, offset=item.offset, reason=reason)
        letter = dead_letters.of_record(item, reason, self._clock.now())
        self._writer.write(self._dead_topic, item.topic.encode(), self._encode(letter))
