"""The sums of all partitions, written by whoever owns partition 0."""

from typing import Any

import pytest
from support.registry import MemoryRegistry
from support.usage_partials import hour, total

from processors.standstill import Standstill
from processors.usage import roller
from processors.usage.roller import REWRITE_S, Roller
from processors.usage.rollup import RollUp
from schemas.codec import Codec
from schemas.topics import Topics

HOUR = 3600 * 1_000_000
TOPICS = Topics()


class Clock:
    """Stands for the module ``time``."""

    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        return self.now


class Partials:
    """One partition's share in a total and in an hour."""

    def __init__(self, codec: Codec) -> None:
        encode = codec.encoder(TOPICS.partials.name, TOPICS.partials.schema)
        self.records = [
            (b"space/s/0", encode(total(0, 3))),
            (b"space/s/1970-01-01T00/0", encode(hour(0, 3600, 1, until=3600))),
        ]
        self.left: list[tuple[bytes, bytes]] = []

    async def rewind(self) -> None:
        self.left = list(self.records)

    async def read(self) -> list[tuple[bytes, bytes]]:
        left, self.left = self.left, []
        return left

    read_to_end = read


class Written:
    """What was written, and when."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.at: list[tuple[float, str]] = []

    def write(self, topic: str, _key: bytes, _value: bytes | None) -> None:
        self.at.append((self.clock.now, topic))

    async def durable(self) -> None:
        """All is."""


async def test_what_is_written_at_a_take_over_is_written_once_more_when_no_other_can_be_late(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock, codec = Clock(), Codec(MemoryRegistry())
    monkeypatch.setattr(roller, "time", clock)
    written = Written(clock)
    parts: dict[str, Any] = {"follower": Partials(codec), "writer": written}
    one = Roller(
        topics=TOPICS,
        codec=codec,
        standstill=Standstill(1e9, clock.monotonic),
        new_rollup=lambda: RollUp(1, HOUR),
        **parts,
    )
    clock.now = 10 * REWRITE_S  # it has run for long, without partition 0
    one.stand_down()
    for _ in range(3 * int(REWRITE_S)):
        await one.step()
        clock.now += 1
    names = {TOPICS.space_usage.name, TOPICS.usage_hours.name}
    moments = sorted({at for at, _ in written.at})
    assert moments == [10 * REWRITE_S, 11 * REWRITE_S + 1]
    for moment in moments:
        assert {name for at, name in written.at if at == moment} == names
