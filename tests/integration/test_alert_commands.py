"""``cfstream alerts`` against real topics and a real webhook."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from support.alert_rows import T0, crash, row
from support.command import cfstream
from support.notifier_world import Answer, World, world
from support.usage_rows import snapshot

from plumbing.clock import SECOND, iso
from schemas.records import AppUsageEvent


@pytest.fixture
def notified(kafka: str, registry_url: str, tmp_path: Path) -> Iterator[World]:
    with world(kafka, registry_url, tmp_path) as made:
        made.configure(
            receivers=[{"name": "a", "type": "slack", "url": "/a", "per_second": 100}], route={"receiver": "a"}
        )
        yield made


def test_simulate_says_what_rules_would_have_done(notified: World, tmp_path: Path) -> None:
    rows = [crash(at) for at in (0, 60, 120, 7200, 7260, 7320)] + [row(7500, "audit.app.restage")]
    usage = {
        "foundation": "f",
        "guid": "u",
        "created_at": T0 - 86_400 * SECOND,
        "updated_at": None,
        "state": "STARTED",
        "previous_state": "STOPPED",
        "app_guid": "app-1",
        "app_name": "shop",
        "process_guid": "app-1",
        "process_type": "web",
        "space_guid": "space-1",
        "space_name": "prod",
        "org_guid": "org-1",
        "memory_mb_per_instance": 256,
        "instance_count": 1,
    }
    missing = dict.fromkeys(AppUsageEvent.__annotations__)
    notified.put(notified.topics.usage, "app-1", missing | usage)
    for event in rows:
        notified.put(notified.topics.audit, "app-1", event)
    seen = snapshot("process", 30, process="app-1", labels={"team": "web-shop"})
    named = {"observed_at": T0 - 60 * SECOND, "app_name": "shop", "space_name": "prod"}
    notified.put(notified.topics.snapshots, "app-1", seen | named)
    notified.flush()
    span = ("--since", iso(T0 - SECOND), "--until", iso(T0 + 10_000 * SECOND))
    rules = tmp_path / "rules.yaml"
    rules.write_text("rules:\n- {name: rate, kind: rate, threshold: 3}\n", "utf-8")
    ended = notified.command("alerts", "simulate", *span, "--rules", str(rules), "--json")
    assert ended.code == 0, ended.err
    assert [(one["as_of"], one["resolved_at"], one["resolve_reason"], one["space_name"]) for one in ended.objects] == [
        (iso(T0 + 120 * SECOND), iso(T0 + 720 * SECOND), "quiet", "prod"),
        (iso(T0 + 7320 * SECOND), iso(T0 + 7500 * SECOND), "restaged", "prod"),
    ]
    team = tmp_path / "team.yaml"
    for name, fired in (("web-shop", 2), ("other", 0)):  # the label is known by a snapshot alone
        match = f"{{labels: {{team: {name}}}}}"
        team.write_text(f"rules:\n- {{name: rate, kind: rate, threshold: 3, match: {match}}}\n", "utf-8")
        assert len(notified.command("alerts", "simulate", *span, "--rules", str(team), "--json").objects) == fired
    strict = tmp_path / "strict.yaml"
    strict.write_text("rules:\n- {name: rate, kind: rate, threshold: 4}\n", "utf-8")
    assert "nothing would have fired" in notified.command("alerts", "simulate", *span, "--rules", str(strict)).out
    shown = notified.command("alerts", "simulate", *span)
    assert "6 crashes" in shown.out
    assert "█" in shown.out
    assert notified.hooks.got == []
    assert notified.read(notified.topics.alerts) == []


def test_test_sends_a_real_one_and_says_how_it_went(notified: World) -> None:
    assert notified.command("alerts", "test", "a").out == "a: delivered\n"
    assert notified.command("alerts", "test", "a", "--resolved").code == 0
    first, second = notified.hooks.at("/a")
    assert first.body["text"].startswith("[FIRING] This is a test of cfstream")
    assert second.body["text"].startswith("[RESOLVED] This is a test of cfstream")
    notified.hooks.behave["/a"] = lambda _n: Answer(status=404)
    ended = notified.command("alerts", "test", "a")
    assert (ended.code, ended.err.splitlines()[-1]) == (1, "cfstream: a: answered 404")
    unknown = notified.command("alerts", "test", "b")
    assert (unknown.code, unknown.err.splitlines()[-1]) == (2, "cfstream: no receiver 'b'; there are a")


def test_bad_use_is_one_line_and_exit_2(notified: World) -> None:
    for arguments, expected in (
        (("simulate", "--since", "yore"), "neither a time"),
        (("simulate", "--since", "1h", "--until", "2h"), "--since must lie before --until"),
        (("silence", "add", "app"), "is no matcher"),
        (("silence", "add", "app=x", "--for", "0s"), "must last for some time"),
        (("check", "/no/such/file"), "No such file"),
    ):
        ended = notified.command("alerts", *arguments)
        assert ended.code == 2, arguments
        assert expected in ended.err
        assert ended.err.count("\n") == 1


def test_without_a_broker_it_says_so() -> None:
    ended = cfstream("alerts", "list", environment={"CFSTREAM_KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1"})
    assert ended.code == 2
    assert "no Kafka broker answers" in ended.err
