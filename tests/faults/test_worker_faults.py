"""Whatever happens around a worker, it goes on exactly or it ends with one line that says what to do."""

import contextlib
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from confluent_kafka import KafkaException, Producer
from confluent_kafka.admin import AdminClient, NewTopic
from support.usage_rows import usage
from support.waiting import until
from support.worker_fleet import Fleet, fleet

from plumbing.ends import high_watermarks
from plumbing.kafka import PARTITIONER, client_config
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


def test_a_worker_whose_parts_do_not_stop_ends_all_the_same(workers: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    patched = workers.folder / "stuck"
    patched.mkdir()
    (patched / "sitecustomize.py").write_text(
        "import asyncio, contextlib\n"
        "import processors.run as run\n"
        "async def stop(self):\n"
        "    while True:\n"
        "        with contextlib.suppress(asyncio.CancelledError):\n"
        "            await asyncio.sleep(3600)\n"
        "run.LaneApp.stop, run.STOP_S = stop, 1.0\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(patched))
    workers.start("one")
    workers.await_log("one", "tables recovered")
    assert workers.stop("one", within_s=SOON_S) == 0
    assert "did not stop in time" in workers.log("one")


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


def test_time_waits_for_a_transaction_that_was_begun_before_the_watermark(workers: Fleet) -> None:
    """A transaction's markers come to its partitions one after another: the checkpoint's may be the first."""
    row = usage("STARTED", 0, "late", instances=3)
    late = Producer(client_config(workers.settings, **{"transactional.id": "late", "partitioner": PARTITIONER}))
    late.init_transactions(20)
    late.begin_transaction()
    held: list[int] = []
    encode = workers.codec.encoder(workers.topics.usage.name, workers.topics.usage.schema)
    late.produce(
        workers.topics.usage.name,
        encode(dict(row)),
        row["app_guid"],
        on_delivery=lambda _error, message: held.append(message.partition() or 0),
    )
    assert late.flush(20) == 0
    workers.feed.batch(3000)
    workers.start("one")

    def closed() -> set[int]:
        return {part["partition"] for part in workers.table(workers.topics.partials.name).values() if part["closed_to"]}

    others = set(range(workers.settings.partitions)) - set(held)
    until(lambda: closed() >= others, within_s=60, what="time goes on where nothing is open")
    threading.Event().wait(10 * float(workers.environment["CFSTREAM_WORKER_TICK_SECONDS"]))
    assert closed() == others
    late.commit_transaction(20)
    workers.feed.kept.append(dict(row))
    until(lambda: closed() >= set(held), within_s=20, what="time goes on there too")
    workers.kill("one")
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


def test_one_client_is_told_the_ends_before_and_after_a_broker_dies(broker: Broker) -> None:
    """Each start of a broker is a new epoch of its partitions' leaders; the client knows the old one."""
    admin = AdminClient({"bootstrap.servers": broker.bootstrap_servers})
    admin.create_topics([NewTopic("ends", 2, 1)])["ends"].result(20)
    places = [("ends", 0), ("ends", 1)]

    def told() -> bool:
        with contextlib.suppress(KafkaException):  # new partitions are without a leader for a moment, as after a start
            return high_watermarks(admin, places) == dict.fromkeys(places, 0)
        return False

    until(told, within_s=15, what="the ends are told")
    broker.kill()
    broker.start()
    until(told, within_s=15, what="the ends are told again")
