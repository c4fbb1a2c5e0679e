"""Tails come and go with the group's partitions, one change after another, and producers set up alike are one group."""

import asyncio
from pathlib import Path

import pytest
import yaml

from producer.run import group_name
from producer.settings import Feed, ProducerSettings
from producer.share import Runner

PARTITIONS = 6
ALL = range(PARTITIONS)
RIGHTS = Path(__file__).parents[3] / "helm" / "cfstream" / "files" / "rights.yaml"


class Slow:
    """A tail that was told to end, and ends when it may."""

    def __init__(self, name: str = "east/app-usage-events") -> None:
        self.name = name
        self.may_end = asyncio.Event()
        self.runs = 0
        self.at_once = 0
        self.most_at_once = 0

    def trouble(self) -> str | None:
        return None

    def standstill(self) -> str | None:
        return None

    async def run(self, stop: asyncio.Event) -> None:
        self.runs += 1
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        await stop.wait()
        await self.may_end.wait()
        self.at_once -= 1


async def settled() -> None:
    """Let the loop do all that waits for nothing."""
    for _ in range(20):
        await asyncio.sleep(0)


async def test_a_tail_whose_partition_comes_back_while_it_ends_runs_again_and_never_twice_at_once() -> None:
    slow, quick = Slow(), Slow("east/audit-events")
    quick.may_end.set()
    runner = Runner([slow, quick], PARTITIONS)
    await runner.start(ALL)
    await settled()
    stopping = asyncio.create_task(runner.stop(ALL))
    await settled()
    starting = asyncio.create_task(runner.start(ALL))
    await settled()
    assert (slow.at_once, runner.holds(slow.name)) == (1, True), "it has not ended yet"
    slow.may_end.set()
    await asyncio.gather(stopping, starting)
    await settled()
    for tail in (slow, quick):
        assert (tail.runs, tail.at_once, tail.most_at_once) == (2, 1, 1), tail.name
        assert runner.holds(tail.name)
    await runner.end()


async def test_two_stops_at_once_both_wait_until_the_tail_has_ended() -> None:
    tail = Slow()
    runner = Runner([tail], PARTITIONS)
    await runner.start(ALL)
    await settled()
    stops = [asyncio.create_task(runner.stop(ALL)) for _ in range(2)]
    await settled()
    assert not any(stop.done() for stop in stops)
    tail.may_end.set()
    await asyncio.gather(*stops)
    assert (tail.at_once, runner.holds(tail.name)) == (0, False)


async def test_partitions_that_come_while_the_process_ends_start_nothing() -> None:
    tail = Slow()
    runner = Runner([tail], PARTITIONS)
    await runner.start(ALL)
    await settled()
    ending = asyncio.create_task(runner.end())
    await settled()
    starting = asyncio.create_task(runner.start(ALL))
    tail.may_end.set()
    await asyncio.gather(ending, starting)
    await settled()
    assert (tail.runs, tail.at_once) == (1, 0)


def named(*foundations: str, prefix: str = "cf.", feeds: tuple[Feed, ...] = ()) -> str:
    """Return the group of a producer of these foundations."""
    entries = [{"name": name, "cf_api": f"https://api.{name}.example.com"} for name in foundations]
    settings = ProducerSettings.model_validate(
        {"topic_prefix": prefix, "cf_client_id": "id", "cf_client_secret": "s", "foundations": entries}
    )
    return group_name(settings.resolved(feeds))


def test_producers_with_the_same_tails_are_one_group_in_whatever_order() -> None:
    assert named("east", "west") == named("west", "east")


@pytest.mark.parametrize(
    "other",
    [
        named("east"),
        named("east", "north"),
        named("east", "west", prefix="other."),
        named("east", "west", feeds=("app-usage-events",)),
    ],
)
def test_producers_with_other_tails_are_another_group(other: str) -> None:
    assert other != named("east", "west")


def test_the_charts_rights_cover_the_group() -> None:
    rights = yaml.safe_load(RIGHTS.read_text("utf-8"))["producer"]
    (own,) = (each for each in rights if each["resource"] == "group" and each["operations"] == ["Read"])
    (name,) = own["names"]
    assert own["pattern"] == "prefix"
    assert named("east").startswith(name.replace("{prefix}", "cf."))
