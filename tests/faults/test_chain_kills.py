"""Producer and worker die by SIGKILL again and again in the middle of their work; nothing is lost, nothing doubled.

The moments are drawn from a seed that is printed; give it as KILLS_SEED to play them again.
"""

import os
import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest
from support.chain import Chain, Watermarks, chain, published
from support.chain_check import app_faults, counted, order_faults

from schemas.topics import Topic
from standin.cloud_controller.scenario import play_demo_scenario
from standin.cloud_controller.server import CloudController
from standin.demo.check import row_faults
from standin.demo.watch import table
from standin.stack import Stack

# At the start of a life, after some progress, or inside a transaction.
PRODUCER_DEATHS = ("start", "progress", "progress", "progress", "open", "open", "open", "open")
WORKER_DEATHS = ("start", "progress", "progress", "progress", "progress")
LIFE_S = 60.0
BACKLOG = 400
"""Records that wait for a worker when it is killed at work: more than one chunk."""
ENDS_WITHIN_S = 120.0
SETTINGS = {
    "CFSTREAM_PAGE_SIZE": "100",
    "CFSTREAM_WORKER_CHUNK_RECORDS": "200",
    "CFSTREAM_WORKER_COMMIT_SECONDS": "0.2",
}
# Makes a page take long enough for the whole scenario to outlast all kills.
SLOW_PAGES = {"kind": "delay", "path": "/v3/(app_usage|audit)_events", "count": None, "seconds": 0.1}


@dataclass
class Victim:
    """A process that is killed and started again. ``written``: where it leaves its marks."""

    name: str
    command: tuple[str, ...]
    deaths: list[str]
    written: Watermarks
    chance: random.Random
    death: str | None = None
    alive_until: float = 0.0
    killed_at_mark: int = 0
    marks: int = 0
    outstanding: list[int] = field(default_factory=list)

    def start(self, chain: Chain) -> None:
        chain.start(self.name, *self.command)
        self.marks = self.written.written()
        self.death = self.deaths.pop() if self.deaths else None
        moment = self.chance.uniform(0.05, 3.0) if self.death == "start" else LIFE_S
        self.alive_until = time.monotonic() + moment
        self.killed_at_mark = self.marks + self.chance.randrange(1, 1500)

    def is_due(self, chain: Chain) -> bool:
        """Say whether its moment has come."""
        chain.pipeline.check()
        if self.death == "start":
            return time.monotonic() >= self.alive_until
        assert time.monotonic() < self.alive_until, f"the {self.name} made no progress for {LIFE_S} s"
        return self.written.written() >= self.killed_at_mark

    def dies_now(self, chain: Chain) -> bool:
        """Kill it when its moment has come; say whether it was."""
        due = self.is_due(chain)
        if due and self.death == "open":
            # Frozen first, so that it dies with the transaction open for certain.
            chain.pipeline.child(self.name).pause()
            due = self.written.open()
            if not due:
                chain.pipeline.child(self.name).resume()
        if due:
            chain.pipeline.kill(self.name)
        return due


@pytest.fixture
def slow(stack: Stack, tmp_path: Path) -> Iterator[Chain]:
    cc = CloudController(seed=5)
    play_demo_scenario(cc)
    with chain(cc, stack.bootstrap_servers, stack.registry_url, tmp_path, more=SETTINGS) as slow:
        httpx.post(f"{slow.scene.source.url}/sim/faults", json=SLOW_PAGES).raise_for_status()
        yield slow


@pytest.mark.timeout(600)
def test_each_row_once_and_the_tables_right_after_many_kills(slow: Chain) -> None:
    seed = int(os.environ.get("KILLS_SEED") or random.SystemRandom().randrange(1 << 32))
    print(f"KILLS_SEED={seed}")  # noqa: T201 - to play a failure again
    topics, ledger = slow.scene.topics, slow.cc.ledger
    truth = slow.cc.truth()
    assert truth["usage_rows"] >= 20_000

    with Watermarks(slow.scene, [topics.usage, topics.audit]) as feeds, Watermarks(slow.scene, [topics.state]) as state:
        chance = random.Random(seed)
        producer = victim("producer", ("producer", "run"), PRODUCER_DEATHS, feeds, chance)
        worker = victim("worker", ("processors", "run"), WORKER_DEATHS, state, chance)
        kill_until_no_deaths_are_left(slow, producer, worker, feeds)

    httpx.delete(f"{slow.scene.source.url}/sim/faults").raise_for_status()
    slow.good("producer", "run", "--until-caught-up", within_s=ENDS_WITHIN_S)
    slow.good("processors", "run", "--until-caught-up", within_s=ENDS_WITHIN_S)

    assert len(producer.outstanding) >= len(PRODUCER_DEATHS)
    assert len(worker.outstanding) >= len(WORKER_DEATHS)
    assert min(producer.outstanding) > 0, "the producer died with nothing left to do"
    assert sum(waiting > 100 for waiting in worker.outstanding) >= 3, f"idle worker: {worker.outstanding}"

    in_usage_order = [(row.subject.app_guid, row.guid) for row in ledger.usage]
    usage = published(slow.scene, topics.usage)
    assert row_faults("usage", counted(usage), {(row.guid, row.created_at) for row in ledger.usage}) == []
    assert order_faults(usage, in_usage_order) == []

    # The audit feed is read by time; rows of one second come in the order of their guids.
    guids = {row.guid for row in ledger.audit}
    audit = published(slow.scene, topics.audit)
    assert row_faults("audit", counted(audit), {(row.guid, row.created_at) for row in ledger.audit}) == []
    keys = {row.guid: row.key for row in audit}
    by_time = sorted((row for row in ledger.audit if row.guid in guids), key=lambda row: (row.created_at, row.guid))
    assert order_faults(audit, [(keys[row.guid], row.guid) for row in by_time]) == []

    assert app_faults(table(slow.scene.client, slow.scene.codec, topics.state), truth["apps"]) == []
    assert totals_of(slow, "foundation") == [(truth["running_instances"], truth["memory_mb"])]
    assert aborted(slow, topics.usage, topics.audit), "no kill hit a transaction, or aborted rows are not there to see"


def kill_until_no_deaths_are_left(slow: Chain, producer: Victim, worker: Victim, feeds: Watermarks) -> None:
    """Run both, kill each when its moment comes, start it again at once; end with both killed."""
    producer.start(slow)
    worker.start(slow)
    group = slow.scene.environment["CFSTREAM_WORKER_GROUP"]
    total = len(slow.cc.ledger.usage) + len(slow.cc.ledger.audit)
    while producer.death or worker.death:
        if producer.death and producer.dies_now(slow):
            producer.outstanding.append(total - committed_rows(slow))
            producer.start(slow)
        if worker.death and worker.is_due(slow):
            if worker.death == "progress":
                fall_behind(slow, worker, lambda: feeds.waiting(slow.scene, group))
            slow.pipeline.kill(worker.name)
            worker.outstanding.append(feeds.waiting(slow.scene, group))
            worker.start(slow)
    for name in ("producer", "worker"):
        slow.pipeline.kill(name)
    print(f"rows outstanding at the kills: {producer.outstanding}, {worker.outstanding}")  # noqa: T201 - as above


def fall_behind(slow: Chain, worker: Victim, waiting: Callable[[], int]) -> None:
    """Freeze a worker until there is work for it, then let it begin: the kill that follows hits it at work."""
    child = slow.pipeline.child(worker.name)
    child.pause()
    deadline = time.monotonic() + LIFE_S
    while waiting() < BACKLOG:
        assert time.monotonic() < deadline, f"the producer published nothing for {LIFE_S} s"
    child.resume()
    moment = time.monotonic() + worker.chance.uniform(0, 0.15)
    while time.monotonic() < moment:
        pass


def victim(
    name: str, command: tuple[str, ...], deaths: tuple[str, ...], written: Watermarks, chance: random.Random
) -> Victim:
    """Return a victim that dies these deaths in an order by chance."""
    return Victim(name, command, chance.sample(deaths, len(deaths)), written, chance)


def committed_rows(slow: Chain) -> int:
    """Return how many rows the checkpoints stand for."""
    ended = slow.good("tail", "producer-checkpoints", "--until-end", "--json")
    newest = {line["key"]: line["value"]["rows"] for line in ended.objects}
    return sum(newest.values())


def totals_of(slow: Chain, by: str) -> list[tuple[int, int]]:
    """Return instances and memory as ``cfstream totals`` prints them."""
    found = slow.good("totals", "--by", by, "--json").objects
    return [(each["running_instances"], each["memory_mb"]) for each in found]


def aborted(slow: Chain, *topics: Topic) -> bool:
    """Say whether a consumer without isolation sees rows twice: those of aborted transactions."""
    for topic in topics:
        dirty = counted(published(slow.scene, topic, committed=False))
        if row_faults(topic.name, dirty, set(dirty)):
            return True
    return False
