"""A foundation's time is that of its slowest tail; retired ones and backfills do not hold it."""

from typing import Any

from support.registry import MemoryRegistry

from plumbing.clock import END_OF_TIME, SECOND
from processors.checkpoints import SILENT, Checkpoints
from schemas.codec import Codec
from schemas.topics import Topics

TOPICS = Topics()


class Log:
    """A follower whose topic is a list."""

    def __init__(self) -> None:
        self.pairs: list[tuple[bytes, bytes | None]] = []

    async def read(self) -> list[tuple[bytes, bytes | None]]:
        taken, self.pairs = self.pairs, []
        return taken


def _log() -> Any:
    return Log()


class Scene:
    def __init__(self) -> None:
        codec = Codec(MemoryRegistry())
        self.log = _log()
        self.encode = codec.encoder(TOPICS.checkpoints.name, TOPICS.checkpoints.schema)
        self.checkpoints = Checkpoints(self.log, codec)

    async def tail(
        self, feed: str, settled: int, written: int = 0, *, retired: bool = False, ends_at: int | None = None
    ) -> None:
        record = {"foundation": "f", "feed": feed, "written_at": written, "settled_until": settled, "retired": retired}
        record["ends_at"] = ends_at
        self.log.pairs.append((f"f/{feed}".encode(), self.encode(record)))
        await self.checkpoints.refresh()


async def test_a_retired_tail_holds_no_time_until_it_runs_again() -> None:
    scene = Scene()
    await scene.tail("app-usage-events", 500)
    await scene.tail("audit-events", 100)
    assert scene.checkpoints.watermarks() == {"f": 100}
    assert scene.checkpoints.newest() == {"f": 500}
    await scene.tail("audit-events", 100, retired=True)
    assert scene.checkpoints.watermarks() == {"f": 500}
    await scene.tail("audit-events", 120)
    assert scene.checkpoints.watermarks() == {"f": 120}


async def test_a_foundation_whose_tails_are_all_retired_has_no_time() -> None:
    scene = Scene()
    await scene.tail("app-usage-events", 500)
    await scene.tail("app-usage-events.backfill", END_OF_TIME, ends_at=400)
    await scene.tail("dead-letters.replayed", END_OF_TIME, ends_at=0)
    assert scene.checkpoints.watermarks() == {"f": 500}
    await scene.tail("app-usage-events", 500, retired=True)
    assert scene.checkpoints.watermarks() == {}


async def test_a_tail_that_fell_silent_while_another_goes_on_is_named() -> None:
    scene = Scene()
    await scene.tail("app-usage-events", 1, 10 * SECOND)
    await scene.tail("audit-events", 1, 10 * SECOND)
    await scene.tail("audit-events.backfill", END_OF_TIME, 0, ends_at=1)
    await scene.tail("dead-letters.replayed", END_OF_TIME, 0, ends_at=0)
    assert scene.checkpoints.silent() == {}
    await scene.tail("app-usage-events", 1, SILENT + 11 * SECOND)
    assert scene.checkpoints.silent() == {"f/audit-events": 10 * SECOND}
    await scene.tail("audit-events", 1, 10 * SECOND, retired=True)
    assert scene.checkpoints.silent() == {}
