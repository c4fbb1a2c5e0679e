"""The state machine against a slow, obvious reference, second by second; and the same log however it is played."""

import random
from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st
from support.alert_rows import T0, crash, facts, row

from plumbing.clock import SECOND
from processors.alerts import evaluate
from processors.alerts.rules import Rule, Rules
from processors.alerts.state import CrashState, empty
from schemas.records import Alert, AuditEvent

END = 900


def obvious(times: list[int], rule: Rule, stops: list[int]) -> list[tuple[str, int]]:  # noqa: C901 - a rule told as it is
    """One rule of kind rate, with ``for``, cool-down and stops, looked at in each second after its rows.

    Quiet ends an alert only in a second without a row: a crash then goes on with it, a stop then is its end.
    """
    said: list[tuple[str, int]] = []
    held_since: int | None = None
    firing = False
    silent_until = last = 0
    cleared = -1
    for now in range(END + 1):
        if firing and now >= last + rule.resolve_after and now >= over(times, rule, cleared, last):
            if now not in times and now not in stops:
                firing, silent_until = False, now + rule.cool_down
                said.append(("resolved", now))
                held_since = None
            elif now > last + rule.resolve_after and now > over(times, rule, cleared, last):
                raise AssertionError("the second before should have ended it")
        live = [at for at in times if cleared < at <= now]
        if live:
            last = live[-1]
        holds = len([at for at in live if at > now - rule.window]) >= rule.threshold
        if not holds:
            held_since = held_since if firing else None
        elif held_since is None and not firing and now in times:
            held_since = now
        if held_since is not None and not firing and now >= max(held_since + rule.for_, silent_until):
            firing = True
            said.append(("firing", now))
        if now in stops:
            cleared = now
            if firing:
                firing = False
                said.append(("stopped", now))
            held_since = None
    return said


def over(times: list[int], rule: Rule, cleared: int, last: int) -> int:
    """When the count falls below the threshold if nothing more comes after ``last``."""
    live = [at for at in times if cleared < at <= last]
    needed = int(rule.threshold)
    return live[-needed] + rule.window if len(live) >= needed else 0


def play(rules: Rules, rows: list[AuditEvent], *, ticks: list[int]) -> list[tuple[str, int]]:
    """Play rows in order, with ticks at some seconds: each after the rows of its second."""
    state, said = empty(), list[Alert]()
    events = sorted(
        [((event["created_at"] - T0) // SECOND, 0, n, event) for n, event in enumerate(rows)]
        + [(at, 1, n, None) for n, at in enumerate([*ticks, END])],
        key=lambda entry: entry[:3],
    )
    for at, _, _, event in events:
        if event is None:
            state, alerts = evaluate.tick(rules, state, facts(), T0 + at * SECOND)
        else:
            state, alerts = evaluate.observe(rules, state, facts(), event)
        said += alerts
    return [
        (
            "stopped" if alert["resolve_reason"] == "stopped" else alert["status"],
            (alert["as_of"] - T0) // SECOND,
        )
        for alert in said
        if alert["crashes"] < 8 or alert["status"] == "resolved" or alert["as_of"] == alert["starts_at"]
    ]


seconds = st.lists(st.integers(0, 400), max_size=14)


@settings(max_examples=400, deadline=None)
@given(
    times=seconds,
    stops=st.lists(st.integers(0, 400), max_size=2),
    ticks=st.lists(st.integers(0, END), max_size=10),
    wait=st.sampled_from([0, 5, 30]),
    cool_down=st.sampled_from([0, 50]),
    resolve_after=st.sampled_from([20, 60]),
)
@example(times=[83, 84, 85], stops=[123], ticks=[], wait=0, cool_down=0, resolve_after=20)
@example(times=[83, 84, 85], stops=[123], ticks=[122, 123], wait=0, cool_down=50, resolve_after=20)
def test_rate_rule_equals_the_reference(
    times: list[int], stops: list[int], ticks: list[int], wait: int, cool_down: int, resolve_after: int
) -> None:
    times, stops = sorted(set(times) - set(stops)), sorted(set(stops))
    rule = Rule.model_validate(
        {
            "name": "r",
            "kind": "rate",
            "threshold": 3,
            "window": 40,
            "for": wait,
            "cool_down": cool_down,
            "resolve_after": resolve_after,
        }
    )
    rows = sorted(
        [crash(at) for at in times] + [row(at, "audit.app.stop") for at in stops], key=lambda event: event["created_at"]
    )
    assert play(Rules(rules=[rule]), rows, ticks=ticks) == obvious(times, rule, stops)


def full(rules: Rules, rows: list[AuditEvent], ticks: list[int], **known: Any) -> list[Alert]:
    state: CrashState = empty()
    said: list[Alert] = []
    waiting = sorted(ticks)
    for event in rows:
        while waiting and T0 + waiting[0] * SECOND < event["created_at"]:
            state, alerts = evaluate.tick(rules, state, facts(**known), T0 + waiting.pop(0) * SECOND)
            said += alerts
        state, alerts = evaluate.observe(rules, state, facts(**known), event)
        said += alerts
    state, alerts = evaluate.tick(rules, state, facts(**known), T0 + 100_000 * SECOND)
    return sorted(said + alerts, key=lambda alert: (alert["as_of"], alert["status"], alert["id"]))


@settings(max_examples=200, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(0, 3000), st.integers(0, 3), st.sampled_from(["crash", "crash", "crash", "oom", "stop"])),
        max_size=60,
    ),
    st.lists(st.integers(0, 4000), max_size=30),
)
def test_where_ticks_fall_changes_nothing_under_all_default_rules(
    happened: list[tuple[int, int, str]], ticks: list[int]
) -> None:
    rows = [
        row(at, "audit.app.stop") if kind == "stop" else crash(at, index, exit_status="137" if kind == "oom" else "1")
        for at, index, kind in sorted(happened)
    ]
    assert full(Rules(), rows, ticks, instances=4) == full(Rules(), rows, [], instances=4)


def test_late_rows_within_the_window_give_the_same_alerts() -> None:
    """Rows that come a little out of order fire the same rules, once each."""
    chance = random.Random(7)
    for _ in range(200):
        times = sorted(chance.sample(range(250), 6))
        shuffled = sorted(times, key=lambda at: at + chance.uniform(0, 60))
        in_order = {(a["rule"], a["status"]) for a in full(Rules(), [crash(at) for at in times], [])}
        late = [(a["rule"], a["status"]) for a in full(Rules(), [crash(at) for at in shuffled], [])]
        assert set(late) >= {one for one in in_order if one[0] == "crash-rate"}
        assert late.count(("crash-rate", "firing")) == 1
