"""Where the tails stand: the watermarks up to which every row of a foundation is published."""

from collections.abc import Mapping
from typing import Any

from plumbing.clock import SECOND
from processors.follower import Follower, Pair
from schemas.codec import Codec
from schemas.records import Micros

SILENT = 900 * SECOND
"""A tail whose checkpoint is so much older than that of its foundation's other tail is worth a word."""


def is_tail(checkpoint: Mapping[str, Any]) -> bool:
    """Say whether a checkpoint is a tail's: backfills and replays of dead letters read up to an end, and then no more.

    They say nothing of now. Alone they would set time to the end of all times.
    """
    return checkpoint["ends_at"] is None


class Checkpoints:
    """The newest checkpoint of each tail, read whole at the start and followed. Retired tails count for nothing."""

    def __init__(self, follower: Follower, codec: Codec) -> None:
        self._follower = follower
        self._codec = codec
        self._settled: dict[tuple[str, str], Micros | None] = {}
        self._written: dict[tuple[str, str], Micros] = {}

    async def refresh(self) -> None:
        """Read what is new. Raise CfstreamError when the topic cannot be read, UndecodableError for an alien record."""
        self._take(await self._follower.read())

    async def read_to_end(self) -> None:
        """Read all that is committed now. Raises as ``refresh`` does."""
        self._take(await self._follower.read_to_end())

    def watermarks(self) -> dict[str, Micros]:
        """Return by foundation the event time up to which all of its tails have published every row."""
        marks: dict[str, Micros | None] = {}
        for (foundation, _feed), settled in self._settled.items():
            known = marks.get(foundation, settled)
            marks[foundation] = None if settled is None or known is None else min(settled, known)
        return {foundation: mark for foundation, mark in marks.items() if mark is not None}

    def newest(self) -> dict[str, Micros]:
        """Return by foundation the latest event time for which any of its tails vouches."""
        newest: dict[str, Micros] = {}
        for (foundation, _feed), settled in self._settled.items():
            if settled is not None:
                newest[foundation] = max(settled, newest.get(foundation, settled))
        return newest

    def silent(self) -> dict[str, Micros]:
        """Return the tails that hold their foundation's time, and since when: another feed's tail has gone on."""
        newest: dict[str, Micros] = {}
        for (foundation, _feed), written in self._written.items():
            newest[foundation] = max(written, newest.get(foundation, written))
        return {
            f"{foundation}/{feed}": written
            for (foundation, feed), written in self._written.items()
            if written < newest[foundation] - SILENT
        }

    async def close(self) -> None:
        """Stop reading."""
        await self._follower.close()

    def _take(self, pairs: list[Pair]) -> None:
        for _key, frame in pairs:
            if frame is not None:
                checkpoint = self._codec.decode(frame)
                if not is_tail(checkpoint):
                    continue
                tail = checkpoint["foundation"], checkpoint["feed"]
                if checkpoint["retired"]:
                    self._settled.pop(tail, None)
                    self._written.pop(tail, None)
                else:
                    self._settled[tail] = checkpoint["settled_until"]
                    self._written[tail] = checkpoint["written_at"]
