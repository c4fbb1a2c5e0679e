"""Whether a rule's condition holds for an app, and until when it would hold without a further crash.

A window is half open: at time x it holds the crashes of (x - window, x]. So with the crashes known, a condition
holds exactly until some moment that can be computed; no clock is asked.
"""

from dataclasses import dataclass
from math import ceil

from plumbing.clock import SECOND
from processors.alerts.diego import GIVEN_UP_AFTER
from processors.alerts.rules import Rule
from processors.alerts.state import UNKNOWN_INDEX, AppFacts, CrashIndex, CrashState, RecentCrash
from schemas.records import Micros

LOOP_GAP_FACTOR = 1.25
"""A loop is over when it was quiet for this many times its last gap, and for the rule's resolve-after at least."""


@dataclass(frozen=True)
class Reading:
    """What a rule reads from the crashes of an app for one subject (empty, or one instance index).

    ``holds_until``: the condition holds before this moment (0: it does not hold). ``last_at``: newest crash that
    concerns the rule, 0 for none. ``quiet_s``: how long without one until it resolves; None: never by quiet.
    ``count``: crashes, or distinct indexes, at the newest crash.
    """

    subject: str
    holds_until: Micros
    last_at: Micros
    quiet_s: int | None
    count: int


def readings(rule: Rule, state: CrashState, facts: AppFacts) -> list[Reading]:
    """Read one rule over an app's crashes."""
    recent, instances = state["recent"], facts["instances"]
    if rule.kind == "rate":
        return [_counted(rule, recent, ceil(rule.threshold))]
    if rule.kind == "per-instance" and instances:
        return [_counted(rule, recent, max(1, ceil(rule.threshold * instances)))]
    if rule.kind == "out-of-memory":
        return [_counted(rule, [crash for crash in recent if concerns(rule, "", crash)], ceil(rule.threshold))]
    if rule.kind == "all-instances" and instances >= rule.threshold:
        return [_all_instances(rule, recent, instances)]
    if rule.kind in ("loop", "giving-up"):
        return [_loop(rule, index) for index in state["indexes"] if index["streak"]]
    return []


def subject_of(index: int) -> str:
    """Return the subject of an instance index."""
    return f"index {index}"


def concerns(rule: Rule, subject: str, crash: RecentCrash) -> bool:
    """Say whether a crash counts for a rule and subject."""
    if rule.kind == "out-of-memory":
        return crash["oom"] >= (1 if rule.probable else 2)
    return subject in ("", subject_of(crash["index"]))


def _counted(rule: Rule, crashes: list[RecentCrash], needed: int) -> Reading:
    window = rule.window * SECOND
    last_at = crashes[-1]["at"] if crashes else 0
    count = sum(crash["at"] > last_at - window for crash in crashes)
    holds_until = crashes[-needed]["at"] + window if len(crashes) >= needed else 0
    return Reading("", holds_until, last_at, rule.resolve_after, count)


def _all_instances(rule: Rule, crashes: list[RecentCrash], instances: int) -> Reading:
    window = rule.window * SECOND
    newest = {crash["index"]: crash["at"] for crash in crashes if crash["index"] != UNKNOWN_INDEX}
    times = sorted(newest.values(), reverse=True)
    last_at = times[0] if times else 0
    holds_until = times[instances - 1] + window if len(times) >= instances else 0
    count = sum(at > last_at - window for at in times)
    return Reading("", holds_until, last_at, rule.resolve_after, count)


def _loop(rule: Rule, index: CrashIndex) -> Reading:
    quiet_s = max(rule.resolve_after, ceil(LOOP_GAP_FACTOR * index["gap_s"]))
    given_up = index["streak"] >= GIVEN_UP_AFTER
    holds = index["streak"] >= rule.threshold
    return Reading(
        subject_of(index["index"]),
        index["last_at"] + quiet_s * SECOND if holds else 0,
        index["last_at"],
        None if given_up else quiet_s,  # given up: no restart follows, so quiet means down
        index["streak"],
    )
