"""Groups and times, Alertmanager's way, with ``now`` given."""

from typing import Any

from support.alert_records import NOW, alert

from plumbing.clock import SECOND
from processors.notify import log, silences
from processors.notify.batch import Batch
from processors.notify.config import AlertsConfig
from processors.notify.engine import Engine


def config(route: dict[str, Any] | None = None, **more: Any) -> AlertsConfig:
    receivers = [
        {"name": name, "type": "webhook", "url": f"https://{name}.example/x"} | more.pop(name, {})
        for name in ("chat", "pager")
    ]
    defaults = {"receiver": "chat", "group_by": ["space_guid"], "group_wait": "30s", "group_interval": "5m"}
    return AlertsConfig.model_validate(
        {"receivers": receivers, "route": defaults | (route or {}), "flapping": None} | more
    )


class Bench:
    """An engine with an hour hand. ``at`` moves it and returns what was sent, each told as arrived."""

    def __init__(self, settings: AlertsConfig, engine: Engine | None = None) -> None:
        self.engine = engine or Engine(settings)
        self.offset = 0

    def put(self, at_s: float, name: str = "a", status: str = "firing", **given: Any) -> None:
        now = NOW + round(at_s * SECOND)
        self.engine.ingest(alert(name, status=status, as_of=now, **given), (0, self.offset), now)
        self.offset += 1

    def at(self, at_s: float, *, arrived: bool = True) -> list[tuple[str, str, list[str]]]:
        now = NOW + round(at_s * SECOND)
        batches = self.engine.flush(now)
        for batch in batches:
            self.engine.settle(batch, arrived=arrived, now=now)
        return [brief(batch) for batch in batches]


def brief(batch: Batch) -> tuple[str, str, list[str]]:
    names = [("" if one["status"] == "firing" else "-") + (one["app_name"] or one["rule"]) for one in batch.alerts]
    return batch.receiver, batch.status, names


def test_a_group_waits_and_is_told_once() -> None:
    bench = Bench(config())
    bench.put(0, "a")
    bench.put(10, "b")
    assert bench.at(29) == []
    assert bench.at(30) == [("chat", "firing", ["a", "b"])]
    assert [bench.at(t) for t in (31, 330, 900, 3600)] == [[], [], [], []]


def test_an_alert_resolved_within_the_wait_is_never_told() -> None:
    bench = Bench(config())
    bench.put(0)
    bench.put(20, status="resolved")
    assert bench.at(30) == []
    assert bench.engine.alerts() == []
    assert bench.engine.entries == {}


def test_new_members_and_all_clears_wait_for_the_interval() -> None:
    bench = Bench(config())
    bench.put(0, "a")
    bench.at(30)
    bench.put(40, "b")
    assert bench.at(329) == []
    assert bench.at(330) == [("chat", "firing", ["a", "b"])]
    bench.put(340, "a", "resolved")
    assert bench.at(630) == [("chat", "firing", ["b", "-a"])]
    bench.put(640, "b", "resolved")
    assert bench.at(930) == [("chat", "resolved", ["-b"])]
    assert bench.engine.alerts() == []


def test_what_fires_is_repeated_after_the_repeat_interval() -> None:
    bench = Bench(config({"repeat_interval": "1h"}))
    bench.put(0)
    sent = [at for at in range(30, 8000, 30) if bench.at(at)]
    assert sent == [30, 3630, 7230]


def test_send_resolved_can_be_switched_off() -> None:
    bench = Bench(config(chat={"send_resolved": False}))
    bench.put(0)
    bench.at(30)
    bench.put(40, status="resolved")
    assert bench.at(330) == []
    assert bench.engine.alerts() == []


def test_the_route_tree_takes_the_deepest_and_goes_on_where_told() -> None:
    routes = [
        {"matchers": ['severity="critical"'], "receiver": "pager", "continue": True, "group_wait": "0s"},
        {"matchers": ['space=~"pr.*"'], "group_by": ["app_guid"]},
    ]
    bench = Bench(config({"routes": routes}))
    bench.put(0, "a", labels={"severity": "critical"})
    bench.put(0, "b")
    assert bench.at(0) == [("pager", "firing", ["a"])]
    assert bench.at(30) == [("chat", "firing", ["a"]), ("chat", "firing", ["b"])]


def test_a_storm_hides_the_alerts_of_its_apps_and_those_that_outlast_it_by_long_are_told() -> None:
    """What began after its end is told at once; what is over before the time is up never was news."""
    bench = Bench(config({"group_by": ["alertname", "app_guid"], "group_wait": "10s", "group_interval": "1m"}))
    for name in "abc":
        bench.put(0, name)
    storm = {"alertname": "cell-storm", "kind": "storm", "storm": "cell", "app_guid": "", "space_guid": ""}
    bench.put(1, "storm", labels=storm)
    assert bench.at(11) == [("chat", "firing", ["storm"])]
    assert bench.at(71) == []
    bench.put(80, "storm", "resolved", labels=storm)
    bench.put(80, "a", "resolved")
    bench.put(90, "d")
    assert sorted(bench.at(131)) == [("chat", "firing", ["d"]), ("chat", "resolved", ["-storm"])]
    applied_to(bench, 80 + 1799)
    bench.put(1000, "b", "resolved")
    assert bench.at(200) == []
    applied_to(bench, 80 + 1800)
    assert bench.at(300) == [("chat", "firing", ["c"])]


def applied_to(bench: Bench, at_s: float) -> None:
    """Let the workers' event time reach a moment; our clock need not go with it."""
    bench.engine.historian.applied("f", 0, NOW + round(at_s * SECOND))


def test_a_silence_holds_back_what_fires_and_lets_the_all_clear_through() -> None:
    bench = Bench(config({"group_by": ["app_guid"]}))
    silence = silences.create(['app="a"'], now=NOW, seconds=600, author="x", comment="")
    bench.engine.silences[silence.id] = silence
    bench.put(0, "a")
    assert bench.at(30) == []
    assert bench.at(330) == []
    assert bench.at(630) == [("chat", "firing", ["a"])]
    again = silences.create(['app=~"a|b"'], now=NOW + 640 * SECOND, seconds=6000, author="x", comment="")
    bench.engine.silences[again.id] = again
    bench.put(650, "a", "resolved")
    assert bench.at(930) == [("chat", "resolved", ["-a"])]


def test_a_mute_time_holds_a_route_back() -> None:
    # NOW is 2027-01-15 08:00 UTC, a Friday.
    mute = {"name": "morning", "periods": [{"weekdays": ["friday"], "hours": ["07:00-09:00"]}]}
    bench = Bench(config({"mute_times": ["morning"]}, mute_times=[mute]))
    bench.put(0)
    assert [bench.at(t) for t in (30, 330, 3530)] == [[], [], []]
    assert bench.at(3830) == [("chat", "firing", ["a"])]


def test_what_was_given_up_is_told_again_while_it_fires_and_dropped_when_over() -> None:
    bench = Bench(config())
    bench.put(0)
    assert bench.at(30, arrived=False) == [("chat", "firing", ["a"])]
    assert bench.at(330, arrived=False) == [("chat", "firing", ["a"])]
    bench.put(340, status="resolved")
    assert bench.at(630) == []


def test_a_group_in_flight_is_not_told_again_until_it_is_settled() -> None:
    bench = Bench(config())
    bench.put(0)
    (batch,) = bench.engine.flush(NOW + 30 * SECOND)
    bench.put(40, "b")
    assert bench.engine.flush(NOW + 400 * SECOND) == []
    bench.engine.settle(batch, arrived=True, now=NOW + 400 * SECOND)
    assert bench.at(401) == [("chat", "firing", ["a", "b"])]


def restarted(bench: Bench, settings: AlertsConfig) -> Bench:
    """A new engine with what the log holds: entries through their records."""
    entries = dict(
        log.entry_of(log.record(group, entry, "sent", None, NOW)) for group, entry in bench.engine.entries.items()
    )
    fresh = Bench(settings, Engine(settings, entries))
    fresh.offset = bench.offset
    return fresh


def test_after_a_restart_nothing_is_told_twice_and_the_all_clear_still_comes() -> None:
    settings = config()
    bench = Bench(settings)
    bench.put(0, "a")
    bench.at(30)
    fresh = restarted(bench, settings)
    fresh.put(0, "a")  # read again from its floor
    assert fresh.at(1000) == []
    fresh.put(1001, "a", "resolved")
    assert fresh.at(1301) == [("chat", "resolved", ["-a"])]


def test_a_notification_cut_short_is_sent_again_with_its_key() -> None:
    settings = config()
    bench = Bench(settings)
    bench.put(0, "a")
    (first,) = bench.engine.flush(NOW + 30 * SECOND)
    fresh = restarted(bench, settings)
    fresh.put(0, "a")
    (second,) = fresh.engine.flush(NOW + 100 * SECOND)
    assert second.key == first.key


def test_an_alert_cut_short_and_resolved_meanwhile_gets_its_all_clear() -> None:
    settings = config()
    bench = Bench(settings)
    bench.put(0, "a")
    bench.engine.flush(NOW + 30 * SECOND)
    fresh = restarted(bench, settings)
    fresh.put(0, "a")
    fresh.put(50, "a", "resolved")
    assert fresh.at(100) == [("chat", "resolved", ["-a"])]


def test_the_floor_is_the_oldest_record_still_needed() -> None:
    bench = Bench(config())
    bench.put(0, "a")
    bench.put(1, "b")
    bench.at(31)
    assert bench.engine.floors() == {0: 0}
    bench.put(40, "a", "resolved")
    bench.at(331)
    assert bench.engine.floors() == {0: 1}
    bench.put(340, "b", "resolved")
    bench.at(700)
    assert bench.engine.floors() == {}


def test_a_replay_of_what_is_over_is_not_told() -> None:
    bench = Bench(config({"group_wait": "0s", "group_interval": "1s"}))
    bench.put(0, "a")
    assert len(bench.at(0)) == 1
    bench.put(10, "a", "resolved")
    assert len(bench.at(10)) == 1
    bench.engine.ingest(alert("a", as_of=NOW), (0, 7), NOW + 20 * SECOND)
    assert bench.at(30) == []


def test_a_refresh_changes_the_text_and_tells_nobody() -> None:
    bench = Bench(config({"repeat_interval": "1h"}))
    bench.put(0, "a")
    bench.at(30)
    bench.put(100, "a", summary="a crashed 64 times")
    assert bench.at(330) == []
    (batch,) = bench.engine.flush(NOW + 3630 * SECOND)
    assert batch.alerts[0]["summary"] == "a crashed 64 times"


def test_history_does_not_page_but_is_summed_up_once() -> None:
    bench = Bench(config({"group_wait": "0s", "group_by": ["alertname"]}))
    bench.engine.historian.tail("f", "audit-events", NOW, NOW - 86_400 * SECOND)
    for n in range(50):
        bench.put(-90_000 + n, f"old{n}")
        bench.put(-80_000 + n, f"old{n}", "resolved")
    bench.put(-70_000, "still")
    assert bench.at(0) == []
    assert bench.engine.floors() == {0: 0}
    bench.engine.historian.applied("f", 0, NOW - 60 * SECOND)
    sent = bench.at(1)
    assert sorted(sent) == [("chat", "firing", ["history"]), ("chat", "firing", ["still"])]
    assert bench.engine.historian.told_to() == {"f": NOW - 79_951 * SECOND}
    assert [bench.at(t) for t in (400, 20_000)] == [[], [("chat", "firing", ["still"])]]


def test_history_is_judged_by_the_source_clock_alone() -> None:
    """A clock that runs far from ours, as in a simulation, changes nothing."""
    bench = Bench(config({"group_wait": "0s"}))
    far = 40 * 365 * 86_400 * SECOND
    bench.engine.historian.tail("f", "audit-events", NOW - far, NOW - far)
    bench.engine.ingest(alert("a", as_of=NOW - far), (0, 0), NOW)
    assert bench.at(0) == [("chat", "firing", ["a"])]


def test_an_alert_that_comes_and_goes_is_told_as_flapping_and_then_left_alone() -> None:
    flapping = {"times": 3, "window": "1h", "hold": "30m"}
    bench = Bench(config({"group_wait": "0s", "group_interval": "1s"}, flapping=flapping))
    sent = []
    for n in range(8):
        bench.put(n * 300, "a", id=f"id-{n}")
        sent += bench.at(n * 300 + 2)
        bench.put(n * 300 + 150, "a", "resolved", id=f"id-{n}")
        sent += bench.at(n * 300 + 152)
    assert [status for _, status, _ in sent] == ["firing", "resolved", "firing", "resolved", "firing"]
    last = 7 * 300 + 150
    assert bench.at(last + 1799) == []
    assert bench.at(last + 1801) == [("chat", "resolved", ["-a"])]


def test_ten_thousand_crashing_apps_are_a_handful_of_messages() -> None:
    bench = Bench(config({"group_by": ["foundation"], "repeat_interval": "4h"}))
    for n in range(10_000):
        bench.put(n / 200, f"app{n}", labels={"space_guid": f"space-{n % 100}"})
    assert sum(len(bench.at(t)) for t in range(30, 3600, 30)) <= 3


def test_what_may_have_been_told_before_a_kill_is_remembered_when_its_repeat_is_given_up() -> None:
    settings = config()
    bench = Bench(settings)
    bench.put(0, "a")
    bench.engine.flush(NOW + 30 * SECOND)
    fresh = restarted(bench, settings)
    fresh.put(0, "a")
    assert fresh.at(100, arrived=False) == [("chat", "firing", ["a"])]
    fresh.put(110, "a", "resolved")
    assert fresh.at(400) == [("chat", "resolved", ["-a"])]
