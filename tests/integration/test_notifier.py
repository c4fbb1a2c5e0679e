"""The notifier process on real Kafka and a real registry, with webhooks over real sockets."""

import re
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest
from support.alert_records import NOW, alert
from support.alert_rows import T0, crash
from support.notifier_world import Answer, World, world
from support.waiting import until

from plumbing.clock import SECOND

AT_ONCE = {"group_by": ["app_guid", "alertname"], "group_wait": "0s", "group_interval": "1s"}
FIRST_S = 30


@pytest.fixture
def notified(kafka: str, registry_url: str, tmp_path: Path) -> Iterator[World]:
    with world(kafka, registry_url, tmp_path) as made:
        yield made


def told(notified: World, path: str, count: int) -> bool:
    return len(notified.hooks.at(path)) == count


def receivers(*names: str, **given: Any) -> list[dict[str, Any]]:
    return [{"name": name, "type": "webhook", "url": f"/{name}", "per_second": 100} | given for name in names]


def test_firing_and_resolved_reach_the_webhook_and_are_in_the_log(notified: World) -> None:
    notified.configure(receivers=receivers("a"), route={"receiver": "a"} | AT_ONCE)
    notified.start()
    written = notified.alerts(alert("shop"))
    until(lambda: notified.hooks.at("/a"), within_s=FIRST_S, what="the alert is told")
    assert notified.hooks.at("/a")[0].at_s - written < 5
    notified.alerts(alert("shop", status="resolved", as_of=NOW + 600 * SECOND))
    until(lambda: len(notified.hooks.at("/a")) == 2, within_s=FIRST_S, what="the all-clear is told")
    assert [one.alerts for one in notified.hooks.at("/a")] == [[("shop", "firing")], [("shop", "resolved")]]
    until(
        lambda: sum(one["status"] == "sent" for one in notified.read(notified.topics.notifications)) == 2,
        within_s=FIRST_S,
        what="both are in the log",
    )


def test_after_a_restart_nothing_is_told_twice_and_nothing_forgotten(notified: World) -> None:
    notified.configure(receivers=receivers("a"), route={"receiver": "a"} | AT_ONCE)
    first = notified.start()
    notified.alerts(alert("one"), alert("two"))
    until(lambda: len(notified.hooks.at("/a")) == 2, within_s=FIRST_S, what="both are told")
    assert notified.stop(first) == 0
    later = NOW + 600 * SECOND
    notified.alerts(alert("two", status="resolved", as_of=later), alert("three", as_of=later))
    notified.start()
    until(lambda: len(notified.hooks.at("/a")) == 4, within_s=FIRST_S, what="what came meanwhile is told")
    assert sorted(one.alerts[0] for one in notified.hooks.at("/a")) == [
        ("one", "firing"),
        ("three", "firing"),
        ("two", "firing"),
        ("two", "resolved"),
    ]


def test_a_hanging_receiver_holds_up_no_other(notified: World) -> None:
    notified.configure(
        receivers=receivers("slow", "quick"),
        route={
            "receiver": "slow",
            "routes": [
                {"receiver": "slow", "continue": True},
                {"receiver": "quick"},
            ],
        }
        | AT_ONCE,
    )
    notified.hooks.behave["/slow"] = lambda _n: Answer(status=503)
    notified.start()
    for n in range(20):
        written = notified.alerts(alert(f"app{n}"))
        until(partial(told, notified, "/quick", n + 1), within_s=5, what="the quick one is told")
        assert notified.hooks.at("/quick")[n].at_s - written < 5
    notified.hooks.behave["/slow"] = lambda _n: Answer()
    until(
        lambda: len({name for one in notified.hooks.at("/slow") for name, _ in one.alerts}) == 20,
        within_s=120,
        what="the slow one is told when it has healed",
    )


def test_what_a_receiver_refuses_goes_to_the_dead_letters_without_its_url(notified: World) -> None:
    notified.configure(receivers=receivers("a"), route={"receiver": "a"} | AT_ONCE)
    notified.hooks.behave["/a"] = lambda _n: Answer(status=404)
    child = notified.start()
    notified.alerts(alert("shop"))
    until(lambda: notified.read(notified.topics.dead_letters), within_s=FIRST_S, what="a dead letter")
    letter = notified.read(notified.topics.dead_letters)[0]
    assert (letter["feed"], letter["stage"], letter["reason"]) == (
        "notifications",
        "notifier",
        "receiver a: answered 404",
    )
    assert b"shop" in letter["body"]
    assert notified.hooks.url("/a") not in notified.log(child)


def test_a_silence_made_by_command_holds_and_ends(notified: World) -> None:
    notified.configure(receivers=receivers("a"), route={"receiver": "a"} | AT_ONCE)
    made = notified.command("alerts", "silence", "add", "app=shop", "--for", "1h", "--comment", "known")
    assert made.code == 0, made.err
    notified.start()
    notified.alerts(alert("shop"), alert("cart"))
    until(lambda: notified.hooks.at("/a"), within_s=FIRST_S, what="the other app is told")
    assert [one.alerts for one in notified.hooks.at("/a")] == [[("cart", "firing")]]
    listed = notified.command("alerts", "list", "--json")
    assert {one["app_name"]: bool(one["silenced_by"]) for one in listed.objects} == {"cart": False, "shop": True}
    assert notified.command("alerts", "silence", "expire", made.out.split()[0]).code == 0
    until(lambda: len(notified.hooks.at("/a")) == 2, within_s=FIRST_S, what="the silence is over")
    assert notified.hooks.at("/a")[1].alerts == [("shop", "firing")]


def test_a_storm_over_all_partitions_is_one_alert(notified: World) -> None:
    notified.configure(
        rules=[{"name": "cell-storm", "kind": "storm", "by": "cell", "threshold": 30}],
        receivers=receivers("a"),
        route={"receiver": "a"} | AT_ONCE,
    )
    notified.start()
    events = [crash(n / 10) | {"app_guid": f"app-{n}", "target_name": f"app {n}"} for n in range(40)]
    notified.crashes(events, T0 + 10 * SECOND)
    until(lambda: notified.hooks.at("/a"), within_s=FIRST_S, what="the storm is told")
    (storm,) = notified.read(notified.topics.alerts)
    assert (storm["rule"], storm["starts_at"]) == ("cell-storm", T0 + round(2.9 * SECOND))
    notified.checkpoint(T0 + 2000 * SECOND)
    until(lambda: len(notified.hooks.at("/a")) == 2, within_s=FIRST_S, what="the storm is over")
    assert notified.hooks.at("/a")[1].alerts == [("cell-storm", "resolved")]


def test_a_gap_in_a_feed_is_told(notified: World) -> None:
    notified.configure(receivers=receivers("a"), route={"receiver": "a"} | AT_ONCE)
    notified.start()
    gap = {
        "kind": "lost-cursor",
        "after_guid": "x",
        "after_created_at": NOW - 7200 * SECOND,
        "before_guid": "y",
        "before_created_at": NOW - 3600 * SECOND,
        "found_at": NOW,
    }
    notified.checkpoint(NOW, "app-usage-events", gap=gap)
    until(lambda: notified.hooks.at("/a"), within_s=FIRST_S, what="the gap is told")
    assert notified.hooks.at("/a")[0].alerts == [("feed-gap", "firing")]


def test_a_second_notifier_stands_by_and_takes_over(notified: World) -> None:
    notified.configure(receivers=receivers("a"), route={"receiver": "a"} | AT_ONCE)
    first = notified.start()
    second = notified.start(ready=False)
    until(lambda: "notifier starts" in notified.log(second), within_s=30, what="the second one runs")
    notified.alerts(alert("one"))
    until(lambda: notified.hooks.at("/a"), within_s=FIRST_S, what="told once")
    assert notified.stop(first) == 0
    notified.alerts(alert("two"))
    until(lambda: len(notified.hooks.at("/a")) == 2, within_s=60, what="the second one tells the next")
    assert [one.alerts[0][0] for one in notified.hooks.at("/a")] == ["one", "two"]


def test_history_is_summed_up_once_and_does_not_page(notified: World) -> None:
    notified.configure(receivers=receivers("a"), route={"receiver": "a"} | AT_ONCE)
    notified.checkpoint(NOW - 86_400 * SECOND, written_at=NOW)
    old = NOW - 80_000 * SECOND
    for n in range(30):
        notified.alerts(alert(f"old{n}", as_of=old), alert(f"old{n}", status="resolved", as_of=old + 600 * SECOND))
    notified.alerts(alert("still", as_of=old))
    child = notified.start()
    for partition in range(4):
        progress = {
            "version": 1,
            "foundation": "f",
            "baseline_at": None,
            "baseline_id": None,
            "checked_at": None,
            "applied_to": NOW,
            "hours_to": None,
        }
        encode = notified.codec.encoder(notified.topics.progress.name, notified.topics.progress.schema)
        notified._producer.produce(notified.topics.progress.name, key="f", value=encode(progress), partition=partition)
    notified.flush()
    until(lambda: len(notified.hooks.at("/a")) == 2, within_s=FIRST_S, what="the summary and what still fires")
    assert sorted(one.alerts[0][0] for one in notified.hooks.at("/a")) == ["history", "still"]
    assert notified.stop(child) == 0
    notified.start()
    notified.alerts(alert("news"))
    until(lambda: len(notified.hooks.at("/a")) >= 3, within_s=FIRST_S, what="news is told")
    assert notified.hooks.at("/a")[2].alerts == [("news", "firing")]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "there is nobody to notify"),
        ("receivers: [{name: a, type: slack, url: 'https://x.example/'}]\n", "route.receiver is missing"),
        ("receivers: [{name: a, type: slak}]\n", "alerts.yaml:1: receivers.0.type"),
    ],
)
def test_a_wrong_alerts_file_ends_it_with_one_line(notified: World, tmp_path: Path, text: str, expected: str) -> None:
    (tmp_path / "alerts.yaml").write_text(text, "utf-8")
    ended = notified.command("notifier", "run")
    assert ended.code == 2
    assert expected in ended.err.splitlines()[-1]


def test_silences_can_be_made_over_the_api(notified: World) -> None:
    notified.configure(receivers=receivers("a"), route={"receiver": "a"} | AT_ONCE)
    token = "a-token-of-enough-length"
    notified.environment |= {"CFSTREAM_NOTIFIER_API_PORT": "0", "CFSTREAM_NOTIFIER_API_TOKEN": token}
    child = notified.start()
    (port,) = re.findall(r"api_port=(\d+)", notified.log(child))
    url, headers = f"http://127.0.0.1:{port}/api/v2", {"Authorization": f"Bearer {token}"}
    wanted = {"matchers": [{"name": "app", "value": "shop"}], "endsAt": "2100-01-01T00:00:00Z", "createdBy": "x"}
    assert httpx.post(f"{url}/silences", json=wanted).status_code == 401
    made = httpx.post(f"{url}/silences", json=wanted, headers=headers).json()["silenceID"]
    until(
        lambda: httpx.get(f"{url}/silence/{made}", headers=headers).status_code == 200, within_s=30, what="it is kept"
    )
    notified.alerts(alert("shop"), alert("cart"))
    until(lambda: notified.hooks.at("/a"), within_s=FIRST_S, what="the other app is told")
    shown = {one["labels"]["app"]: one["status"]["state"] for one in httpx.get(f"{url}/alerts", headers=headers).json()}
    assert shown == {"cart": "active", "shop": "suppressed"}
    assert made in notified.command("alerts", "silence", "list").out
    assert token not in notified.log(child)
