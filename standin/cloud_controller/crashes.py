# ruff: noqa: PLR2004 # chances of made-up crashes
"""How instances die and when Diego starts them again."""

import random
from typing import Any, NamedTuple

from standin.cloud_controller.clock import SECOND

IMMEDIATE_RESTARTS = 3
FIRST_WAIT_S = 30
LONGEST_WAIT_S = 16 * 60
GIVE_UP_AFTER = 200
HEALTHY_AFTER_S = 5 * 60
"""An instance that ran so long starts a new count (bbs, models/restart_calculator.go and actual_lrp.go)."""


def restart_wait_s(crash_count: int) -> int | None:
    """Return how long Diego waits after the n-th crash in a row; None when it gives up."""
    if crash_count >= GIVE_UP_AFTER:
        return None
    if crash_count < IMMEDIATE_RESTARTS:
        return 0
    return int(min(FIRST_WAIT_S * 2 ** min(crash_count - IMMEDIATE_RESTARTS, 10), LONGEST_WAIT_S))


def next_count(at: int, count: int, last_at: int) -> int:
    """Return the number of a crash after ``count`` in a row: one again when the instance lived well between."""
    wait_s = restart_wait_s(count) or 0
    lived_well = at - last_at > (wait_s + HEALTHY_AFTER_S) * SECOND
    return 1 if lived_well else count + 1


class Exit(NamedTuple):
    """How an instance ended."""

    description: str
    status: int | str | None


def exited(status: int) -> Exit:
    """Return an ordinary end with that status."""
    return Exit(f"APP/PROC/WEB: Exited with status {status}", status)


OUT_OF_MEMORY = Exit("APP/PROC/WEB: Exited with status 137 (out of memory)", 137)
UNHEALTHY = Exit("Instance never healthy after 1m0s: Timed out after 1m0s: health check never passed.", None)

CELLS = tuple(f"00c0ffee-0000-4000-a000-00000000{number:04d}" for number in range(40))


def any_exit(chance: random.Random) -> Exit:
    """Return a likely end: a status, now and then as text or missing, as real rows have it."""
    toss = chance.random()
    if toss < 0.1:
        return UNHEALTHY
    if toss < 0.13:
        return Exit("APP/PROC/WEB: Exited with status 1", "1")
    return exited(chance.choice((1, 1, 1, 2, 4, 127, 143)))


def crash_payload(
    end: Exit, *, at: int, instance: str, index: int, cell: str, crash_count: int, version: str
) -> dict[str, Any]:
    """Return what Diego reports of a crash; ``crash_timestamp`` is in nanoseconds, beyond 2**53."""
    payload: dict[str, Any] = {
        "instance": instance,
        "index": index,
        "cell_id": cell,
        "reason": "CRASHED",
        "exit_description": end.description,
        "crash_count": crash_count,
        "crash_timestamp": at * 1000 + (at // SECOND) % 1000,
        "version": version,
    }
    if end.status is not None:
        payload["exit_status"] = end.status
    return payload


SHOWN_BY_APP_CRASH = ("instance", "index", "cell_id", "exit_status", "exit_description", "reason")
"""What the app's own crash event keeps of the payload (AppEventRepository#create_app_crash_event)."""
