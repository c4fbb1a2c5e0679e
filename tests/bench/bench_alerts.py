"""How long a crash takes to reach a chat room: audit row committed → worker → alerts topic → notifier → webhook.

    make bench ARGS=tests/bench/bench_alerts.py

Each round commits the third crash of a new app and waits for its webhook. Prints milliseconds and holds p99 to 1 s.
"""

import subprocess
import sys
import time
from pathlib import Path

from support.alert_rows import crash
from support.command import clean_environment
from support.notifier_world import World, world
from support.waiting import until

from plumbing.clock import SECOND, SystemClock

ROUNDS = 200
P99_MS = 1000


def test_crash_to_webhook(kafka: str, registry_url: str, tmp_path: Path) -> None:
    with world(kafka, registry_url, tmp_path) as chain:
        chain.configure(
            rules=[{"name": "crash-rate", "kind": "rate"}],
            receivers=[{"name": "a", "type": "webhook", "url": "/a", "per_second": 100}],
            route={"receiver": "a", "group_by": ["app_guid"], "group_wait": "0s", "group_interval": "1s"},
            watch={"enabled": False},
        )
        chain.environment["CFSTREAM_DATA_DIR"] = str(tmp_path)
        chain.environment["CFSTREAM_WORKER_GROUP"] = f"{chain.topics.prefix}workers"
        log = tmp_path / "worker.log"
        with log.open("wb") as out:
            worker = subprocess.Popen(
                [sys.executable, "-m", "cfstream", "processors", "run"],
                env=clean_environment(chain.environment),
                stdout=out,
                stderr=out,
            )
        try:
            chain.start()
            one_round(chain, 0)  # until both are warm
            took = sorted(one_round(chain, n) for n in range(1, ROUNDS + 1))
        finally:
            worker.terminate()
            worker.wait(30)
    p50, p99 = took[len(took) // 2], took[int(len(took) * 0.99)]
    sys.stdout.write(f"\ncrash to webhook: p50 {p50:.0f} ms, p99 {p99:.0f} ms, most {took[-1]:.0f} ms\n")
    assert p99 <= P99_MS


def one_round(chain: World, n: int) -> float:
    """Return the milliseconds from the commit of an app's third crash to its webhook."""
    now = SystemClock().now()
    events = []
    for second in range(3):
        event = crash(second) | {"app_guid": f"app-{n}", "target_guid": f"app-{n}", "target_name": f"app {n}"}
        event["created_at"] = now - (3 - second) * SECOND
        events.append(event)
    for event in events:
        chain.put(chain.topics.audit, f"app-{n}", event)
    began = chain.flush()
    found = until(
        lambda: [one for one in chain.hooks.at("/a") if one.alerts[0][0] == f"app {n}"],
        within_s=90,
        what=f"the webhook of round {n}",
    )
    assert time.monotonic() >= found[0].at_s
    return (found[0].at_s - began) * 1000
