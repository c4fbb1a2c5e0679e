"""Whatever happens around a worker, it goes on exactly or it ends with one line that says what to do."""

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.worker_fleet import Fleet, fleet

from standin.embedded_kafka import Broker
from standin.places import RunFolder, data_folder
from standin.stack import Stack

SOON_S = 15.0


@pytest.fixture
def workers(stack: Stack, tmp_path: Path) -> Iterator[Fleet]:
    with fleet(stack.bootstrap_servers, stack.registry_url, tmp_path, seed=21) as made:
        yield made


@pytest.mark.parametrize("refill", [1, 4], ids=["shorter", "longer"])
def test_a_source_topic_made_anew_under_a_running_worker_ends_it_with_one_line(workers: Fleet, refill: int) -> None:
    workers.feed.batch(300)
    workers.feed.batch(300)
    workers.start("one")
    workers.await_log("one", "rows applied")
    workers.make_anew(workers.topics.usage)
    for _ in range(refill):
        workers.feed.batch(300)
    assert workers.ended("one", within_s=60) == 1
    said = [line for line in workers.log("one").splitlines() if "made anew" in line]
    assert "take a snapshot" in said[-1]
    workers.start("two")
    assert workers.ended("two", within_s=60) == 1, "a successor must not take the new topic's rows for known either"


def test_a_worker_told_to_end_while_it_starts_ends_soon_and_well(workers: Fleet) -> None:
    workers.feed.batch(300)
    for number, moment in enumerate((0.0, 0.3, 1.0, 2.0)):
        name = f"w{number}"
        workers.start(name, static=True)
        workers.await_log(name, "worker starts")
        threading.Event().wait(moment)
        began = time.monotonic()
        assert workers.stop(name) == 0, workers.log(name)[-2000:]
        assert time.monotonic() - began < SOON_S
    workers.catch_up()
    assert workers.differences() == []


def test_a_worker_that_wakes_up_after_another_has_taken_over_changes_nothing(workers: Fleet) -> None:
    workers.feed.batch(300)
    workers.start("frozen")
    workers.await_log("frozen", "rows applied")
    workers.start("other")
    workers.await_log("other", "tables recovered")
    for _ in range(3):
        workers.feed.batch(100)
    workers.freeze("frozen")
    taken = workers.log("other").count("tables recovered")
    for _ in range(10):
        workers.feed.batch(100)
    # Its session has timed out: the other holds all partitions, and has applied what the frozen one still holds.
    workers.await_log("other", "tables recovered", times=taken + 1)
    workers.await_caught_up()
    workers.thaw("frozen")
    for _ in range(10):
        workers.feed.batch(100)
    workers.await_caught_up()
    for name in ("frozen", "other"):
        workers.kill(name)
    workers.catch_up()
    assert workers.differences() == []


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    made = Broker(data_folder(), RunFolder.at(tmp_path / "kafka"), heap_mb=256)
    try:
        made.start()
        yield made
    finally:
        made.end()


def test_a_worker_outlives_a_broker_that_dies_and_comes_back(broker: Broker, registry_url: str, tmp_path: Path) -> None:
    with fleet(broker.bootstrap_servers, registry_url, tmp_path, seed=22) as workers:
        workers.feed.batch(300)
        workers.start("one")
        workers.await_log("one", "rows applied")
        workers.feed.batch(300)
        broker.kill()
        broker.start()
        workers.feed.batch(300)
        # Were it away for longer than a write is tried, the worker would end and its supervisor start it again.
        workers.await_caught_up(restart="one")
        assert workers.restarts <= 1
        workers.kill("one")
        workers.catch_up()
        assert len(workers.feed.kept) == 900
        assert workers.differences() == []
