"""Ten thousand crashes in a minute through a real worker and a real notifier: a handful of messages, bounded memory."""

import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest
from support.alert_rows import T0, crash
from support.command import clean_environment
from support.notifier_world import World, world
from support.waiting import until, until_there_are

from plumbing.clock import SECOND
from schemas.records import AuditEvent

APPS, CRASHES, SPACES = 2500, 4, 50
HOUR_S, OVER_AFTER_S = 3600, 1600
WITHIN_S = 180
MOST_MB = 150
"""What a wave may add to a process the first time: 2,500 apps with four crashes and two alerts each, and buffers."""
MOST_MB_AGAIN = 40
"""And the next time, when all of it has been there before."""


@contextmanager
def worker(chain: World, folder: Path) -> Iterator["subprocess.Popen[bytes]"]:
    own = {"CFSTREAM_DATA_DIR": str(folder), "CFSTREAM_WORKER_GROUP": f"{chain.topics.prefix}workers"}
    with (folder / "worker.log").open("wb") as out:
        child = subprocess.Popen(
            [sys.executable, "-m", "cfstream", "processors", "run"],
            env=clean_environment(chain.environment | own),
            stdout=out,
            stderr=out,
        )
        try:
            yield child
        finally:
            child.terminate()
            child.wait(30)


def wave(at_s: int) -> list[AuditEvent]:
    """Return 10,000 crashes of one minute, evenly over the apps, in order of time."""
    events = []
    for n in range(APPS * CRASHES):
        number = n % APPS
        app, space = f"app-{number}", f"space-{number % SPACES}"
        named = {"app_guid": app, "target_guid": app, "target_name": app, "space_guid": space}
        event = crash(at_s + n * 60 // (APPS * CRASHES), n // APPS % 2, cell_id=f"cell-{number % 200}")
        events.append(event | named | {"guid": f"crash-{at_s}-{n}"})
    return events  # type: ignore[return-value] # keys of AuditEvent


def rss_mb(process: "subprocess.Popen[bytes]") -> float:
    return float(psutil.Process(process.pid).memory_info().rss / 2**20)


def storms(chain: World, status: str) -> int:
    """Count the messages that tell of the foundation's storm."""
    return sum(("foundation-storm", status) in one.alerts for one in chain.hooks.at("/a"))


def open_alerts(chain: World) -> set[str]:
    """Return the ids that fire and are not resolved."""
    records = chain.read(chain.topics.alerts)
    ids = {status: {one["id"] for one in records if one["status"] == status} for status in ("firing", "resolved")}
    return ids["firing"] - ids["resolved"]


def test_ten_thousand_crashes_in_a_minute(
    kafka: str, registry_url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each wave sets off thousands of alerts of apps, which the storm hides; half an hour later all are over."""
    with world(kafka, registry_url, tmp_path) as chain:
        chain.configure(
            receivers=[{"name": "a", "type": "webhook", "url": "/a", "per_second": 100}],
            route={"receiver": "a", "group_wait": "10s", "group_interval": "1s"},
            watch={"enabled": False},
            flapping=None,
        )
        with worker(chain, tmp_path) as applying:
            notifying = chain.start()
            chain.crashes([crash(0) | {"guid": "first"}], T0 + SECOND)
            until(lambda: "rows applied" in (tmp_path / "worker.log").read_text(), within_s=WITHIN_S, what="a row")
            sizes = [(rss_mb(applying), rss_mb(notifying))]
            messages = 0
            for number in range(1, 3):
                at_s = number * 2 * HOUR_S
                chain.crashes(wave(at_s), T0 + (at_s + 61) * SECOND)
                until_there_are(number, lambda: storms(chain, "firing"), within_s=WITHIN_S, what="the storm is told")
                chain.checkpoint(T0 + (at_s + OVER_AFTER_S) * SECOND)
                until_there_are(number, lambda: storms(chain, "resolved"), within_s=WITHIN_S, what="its end is told")
                until(lambda: not open_alerts(chain), within_s=WITHIN_S, what="all alerts of apps are over")
                sizes.append((rss_mb(applying), rss_mb(notifying)))
                said = len(chain.hooks.at("/a")) - messages
                messages += said
                assert 2 <= said <= 10, f"{said} messages for a wave of {APPS * CRASHES} crashes"
            fired = Counter(one["rule"] for one in chain.read(chain.topics.alerts) if one["status"] == "firing")
    assert fired["crash-rate"] >= 2 * APPS, "without the storm each app would have been told"
    with capsys.disabled():
        shown = "; ".join(f"worker {one:.0f} MB, notifier {other:.0f} MB" for one, other in sizes)
        sys.stdout.write(f"\n10,000 crashes a minute, twice, {messages} messages: {shown}\n")
    for before, first, again in zip(*sizes, strict=True):
        assert first - before <= MOST_MB
        assert again - first <= MOST_MB_AGAIN
