"""Records that no schema reads: the registry is asked with patience, and then they are in the dead letters."""

from typing import Any

from prometheus_client import CollectorRegistry
from support.alert_records import StepClock
from support.registry import MemoryRegistry

from processors.notify.decoding import Decoding
from processors.notify.inbox import Item
from processors.notify.metrics import NotifierMetrics
from processors.schema_ids import PATIENCE_S
from schemas.codec import Codec
from schemas.topics import Topics

TOPICS = Topics()


class Letters:
    """A writer that counts."""

    def __init__(self) -> None:
        self.written = 0

    def write(self, _topic: str, _key: bytes | None, _value: bytes | None, **_more: Any) -> None:
        self.written += 1


async def test_the_unknown_ids_of_one_round_are_waited_for_once_and_their_records_kept() -> None:
    clock = StepClock()
    letters: Any = Letters()
    codec = Codec(MemoryRegistry())
    decoding = Decoding(codec, TOPICS, letters, clock, NotifierMetrics(CollectorRegistry()))
    frames = [b"\x00" + number.to_bytes(4, "big") for number in range(100, 150)]
    items = [Item(TOPICS.alerts.name, 0, offset, b"k", frame) for offset, frame in enumerate(frames)]
    assert await decoding.records(items) == []
    took_s = clock.time_s
    assert PATIENCE_S <= took_s <= 2 * PATIENCE_S, "a leader that makes no round for longer is started again"
    assert letters.written == 50
    assert await decoding.records(items) == []
    assert letters.written == 100
    assert clock.time_s == took_s
