"""New schema ids: waited for as long as they may still come, and no longer."""

import pytest
from support.alert_records import StepClock
from support.registry import MemoryRegistry

from processors.schema_ids import ASK_AGAIN_S, FORGET_S, PATIENCE_S, SchemaIds
from schemas import avro
from schemas.codec import Codec
from schemas.registry import RegistryUnreachableError

LONGEST_PAUSE_S = 15


class LateRegistry(MemoryRegistry):
    """Knows the schema of an event under id 7 from some second on, and is away in others."""

    def __init__(self, clock: StepClock) -> None:
        super().__init__()
        self.clock = clock
        self.from_s = float("inf")
        self.away: tuple[float, float] = (0, 0)

    def schema(self, schema_id: int) -> str:
        self.asked.append(schema_id)
        begin, end = self.away
        if begin <= self.clock.time_s < end:
            raise RegistryUnreachableError("no answer", "wait")
        if schema_id == 7 and self.clock.time_s >= self.from_s:
            return avro.text("AuditEvent")
        raise KeyError(schema_id)


def frame(schema_id: int) -> bytes:
    return b"\x00" + schema_id.to_bytes(4, "big") + b"abc"


class Scene:
    def __init__(self) -> None:
        self.clock = StepClock()
        self.registry = LateRegistry(self.clock)
        self.codec = Codec(self.registry)
        self.ids = SchemaIds(self.codec, self.clock)

    async def learn(self, *ids: int) -> tuple[list[str], float]:
        """Return why ids have no schema, and how long that took."""
        begun = self.clock.time_s
        unread = await self.ids.learn([frame(one) for one in ids])
        return list(unread.values()), self.clock.time_s - begun


@pytest.fixture
def scene() -> Scene:
    return Scene()


async def test_an_id_that_a_replica_learns_within_a_minute_is_read(scene: Scene) -> None:
    scene.registry.from_s = 40
    unread, took_s = await scene.learn(7)
    assert unread == []
    assert 40 <= took_s <= 40 + LONGEST_PAUSE_S
    assert scene.codec.known(frame(7))


async def test_an_id_that_stays_unknown_is_given_up_after_a_minute(scene: Scene) -> None:
    unread, took_s = await scene.learn(7)
    assert unread == ["schema id 7 is not in the registry"]
    assert PATIENCE_S <= took_s <= PATIENCE_S + LONGEST_PAUSE_S


async def test_all_ids_of_a_chunk_wait_together(scene: Scene) -> None:
    unread, took_s = await scene.learn(*range(100, 200))
    assert len(unread) == 100
    assert took_s <= PATIENCE_S + LONGEST_PAUSE_S


async def test_an_id_that_was_given_up_costs_no_wait_again_and_one_question_a_minute(scene: Scene) -> None:
    await scene.learn(7)
    asked = len(scene.registry.asked)
    for _ in range(100):
        assert await scene.learn(7) == (["schema id 7 is not in the registry"], 0)
    assert len(scene.registry.asked) == asked
    for minute in range(1, 300):
        scene.clock.time_s += ASK_AGAIN_S
        assert await scene.learn(7) == (["schema id 7 is not in the registry"], 0)
        assert len(scene.registry.asked) == asked + minute


async def test_an_id_that_was_given_up_is_read_once_it_is_there(scene: Scene) -> None:
    await scene.learn(7)
    scene.registry.from_s = 0
    scene.clock.time_s += ASK_AGAIN_S
    assert await scene.learn(7) == ([], 0)


async def test_ids_that_nobody_uses_are_forgotten(scene: Scene) -> None:
    await scene.learn(*range(100, 200))
    scene.clock.time_s += ASK_AGAIN_S + FORGET_S
    await scene.learn(300)
    assert list(scene.ids._unknown) == [frame(300)[:5]]


async def test_a_registry_that_is_away_is_waited_for_without_end(scene: Scene) -> None:
    scene.registry.from_s, scene.registry.away = 0, (0, 50_000)
    unread, took_s = await scene.learn(7)
    assert unread == []
    assert took_s >= 50_000


async def test_the_minute_begins_anew_when_the_registry_was_away(scene: Scene) -> None:
    scene.registry.from_s, scene.registry.away = 5030, (10, 5000)
    unread, _ = await scene.learn(7)
    assert unread == []


async def test_frames_of_no_registry_are_not_waited_for(scene: Scene) -> None:
    unread = await scene.ids.learn([b"\x01abc", b"", b"\x00"])
    assert len(unread) == 3
    assert scene.clock.waits == []
