"""Workers killed while processing, recovering and rebalancing: the tables end exactly where the feed says."""

import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Self

import pytest
from support.worker_fleet import Fleet, fleet

from standin.stack import Stack

ROUNDS = 30
STOPS = 10
GRACE_S = 45
"""What the chart gives a worker to end in."""


@pytest.fixture
def workers(stack: Stack, tmp_path: Path) -> Iterator[Fleet]:
    with fleet(stack.bootstrap_servers, stack.registry_url, tmp_path, seed=20) as made:
        yield made


class Feeding:
    """Writes rows in the background: one transaction in five is aborted, one in seven carries a poison record."""

    def __init__(self, fleet: Fleet) -> None:
        self._fleet = fleet
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self.poisoned = 0

    def _run(self) -> None:
        batch = 0
        while not self._stop.is_set():
            abort, poison = batch % 5 == 2, batch % 7 == 3
            self._fleet.feed.batch(100, abort=abort, poison=poison)
            self.poisoned += poison and not abort
            batch += 1
            self._stop.wait(0.1)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._stop.set()
        self._thread.join()


@pytest.mark.timeout(600)
def test_thirty_kills_at_any_moment_leave_every_figure_right(workers: Fleet) -> None:
    with Feeding(workers) as feeding:
        workers.start("one")
        for number in range(ROUNDS):
            # 1 -> 3 -> 1 workers, and each kill falls anywhere: in the start, in recovery, in a rebalance, at work.
            name = f"w{number}"
            workers.start(name, static=number % 2 == 0)
            pause = workers.random.choice([0.5, 1.5, 2.2, 2.6, 3.0])
            threading.Event().wait(pause)
            alive = sorted(workers.workers)
            if len(alive) >= 3 or number % 3 == 2:
                for victim in alive[: len(alive) - 1]:
                    workers.kill(victim)
    for name in list(workers.workers):
        workers.kill(name)
    workers.catch_up()
    assert len(workers.feed.kept) > 1000
    assert workers.differences() == []
    dead = workers.count(workers.topics.dead_letters.name)
    assert dead >= feeding.poisoned > 0


def test_a_worker_that_ends_on_sigterm_ends_well_and_soon(workers: Fleet) -> None:
    workers.feed.batch(500)
    workers.start("one")
    workers.await_log("one", "tables recovered")
    began = time.monotonic()
    assert workers.stop("one") == 0
    assert time.monotonic() - began < 30
    workers.catch_up()
    assert workers.differences() == []


@pytest.mark.timeout(400)
def test_ended_at_any_moment_a_worker_ends_in_good_order(workers: Fleet) -> None:
    """Its successor starts at the same moment: so the end falls in starts, recoveries, rebalances and work alike."""
    with Feeding(workers):
        for number in range(STOPS):
            name = f"w{number}"
            workers.start(name, static=number % 2 == 0)
            workers.await_log(name, "worker starts")
            for former in sorted(workers.workers.keys() - {name}):
                assert workers.stop(former, within_s=GRACE_S) == 0, workers.log(former)[-3000:]
            threading.Event().wait(workers.random.choice([0, 0.5, 1.5, 2.5, 3.0]))
        assert workers.stop(name, within_s=GRACE_S) == 0
    workers.catch_up()
    assert len(workers.feed.kept) > 1000
    assert workers.differences() == []


@pytest.mark.timeout(400)
def test_tables_on_disk_end_the_same_through_kills(workers: Fleet) -> None:
    on_disk: list[Path] = []
    with Feeding(workers):
        for number in range(4):
            for name in ("one", "two"):
                if name not in workers.workers:
                    workers.start(name, static=True, worker_store="rocksdb")
            workers.await_log("one", "tables recovered")
            threading.Event().wait(1.5)
            on_disk = on_disk or list(workers.folder.glob("worker/tables-*/*/CURRENT"))
            workers.kill(("one", "two")[number % 2])
    for name in list(workers.workers):
        workers.kill(name)
    assert on_disk
    workers.catch_up(worker_store="rocksdb", worker_instance_id="one")
    assert len(workers.feed.kept) > 1000
    assert workers.differences() == []


def test_a_worker_that_reads_aborted_rows_is_caught(workers: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    for batch in range(6):
        workers.feed.batch(100, abort=batch % 2 == 1)
    patched = workers.folder / "sabotage"
    patched.mkdir()
    (patched / "sitecustomize.py").write_text(
        "import aiokafka.consumer.fetcher as fetcher\n"
        "real = fetcher.Fetcher.__init__\n"
        "def init(self, *args, **more):\n"
        "    more['isolation_level'] = 'read_uncommitted'\n"
        "    real(self, *args, **more)\n"
        "fetcher.Fetcher.__init__ = init\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(patched))
    workers.catch_up()
    assert workers.differences() != []
