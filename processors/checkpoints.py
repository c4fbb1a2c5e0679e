"""Where the tails stand: the watermarks up to which every row of a foundation is published."""

from processors.follower import Follower, Pair
from schemas.codec import Codec
from schemas.records import Micros


class Checkpoints:
    """The newest checkpoint of each tail, read whole at the start and followed."""

    def __init__(self, follower: Follower, codec: Codec) -> None:
        self._follower = follower
        self._codec = codec
        self._settled: dict[tuple[str, str], Micros | None] = {}

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

    async def close(self) -> None:
        """Stop reading."""
        await self._follower.close()

    def _take(self, pairs: list[Pair]) -> None:
        for _key, frame in pairs:
            if frame is not None:
                checkpoint = self._codec.decode(frame)
                self._settled[checkpoint["foundation"], checkpoint["feed"]] = checkpoint["settled_until"]
