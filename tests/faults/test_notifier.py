"""The notifier under bad receivers and SIGKILL: nothing is lost, nothing blocks, a repeat is known by its key."""

import random
import signal
import threading
from collections import Counter
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from support.alert_records import NOW, alert
from support.notifier_world import Answer, World, world
from support.waiting import until

from plumbing.clock import SECOND
from processors.notify.lane import TRIES_AT_ONCE

AT_ONCE = {"group_by": ["app_guid", "alertname"], "group_wait": "0s", "group_interval": "1s"}
WITHIN_S = 120


@pytest.fixture
def notified(kafka: str, registry_url: str, tmp_path: Path) -> Iterator[World]:
    with world(kafka, registry_url, tmp_path) as made:
        yield made


def receivers(*names: str, **given: Any) -> list[dict[str, Any]]:
    return [{"name": name, "type": "webhook", "url": f"/{name}", "per_second": 100} | given for name in names]


def told(notified: World, path: str) -> set[tuple[str, str]]:
    return {pair for one in notified.hooks.at(path) for pair in one.alerts}


def five_hundreds_first(before: int) -> Answer:
    return Answer(status=500) if before < 4 else Answer()


def too_many_first(before: int) -> Answer:
    return Answer(status=429, headers={"retry-after": "2"}) if before == 0 else Answer()


def reset_first(before: int) -> Answer:
    return Answer(reset=True) if before < 3 else Answer()


@pytest.mark.parametrize("behave", [five_hundreds_first, too_many_first, reset_first])
def test_a_receiver_that_fails_for_a_while_gets_everything_once_healed(notified: World, behave: Any) -> None:
    notified.configure(receivers=receivers("a"), route={"receiver": "a"} | AT_ONCE)
    notified.hooks.behave["/a"] = behave
    notified.start()
    notified.alerts(alert("one"), alert("two"))
    until(lambda: told(notified, "/a") == {("one", "firing"), ("two", "firing")}, within_s=WITHIN_S, what="both")
    until(
        lambda: Counter(one["status"] for one in notified.read(notified.topics.notifications))["sent"] == 2,
        within_s=WITHIN_S,
        what="both recorded",
    )
    by_alert = Counter((one.alerts[0], one.key) for one in notified.hooks.at("/a"))
    assert len(by_alert) == 2, "each try of one notification has one key"
    if behave is too_many_first:
        first, second = notified.hooks.at("/a")[0], notified.hooks.at("/a")[-1]
        assert second.at_s - first.at_s >= 2


def test_a_receiver_that_never_answers_blocks_neither_reading_nor_the_others(notified: World) -> None:
    """The slow one hangs longer than the test; after its time each notification to it is a dead letter."""
    release = threading.Event()
    slow, quick = receivers("slow", "quick")
    slow |= {"timeout": 2, "give_up_after": 4}
    route = {"receiver": "slow", "routes": [{"receiver": "slow", "continue": True}, {"receiver": "quick"}]} | AT_ONCE
    notified.configure(receivers=[slow, quick], route=route)
    notified.hooks.behave["/slow"] = lambda _n: Answer(hold=release)
    notified.start()
    try:
        names = [f"app{n}" for n in range(200)]
        began = notified.alerts(*(alert(name) for name in names))
        until(lambda: len(told(notified, "/quick")) == 200, within_s=30, what="the quick one has all")
        assert max(one.at_s for one in notified.hooks.at("/quick")) - began < 15
        until(lambda: len(notified.read(notified.topics.dead_letters)) >= 4, within_s=60, what="dead letters")
        for letter in notified.read(notified.topics.dead_letters):
            assert letter["reason"].startswith("receiver slow: given up after")
    finally:
        release.set()


def kill_while_it_sends(notified: World) -> None:
    """Kill the notifier while the receiver has the request and has not answered yet."""
    notified.configure(receivers=receivers("a"), route={"receiver": "a"} | AT_ONCE)
    hold = threading.Event()
    notified.hooks.behave["/a"] = lambda before: Answer(hold=hold) if before == 0 else Answer()
    child = notified.start()
    notified.alerts(alert("shop"))
    until(lambda: notified.hooks.at("/a"), within_s=30, what="the request is out")
    notified.stop(child, signal.SIGKILL)
    hold.set()


def test_sigkill_between_send_and_record_repeats_with_the_same_key(notified: World) -> None:
    kill_while_it_sends(notified)
    notified.start()
    until(lambda: len(notified.hooks.at("/a")) == 2, within_s=60, what="it is sent again")
    first, second = notified.hooks.at("/a")
    assert (first.key, first.alerts) == (second.key, second.alerts)
    notified.alerts(alert("shop", status="resolved", as_of=NOW + 600 * SECOND))
    until(lambda: ("shop", "resolved") in told(notified, "/a"), within_s=30, what="the all-clear")


def test_killed_in_doubt_and_resolved_meanwhile_still_gives_the_all_clear(notified: World) -> None:
    kill_while_it_sends(notified)
    notified.alerts(alert("shop", status="resolved", as_of=NOW + 600 * SECOND))
    notified.start()
    until(lambda: ("shop", "resolved") in told(notified, "/a"), within_s=60, what="the all-clear")


def test_killed_again_and_again_every_alert_and_all_clear_arrives(notified: World) -> None:
    """Nine SIGKILLs at random moments while alerts come and go.

    Each worker of a lane sends its next notification only when the end of the last is durable in the log, so a kill
    leaves at most one a worker that the receiver has and the log does not; those come again, with their keys.
    """
    # A try that takes long on a busy machine is no reason to repeat it here: kills are.
    notified.configure(receivers=receivers("a", timeout=60), route={"receiver": "a"} | AT_ONCE)
    chance = random.Random(11)
    child = notified.start(ready=False)
    kills = 0
    names: list[str] = []
    for burst in range(8):
        for n in range(25):
            names.append(f"app{burst}-{n}")
            notified.alerts(alert(names[-1]))
        goal = len(told(notified, "/a")) + chance.randrange(1, 20)
        until(partial(at_least, notified, goal), within_s=WITHIN_S, what="some are told")
        notified.stop(child, signal.SIGKILL)
        kills += 1
        child = notified.start(ready=False)
    expected = {(name, "firing") for name in names}
    until(lambda: told(notified, "/a") >= expected, within_s=WITHIN_S, what="all that fires")
    notified.alerts(*(alert(name, status="resolved", as_of=NOW + 900 * SECOND) for name in names))
    notified.stop(child, signal.SIGKILL)
    kills += 1
    notified.start(ready=False)
    expected |= {(name, "resolved") for name in names}
    until(lambda: told(notified, "/a") == expected, within_s=WITHIN_S, what="all all-clears")
    keys: dict[tuple[str, str], set[str]] = {}
    for one in notified.hooks.at("/a"):
        keys.setdefault(one.alerts[0], set()).add(one.key)
    assert {pair: found for pair, found in keys.items() if len(found) > 1} == {}
    repeats = len(notified.hooks.at("/a")) - len(expected)
    assert repeats <= kills * TRIES_AT_ONCE, "at most what the workers of the lane had in hand at each kill"


def at_least(notified: World, goal: int) -> bool:
    return len(told(notified, "/a")) >= goal


def test_poison_in_the_alerts_topic_goes_to_the_dead_letters(notified: World) -> None:
    notified.configure(receivers=receivers("a"), route={"receiver": "a"} | AT_ONCE)
    notified.start()
    for poison in (b"", b"\x01abc", b"\x00\x00\x00\x00\x01garbage", b"\x00\x7f\xff\xff\xff"):
        notified._producer.produce(notified.topics.alerts.name, key="x", value=poison)
    notified.alerts(alert("shop"))
    # The registry is asked for a minute whether it knows the id after all.
    until(lambda: notified.hooks.at("/a"), within_s=150, what="the good one is told")
    until(lambda: len(notified.read(notified.topics.dead_letters)) == 4, within_s=30, what="four dead letters")
