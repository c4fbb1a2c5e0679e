"""The demo as a newcomer runs it, on the stack of the tests: checked, and live until Ctrl-C."""

import os
import pty
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from support.command import Ended, cfstream

from standin.cloud_controller.clock import SimClock
from standin.cloud_controller.scenario import play_demo_scenario
from standin.cloud_controller.server import CloudController, running
from standin.places import data_folder
from standin.stack import Stack

WITHIN_S = 150


def environment(stack: Stack) -> dict[str, str]:
    return {**os.environ, **stack.environment, "COLUMNS": "150", "LINES": "50", "TERM": "xterm-256color"}


def checked_demo(stack: Stack, *options: str, **given: str) -> Ended:
    return cfstream("demo", "--once", "--json", *options, environment=environment(stack) | given, within_s=WITHIN_S)


def test_checked_demo_matches_the_source_and_every_alert_arrives(stack: Stack) -> None:
    done = checked_demo(stack)
    assert done.code == 0, done.err
    outcome = done.objects[-1]
    assert list(outcome) == [
        "usage_events",
        "audit_events",
        "apps",
        "running_instances",
        "memory_mb",
        "alerts_sent",
        "alerts_received",
        "matches_source",
        "rows_per_second",
        "seconds",
    ]
    assert outcome["matches_source"] is True
    assert outcome["usage_events"] >= 20_000
    assert outcome["apps"] >= 500
    assert outcome["alerts_received"] == outcome["alerts_sent"] > 0


def test_checked_demo_reads_a_given_cloud_controller_and_keeps_its_secret(stack: Stack) -> None:
    cc = CloudController(seed=3, clock=SimClock())
    play_demo_scenario(cc)
    with running(cc) as url:
        given = {"CFSTREAM_CF_CLIENT_ID": cc.options.client_id, "CFSTREAM_SETTLE_SECONDS": "5"}
        secret = {"CFSTREAM_CF_CLIENT_SECRET": cc.options.client_secret}
        done = checked_demo(stack, "--cf-api", str(url), **given, **secret)
        assert done.code == 0, done.err
        outcome = done.objects[-1]
        assert outcome["matches_source"] is True
        assert outcome["usage_events"] == len(cc.ledger.usage)
        newest = max(data_folder().glob("runs/*/settings.env"), key=lambda file: file.stat().st_mtime)
        assert str(url) in newest.read_text("utf-8")
        assert cc.options.client_secret not in newest.read_text("utf-8")
        refused = checked_demo(stack, "--cf-api", str(url), **given)
        assert refused.code != 0
        assert "CFSTREAM_CF_CLIENT_SECRET" in refused.err


@contextmanager
def in_a_terminal(stack: Stack) -> Iterator[tuple["subprocess.Popen[bytes]", int]]:
    ours, theirs = pty.openpty()
    child = subprocess.Popen(
        [sys.executable, "-m", "cfstream", "demo"], env=environment(stack), stdin=theirs, stdout=theirs, stderr=theirs
    )
    os.close(theirs)
    try:
        yield child, ours
    finally:
        if child.poll() is None:
            child.kill()
        child.wait()
        os.close(ours)


def read_until(terminal: int, wanted: str, within_s: float) -> str:
    """Read the terminal until a text is on it."""
    seen = b""
    deadline = time.monotonic() + within_s
    while wanted.encode() not in seen:
        assert time.monotonic() < deadline, seen[-4000:].decode("utf-8", "replace")
        if select.select([terminal], [], [], 0.5)[0]:
            seen += os.read(terminal, 65536)
    return seen.decode("utf-8", "replace")


def drained(terminal: int, child: "subprocess.Popen[bytes]", within_s: float) -> int:
    """Read what is still printed, so that the child is never stuck, until it ends; return its exit code."""
    deadline = time.monotonic() + within_s
    while child.poll() is None:
        assert time.monotonic() < deadline, "the demo does not end"
        # Linux answers EIO once the other end of a terminal is closed.
        with suppress(OSError):
            if select.select([terminal], [], [], 0.2)[0]:
                os.read(terminal, 65536)
    return child.returncode


def test_live_demo_shows_organizations_and_ends_on_interrupt(stack: Stack) -> None:
    with in_a_terminal(stack) as (child, terminal):
        # An organization of the simulated Cloud Controller, with its totals: the whole chain has worked.
        read_until(terminal, "banking", WITHIN_S)
        child.send_signal(signal.SIGINT)
        assert drained(terminal, child, 60) == 0
