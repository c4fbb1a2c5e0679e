"""The watch over the source topics outlives a cluster that is away."""

import asyncio

import pytest
from confluent_kafka.admin import AdminClient

from processors import sources
from processors.sources import MadeAnewError, Sources, UnseenError


@pytest.fixture
def away(monkeypatch: pytest.MonkeyPatch) -> Sources:
    monkeypatch.setattr(sources, "ANSWER_S", 0.2)
    monkeypatch.setattr(sources, "LOOK_S", 0.01)
    return Sources(AdminClient({"bootstrap.servers": "127.0.0.1:1", "log_level": 0}), ["usage", "audit"])


async def test_a_cluster_that_is_away_is_one_sentence(away: Sources) -> None:
    with pytest.raises(UnseenError, match="cannot be looked at"):
        await away.look()
    assert away.ids == {}


async def test_the_watch_goes_on_when_the_cluster_was_away(away: Sources, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[BaseException] = []
    looks = 0

    async def crash(error: BaseException) -> None:
        told.append(error)

    look = away.look

    async def counted() -> None:
        nonlocal looks
        looks += 1
        if looks > 1:
            raise MadeAnewError("usage was deleted and made anew")
        await look()

    monkeypatch.setattr(away, "look", counted)
    await asyncio.wait_for(away.watch(crash), 60)
    assert [type(error) for error in told] == [MadeAnewError]
