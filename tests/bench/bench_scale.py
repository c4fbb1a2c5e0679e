"""A worker with 100,000 apps: its memory, how long it recovers after a restart, and how soon another takes over."""

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

import orjson
import psutil
from support.waiting import until
from support.worker_fleet import Fleet, fleet

from standin.stack import Stack

APPS = int(os.environ.get("CFSTREAM_BENCH_APPS", "100000"))
ROWS_EACH, BATCH = 3, 5_000
MOST_MB = 600
REST_S = 5.0
"""So long after the last row its memory "at rest" is read: the last tick's hours are written then."""
WITHIN_S = 900.0
AS_SHIPPED = {"worker_session_timeout_s": "8", "worker_chunk_records": "10000", "worker_tick_seconds": "1"}


def seconds_until(done: Callable[[], bool], what: str) -> float:
    """Wait until something holds; return how long it took."""
    began = time.monotonic()
    until(done, within_s=WITHIN_S, what=what)
    return time.monotonic() - began


def rss_mb(workers: Fleet, name: str) -> float:
    return float(psutil.Process(workers.workers[name].pid).memory_info().rss / 2**20)


def recoveries(workers: Fleet, name: str) -> list[float]:
    """Return the seconds of each recovery that a worker has told of."""
    lines = [orjson.loads(line) for line in workers.log(name).splitlines() if line.startswith("{")]
    return [line["seconds"] for line in lines if line["event"] == "tables recovered"]


def test_a_hundred_thousand_apps(stack: Stack, tmp_path: Path) -> None:
    with fleet(stack.bootstrap_servers, stack.registry_url, tmp_path, seed=30) as workers:
        workers.feed.apps = APPS
        for _ in range(APPS * ROWS_EACH // BATCH):
            workers.feed.batch(BATCH)
        rows = len(workers.feed.kept)
        workers.start("one", static=True, **AS_SHIPPED)
        peak_mb = 0.0

        def caught_up() -> bool:
            nonlocal peak_mb
            peak_mb = max(peak_mb, rss_mb(workers, "one"))
            return bool(recoveries(workers, "one")) and workers.waiting() == 0

        took_s = seconds_until(caught_up, "all rows are applied")
        time.sleep(REST_S)
        held_mb = rss_mb(workers, "one")

        workers.kill("one")
        workers.start("one", static=True, **AS_SHIPPED)
        restart_s = seconds_until(lambda: len(recoveries(workers, "one")) == 2, "the first is back")
        recovery_s = recoveries(workers, "one")[-1]
        recovered_mb = rss_mb(workers, "one")
        workers.start("two", static=True, **AS_SHIPPED)
        until(lambda: recoveries(workers, "two"), within_s=WITHIN_S, what="the second has its share")
        before = len(recoveries(workers, "two"))
        workers.kill("one")
        take_over_s = seconds_until(lambda: len(recoveries(workers, "two")) > before, "the second takes over")
        workers.feed.batch(BATCH)
        applied_s = seconds_until(lambda: workers.waiting() == 0, "new rows are applied")
    sys.stdout.write(
        f"\n{APPS:,} apps, {rows:,} rows: applied in {took_s:.1f} s; {peak_mb:.0f} MB at most, "
        f"{held_mb:.0f} MB at rest, {recovered_mb:.0f} MB after a restart; restart to recovered {restart_s:.1f} s, "
        f"of it recovery {recovery_s:.1f} s; another has taken over {take_over_s:.1f} s after a kill, "
        f"and has applied {BATCH:,} new rows {applied_s:.1f} s later\n"
    )
    assert peak_mb <= MOST_MB
