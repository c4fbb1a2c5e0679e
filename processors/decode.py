"""A chunk of frames into records; what cannot be decoded goes to the dead letters."""

from dataclasses import dataclass
from random import Random
from typing import Any, NamedTuple

from plumbing.clock import Clock
from processors.lane.chunk import Chunk
from processors.letters import fitting
from processors.schema_ids import SchemaIds
from schemas.codec import HEADER_BYTES, Codec, UndecodableError
from schemas.records import DeadLetter
from schemas.topics import Topics


class Row(NamedTuple):
    """One decoded record. ``raw`` is the frame, for the dead letters.

    ``key`` is empty where the record has none: end markers of snapshots, audit events about nothing.
    """

    key: bytes
    offset: int
    record: Any
    raw: bytes


@dataclass(frozen=True)
class Decoded:
    """The rows of a chunk in offset order, and the dead letters of the rest."""

    rows: list[Row]
    dead: list[DeadLetter]


class Decoder:
    """Decodes chunks. Waits without end while the registry is away and a schema id is new; see ``SchemaIds``."""

    def __init__(self, codec: Codec, topics: Topics, clock: Clock, random: Random | None = None) -> None:
        self._codec = codec
        self._names = {topic.name: topic.schema for topic in topics}
        self._clock = clock
        self._ids = SchemaIds(codec, clock, random)

    async def chunk(self, chunk: Chunk) -> Decoded:
        """Decode all records of a chunk."""
        unread = await self._ids.learn(record.value for record in chunk.records if record.value)
        rows: list[Row] = []
        dead: list[DeadLetter] = []
        decode, name = self._codec.decode, self._names.get(chunk.tp.topic)
        for record in chunk.records:
            key, value = record.key, record.value
            if value is None:
                dead.append(self.dead_letter(chunk, record.offset, key, value, "a record without value"))
                continue
            if unread and (reason := unread.get(value[:HEADER_BYTES])) is not None:
                dead.append(self.dead_letter(chunk, record.offset, key, value, reason))
                continue
            try:
                rows.append(Row(key or b"", record.offset, decode(value, name), value))
            except UndecodableError as error:
                dead.append(self.dead_letter(chunk, record.offset, key, value, str(error)))
        return Decoded(rows, dead)

    def dead_letter(self, chunk: Chunk, offset: int, key: bytes | None, value: bytes | None, reason: str) -> DeadLetter:
        """Return the dead letter of one record of a chunk."""
        body, reason = fitting(value, reason)
        return DeadLetter(
            foundation=None,
            feed=chunk.tp.topic,
            stage="worker",
            reason=reason,
            failed_at=self._clock.now(),
            position=f"{chunk.tp.topic}/{chunk.tp.partition}/{offset}",
            api_version=None,
            key=key,
            body=body,
        )
