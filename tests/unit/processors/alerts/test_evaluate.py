"""The rules over one app's crashes, in event time."""

import json
from io import BytesIO

import pytest
from fastavro import schemaless_reader, schemaless_writer
from support.alert_rows import T0, crash, facts, row, twin

from plumbing.clock import SECOND
from processors.alerts import evaluate
from processors.alerts.rules import Match, Override, Rule, Rules
from processors.alerts.state import CrashState, empty
from schemas import avro
from schemas.records import Alert, AuditEvent

RATE = Rules(rules=[Rule(name="crash-rate", kind="rate")])


def only(**given: object) -> Rules:
    return Rules(rules=[Rule.model_validate({"name": "r"} | given)])


def run(rules: Rules, rows: list[AuditEvent], **known: object) -> tuple[CrashState, list[Alert]]:
    state, said = empty(), []
    for event in rows:
        state, alerts = evaluate.observe(rules, state, facts(**known), event)
        said += alerts
    return state, said


def tick(rules: Rules, state: CrashState, at_s: float, **known: object) -> tuple[CrashState, list[Alert]]:
    return evaluate.tick(rules, state, facts(**known), T0 + round(at_s * SECOND))


def brief(alerts: list[Alert]) -> list[tuple[str, str, float]]:
    return [(alert["rule"], alert["status"], (alert["as_of"] - T0) / SECOND) for alert in alerts]


def test_the_third_crash_within_five_minutes_fires_once() -> None:
    _, said = run(RATE, [crash(0), crash(100), crash(299), crash(310)])
    assert brief(said) == [("crash-rate", "firing", 299)]
    assert said[0]["crashes"] == 3
    assert said[0]["summary"] == "shop crashed 3 times in 5 min"


def test_a_crash_exactly_one_window_old_counts_no_more() -> None:
    assert run(RATE, [crash(0), crash(100), crash(300)])[1] == []


def test_the_twin_is_not_counted() -> None:
    rows = [event for at in (0, 10) for event in (crash(at), twin(at))]
    state, said = run(RATE, rows)
    assert said == []
    assert state["total"] == 2


def test_quiet_resolves_at_its_own_time_whenever_the_tick_comes() -> None:
    state, said = run(RATE, [crash(0), crash(10), crash(20)])
    assert evaluate.due(RATE, state, facts()) == T0 + 620 * SECOND
    same, none = tick(RATE, state, 619)
    assert same is state
    assert none == []
    for late in (620, 5000):
        after, resolved = tick(RATE, state, late)
        assert brief(resolved) == [("crash-rate", "resolved", 620)]
        assert resolved[0]["resolve_reason"] == "quiet"
        assert resolved[0]["id"] == said[0]["id"]
        assert after["alerts"] == []


def test_without_any_tick_a_later_crash_carries_out_the_all_clear_first() -> None:
    _, said = run(RATE, [crash(0), crash(10), crash(20), crash(4000), crash(4001), crash(4002)])
    assert brief(said) == [
        ("crash-rate", "firing", 20),
        ("crash-rate", "resolved", 620),
        ("crash-rate", "firing", 4002),
    ]
    assert said[0]["id"] != said[2]["id"]


def test_a_crash_at_the_very_deadline_keeps_it_firing() -> None:
    assert brief(run(RATE, [crash(0), crash(10), crash(20), crash(620)])[1]) == [("crash-rate", "firing", 20)]


def test_a_late_row_takes_its_place_in_the_window() -> None:
    assert brief(run(RATE, [crash(0), crash(200), crash(100)])[1]) == [("crash-rate", "firing", 200)]
    assert run(RATE, [crash(400), crash(500), crash(10)])[1] == []


def test_a_replay_says_the_same_ids() -> None:
    rows = [crash(0), crash(10), crash(20)]
    assert run(RATE, rows)[1] == run(RATE, rows)[1]


def test_for_waits_until_the_condition_has_held_so_long() -> None:
    rules = only(kind="rate", **{"for": "2m"})
    state, said = run(rules, [crash(0), crash(10), crash(20)])
    assert said == []
    assert brief(tick(rules, state, 140)[1]) == [("r", "firing", 140)]
    assert brief(run(rules, [crash(0), crash(10), crash(20), crash(200)])[1]) == [("r", "firing", 140)]


def test_for_begins_anew_when_the_condition_lapsed() -> None:
    rules = only(kind="rate", **{"for": "6m"})
    state, said = run(rules, [crash(0), crash(10), crash(20)])
    state, more = tick(rules, state, 1000)
    assert said + more == []
    assert state["alerts"] == []


def test_cool_down_keeps_a_resolved_rule_silent() -> None:
    rules = only(kind="rate", cool_down="30m")
    rows = [crash(at) for at in (0, 10, 20, 1000, 1010, 1020)]
    state, said = run(rules, rows)
    assert brief(said) == [("r", "firing", 20), ("r", "resolved", 620)]
    assert brief(tick(rules, state, 3000)[1]) == []
    again = [crash(at) for at in (2300, 2310, 2400, 2440, 2500)]
    assert brief(run(rules, rows + again)[1][2:]) == [("r", "firing", 2420)]


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("audit.app.stop", "stopped"),
        ("audit.app.restart", "restarted"),
        ("audit.app.delete-request", "deleted"),
        ("audit.app.restage", "restaged"),
        ("audit.app.droplet.mapped", "restaged"),
    ],
)
def test_a_stopped_deleted_or_restaged_app_resolves_with_that_reason(kind: str, reason: str) -> None:
    _, said = run(RATE, [crash(0), crash(10), crash(20), row(30, kind), crash(40), crash(50)])
    assert brief(said) == [("crash-rate", "firing", 20), ("crash-rate", "resolved", 30)]
    assert said[1]["resolve_reason"] == reason


def test_a_crash_before_a_stop_that_came_first_in_the_log_counts_no_more() -> None:
    state, _ = run(RATE, [crash(0), crash(10)])
    state, _ = evaluate.cleared(RATE, state, facts(), T0 + 30 * SECOND, "stopped")
    state, said = evaluate.observe(RATE, state, facts(), crash(20))
    assert said == []
    assert state["total"] == 3


def test_a_deploy_shortly_before_is_named() -> None:
    _, said = run(RATE, [row(0, "audit.app.droplet.mapped"), crash(60), crash(120), crash(240)])
    assert said[0]["annotations"]["deploy"].startswith("crashing since the deploy 4 min before")
    _, said = run(RATE, [row(0, "audit.app.droplet.mapped"), crash(3600), crash(3601), crash(3602)])
    assert "deploy" not in said[0]["annotations"]


def test_crashes_per_running_instance() -> None:
    rules = only(kind="per-instance", threshold=2, window="10m")
    rows = [crash(at, at % 2) for at in range(4)]
    assert brief(run(rules, rows, instances=2)[1]) == [("r", "firing", 3)]
    assert run(rules, rows, instances=3)[1] == []
    assert run(rules, rows, instances=0)[1] == []


def test_all_instances_down_needs_each_index() -> None:
    rules = only(kind="all-instances")
    assert run(rules, [crash(0, 0), crash(1, 0), crash(2, 1)], instances=3)[1] == []
    assert brief(run(rules, [crash(0, 0), crash(1, 2), crash(2, 1)], instances=3)[1]) == [("r", "firing", 2)]
    assert run(rules, [crash(0, 0)], instances=1)[1] == []


def test_a_loop_stays_firing_past_the_back_off() -> None:
    """Diego's waits: none, none, none, 30 s … 16 min; the alert must not resolve between the late crashes."""
    rules = only(kind="loop")
    gaps = [5, 5, 5, 35, 65, 125, 245, 485, 965, 965, 965]
    at, rows = 0, [crash(0)]
    for gap in gaps:
        at += gap
        rows.append(crash(at))
    state, said = run(rules, rows)
    assert [alert["status"] for alert in said] == ["firing", "firing"], "once, and once more at eight crashes"
    assert said[0]["labels"]["index"] == "0"
    assert brief(tick(rules, state, at + 1205)[1]) == []
    _, resolved = tick(rules, state, at + 1207)
    assert brief(resolved) == [("r", "resolved", at + 1207)], "1.25 times the last gap of 965 s"


def test_a_loop_is_known_at_once_by_the_count_of_the_twin() -> None:
    rules = only(kind="loop")
    for rows in ([crash(0), twin(0, count=7)], [twin(0, count=7), crash(0)]):
        _, said = run(rules, rows)
        assert brief(said) == [("r", "firing", 0)]
        assert said[0]["crashes"] == 7


def test_two_indexes_are_two_loops() -> None:
    rules = only(kind="loop")
    _, said = run(rules, [crash(at, at % 2) for at in range(6)])
    assert [alert["labels"]["index"] for alert in said] == ["0", "1"]
    assert run(rules, [crash(at, at) for at in range(6)])[1] == []


def test_near_giving_up_never_resolves_by_quiet_when_given_up() -> None:
    rules = only(kind="giving-up")
    state, said = run(rules, [crash(0), twin(0, count=191)])
    assert [alert["status"] for alert in said] == ["firing"]
    assert evaluate.due(rules, state, facts()) == T0 + 1200 * SECOND
    state, said = run(rules, [crash(0), twin(0, count=200)])
    assert evaluate.due(rules, state, facts()) is None, "no restart follows, so quiet means down"
    assert said[0]["annotations"]["given_up"]
    _, resolved = evaluate.cleared(rules, state, facts(), T0 + 60 * SECOND, "stopped")
    assert [alert["resolve_reason"] for alert in resolved] == ["stopped"]


def test_where_processes_differ_in_memory_both_ends_are_said() -> None:
    _, said = run(only(kind="out-of-memory"), [crash(0, 0, exit_status="137")], instance_memory_mb=(512, 2048))
    assert said[0]["summary"].endswith("(512 to 2048 MB an instance)")
    assert said[0]["annotations"]["memory"] == "512 to 2048 MB an instance"


@pytest.mark.parametrize(
    ("given", "verdict"),
    [
        ({"exit_description": "APP/PROC/WEB: Exited with status 137 (out of memory)"}, "stated by the platform"),
        ({"exit_status": "137"}, "probable (exit status 137)"),
        ({"exit_description": "Exited with status 137"}, "probable (exit status 137)"),
    ],
)
def test_out_of_memory_names_the_memory_and_how_sure_it_is(given: dict[str, str], verdict: str) -> None:
    _, said = run(only(kind="out-of-memory"), [crash(0, 0, **given)])
    assert said[0]["annotations"]["out_of_memory"] == verdict
    assert "512 MB" in said[0]["summary"]


def test_status_137_alone_can_be_left_out() -> None:
    assert run(only(kind="out-of-memory", probable=False), [crash(0, exit_status="137")])[1] == []
    assert run(only(kind="out-of-memory"), [crash(0)])[1] == []


def test_rules_match_by_org_space_app_and_label() -> None:
    rows = [crash(0), crash(1), crash(2)]
    for match, fires in [
        ({"app": "sh*"}, True),
        ({"app": "app-1"}, True),
        ({"app": ["other", "x-*"]}, False),
        ({"space": "prod", "org": "org-1"}, True),
        ({"space": "dev"}, False),
        ({"labels": {"tier": "g*"}}, True),
        ({"labels": {"tier": "silver"}}, False),
    ]:
        said = run(only(kind="rate", match=match), rows, labels={"tier": "gold"})[1]
        assert bool(said) is fires, match
    assert run(only(kind="rate", exclude={"app": "shop"}), rows)[1] == []


def test_the_most_specific_override_holds() -> None:
    by_org = Override(match=Match(org=["org-1"]), threshold=1)
    by_app = Override(match=Match(app=["shop"]), threshold=5, severity="critical")
    rules = Rules(rules=[Rule(name="r", kind="rate", overrides=[by_org, by_app])])
    _, said = run(rules, [crash(at) for at in range(5)])
    assert brief(said) == [("r", "firing", 4)]
    assert said[0]["severity"] == "critical"
    assert brief(run(rules, [crash(0)], app_name="cart")[1]) == [("r", "firing", 0)]


def test_an_alert_of_a_rule_that_is_gone_is_resolved() -> None:
    state, _ = run(RATE, [crash(0), crash(1), crash(2)])
    none = Rules(rules=[])
    _, said = tick(none, state, 3)
    assert [alert["resolve_reason"] for alert in said] == ["rule removed"]


def test_a_long_episode_is_said_anew_when_its_count_doubles() -> None:
    _, said = run(RATE, [crash(at) for at in range(200)])
    assert [alert["crashes"] for alert in said] == [3, 8, 16, 32, 64, 128]
    assert len({alert["id"] for alert in said}) == 1


def test_the_state_stays_bounded() -> None:
    state, _ = run(Rules(), [crash(at / 10, at % 500) for at in range(3000)], instances=500)
    assert len(state["recent"]) == 256
    assert len(state["indexes"]) == 64
    assert len(avro_bytes(state)) < 16_000


def test_the_state_given_is_never_changed() -> None:
    state, _ = run(Rules(), [crash(0), crash(1)])
    before = json.dumps(state)
    evaluate.observe(Rules(), state, facts(), crash(2))
    evaluate.observe(Rules(), state, facts(), twin(1))
    evaluate.observe(Rules(), state, facts(), row(3, "audit.app.restage"))
    assert json.dumps(state) == before


def avro_bytes(state: CrashState) -> bytes:
    out = BytesIO()
    schemaless_writer(out, avro.parsed("CrashState"), state)
    out.seek(0)
    assert schemaless_reader(out, avro.parsed("CrashState"), None) == state
    return out.getvalue()


def test_the_part_of_app_state_is_the_same_schema() -> None:
    app_state = json.loads(avro.text("AppState"))
    part = next(field for field in app_state["fields"] if field["name"] == "crash")["type"][1]
    assert part == json.loads(avro.text("CrashState"))
