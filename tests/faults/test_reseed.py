"""The usage table is purged and written anew under a running product: the tables stay right, no hour counts twice."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support import usage_oracle
from support.chain_check import app_faults
from support.producer_run import Site, site
from support.simulated import standing_still

from plumbing.clock import SECOND
from standin.cloud_controller import truth

HOUR = 3600 * SECOND
QUIET = 8 * SECOND
FIGURES = ("instance_seconds", "memory_mb_seconds", "task_seconds", "task_memory_mb_seconds")


@pytest.fixture
def here(kafka: str, registry_url: str, topic_prefix: str, tmp_path: Path) -> Iterator[Site]:
    cc = standing_still(seed=31, usage_rows=1500, apps=40, old_apps=0, span_s=5 * 3600.0)
    with site(cc, kafka, registry_url, topic_prefix, tmp_path) as found:
        found.environment["CFSTREAM_WORKER_GROUP"] = f"{topic_prefix}workers"
        found.environment["CFSTREAM_DATA_DIR"] = str(tmp_path)
        yield found


def caught_up(here: Site) -> None:
    """Let the feed be quiet for longer than the settle delay, then read and apply all of it."""
    ledger = here.cc.ledger
    while max(ledger.usage[-1].created_at, ledger.audit[-1].created_at) >= here.cc.clock.now() - QUIET:
        here.cc.step(5)
    here.good("producer", "run", "--until-caught-up")
    here.good("processors", "run", "--until-caught-up")


def newest(here: Site, topic: Any) -> dict[str, Any]:
    """Return a compacted topic as a reader sees it."""
    found: dict[str, Any] = {}
    for row, record in here.decoded(topic):
        found[(row.key or b"").decode()] = record
    return found


def assert_right(here: Site) -> None:
    """Apps and totals as the Cloud Controller says; each closed hour as an independent reckoning of all rows says."""
    apps = app_faults(newest(here, here.topics.state), truth.world_truth(here.cc.world)["apps"])
    # Stagings that never closed, or closed unread, end by expiry: when, is not the source's.
    assert [fault for fault in apps if "staging" not in fault] == []
    (total,) = newest(here, here.topics.foundation_usage).values()
    summary = truth.usage_summary(here.cc.world)
    assert total["running_instances"] == summary["started_instances"]
    assert total["memory_mb"] + total["task_memory_mb"] == summary["memory_in_mb"]
    assert total["running_tasks"] == summary["per_app_tasks"]
    settled = min(mark["settled_until"] for mark in newest(here, here.topics.checkpoints).values())
    until = settled // HOUR * HOUR
    wanted = usage_oracle.hours(here.records(here.topics.usage), settled // SECOND)
    hours = newest(here, here.topics.usage_hours).values()
    closed = {_where(hour): tuple(hour[name] for name in FIGURES) for hour in hours if hour["hour"] + HOUR <= until}
    nothing = (0, 0, 0, 0)
    assert len({where[2] for where in wanted}) >= 4, "too few hours to prove anything"
    unequal = {
        where: (wanted.get(where, nothing), closed.get(where, nothing))
        for where in wanted.keys() | closed.keys()
        if wanted.get(where, nothing) != closed.get(where, nothing)
    }
    assert unequal == {}


def _where(hour: dict[str, Any]) -> tuple[str, str, int]:
    scope = hour["scope"]
    return scope, "f" if scope == "foundation" else hour["guid"], hour["hour"] // SECOND


@pytest.mark.timeout(400)
def test_a_purge_and_reseed_twice_leaves_tables_and_hours_right(here: Site) -> None:
    for _ in range(2):
        here.cc.do(60)
        here.cc.step(2000)
        caught_up(here)
        here.cc.purge_and_reseed()
        here.cc.step(2000)
        caught_up(here)
        assert_right(here)
    gaps = {mark["feed"]: mark["gap"] for mark in newest(here, here.topics.checkpoints).values()}
    assert gaps["app-usage-events"]["kind"] == "reseed"
