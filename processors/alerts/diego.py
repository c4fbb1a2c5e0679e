"""How Diego restarts a crashing instance.

Source: bbs ``models/restart_calculator.go`` and ``models/actual_lrp.go``; the documentation's "App lifecycle".
Three restarts at once, then 30 s doubling to 16 minutes, given up after 200; an instance that ran for 5 minutes
starts to count anew. A loop therefore thins out: after about eight crashes one instance crashes four times an hour.
"""

IMMEDIATE_RESTARTS = 3
FIRST_WAIT_S = 30
LONGEST_WAIT_S = 960
FORGIVEN_AFTER_S = 300
GIVEN_UP_AFTER = 200
START_ALLOWANCE_S = 120
"""How long an instance may take to start before it crashes again; health checks give it 60 s as a rule."""


def restart_wait_s(crash_count: int) -> int:
    """Return the seconds that Diego waits before the restart that follows the ``crash_count``-th crash."""
    if crash_count < IMMEDIATE_RESTARTS:
        return 0
    return min(LONGEST_WAIT_S, FIRST_WAIT_S << min(crash_count - IMMEDIATE_RESTARTS, 16))


def loop_gap_s(crash_count: int) -> int:
    """Return the longest gap after the ``crash_count``-th crash within which the next one is of the same loop."""
    return restart_wait_s(crash_count) + FORGIVEN_AFTER_S + START_ALLOWANCE_S
