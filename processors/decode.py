"""A chunk of frames into records; what cannot be decoded goes to the dead letters."""

import asyncio
from dataclasses import dataclass
from random import Random
from typing import Any, NamedTuple

import structlog

from plumbing.backoff import Backoff
from plumbing.clock import Clock
from processors.lane.chunk import Chunk
from processors.letters import fitting
from schemas.codec import HEADER_BYTES, Codec, UndecodableError
from schemas.records import DeadLetter
from schemas.topics import Topics

_log = structlog.get_logger(__name__)


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
    """Decodes chunks. Waits, and retries without end, while the registry is away and a schema id is new."""

    def __init__(self, codec: Codec, topics: Topics, clock: Clock, random: Random | None = None) -> None:
        self._codec = codec
        self._names = {topic.name: topic.schema for topic in topics}
        self._clock = clock
        self._random = random or Random()  # noqa: S311 - jitter
        self._backoff = Backoff(first_s=0.5, cap_s=15)

    async def chunk(self, chunk: Chunk) -> Decoded:
        """Decode all records of a chunk."""
        unread = await self._learn(chunk)
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

    async def _learn(self, chunk: Chunk) -> dict[bytes, str]:
        """Ask the registry for the schema ids that are new, off the event loop and each once.

        Return the headers of frames without a schema, and why.
        """
        unread: dict[bytes, str] = {}
        heads = {record.value[:HEADER_BYTES]: record.value for record in chunk.records if record.value}
        for head, frame in heads.items():
            attempt = 0
            while not self._codec.known(frame):
                try:
                    await asyncio.to_thread(self._codec.decode, frame)
                except UndecodableError as error:
                    if not self._codec.known(frame):
                        unread[head] = str(error)
                    break
                except Exception as error:  # noqa: BLE001 - whatever the registry's client raises may heal
                    wait = self._backoff.delay(attempt, self._random)
                    _log.warning("the schema registry does not answer", error=str(error), retry_s=round(wait, 1))
                    attempt += 1
                    await self._clock.sleep(wait)
        return unread

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
