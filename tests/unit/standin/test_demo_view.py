"""What the demo shows and how it compares."""

from collections import Counter
from typing import Any

from rich.console import Console

from schemas.records import Alert, Checkpoint
from schemas.tables import AppState
from standin.chat_room.room import Room
from standin.demo.check import delivery_faults
from standin.demo.screen import draw
from standin.demo.view import Difference, View, differences


def state(guid: str, **changes: Any) -> AppState:
    record: dict[str, Any] = {
        "app_guid": guid,
        "app_name": f"name-{guid}",
        "org_guid": "o1",
        "running_instances": 2,
        "memory_mb": 512,
        "crashes": 0,
        "last_crash_at": None,
        "deleted_at": None,
    }
    return record | changes  # type: ignore[return-value] # the view reads these fields alone


def checkpoint(feed: str, rows: int, **changes: Any) -> Checkpoint:
    record: dict[str, Any] = {"feed": feed, "rows": rows, "written_at": 20_000_000, "settled_until": 15_000_000}
    return record | changes  # type: ignore[return-value] # as above


def alert(identity: str, status: str, app: str) -> Alert:
    return {"id": identity, "status": status, "app_guid": app}  # type: ignore[typeddict-item] # as above


def test_rows_are_summed_over_feeds_and_lag_is_event_time() -> None:
    view = View()
    view.checkpoint(checkpoint("app-usage-events", 100), now=1)
    view.checkpoint(checkpoint("audit-events", 40), now=1)
    view.checkpoint(checkpoint("app-usage-events", 250), now=2)
    assert view.rows == 290
    assert view.feeds["app-usage-events"].lag_s == 5
    assert view.rows_per_second(now=3) == (290 - 100) / 2


def test_rate_falls_to_nothing_when_nothing_comes() -> None:
    view = View()
    view.checkpoint(checkpoint("app-usage-events", 100), now=1)
    assert view.rows_per_second(now=100) == 0


def test_tombstone_takes_an_app_out_of_the_totals() -> None:
    view = View()
    view.app("a", state("a"))
    view.app("b", state("b", org_guid="o2", memory_mb=2048))
    assert list(view.orgs()) == ["o2", "o1"]
    view.app("b", None)
    assert list(view.orgs()) == ["o1"]


def test_firing_apps_come_before_those_that_crashed_more() -> None:
    view = View()
    view.app("a", state("a", crashes=9))
    view.app("b", state("b", crashes=3))
    view.alert(alert("x", "firing", "b"))
    assert [app.name for app in view.crashing(5)] == ["name-b", "name-a"]
    view.alert(alert("x", "resolved", "b"))
    assert [app.name for app in view.crashing(5)] == ["name-a", "name-b"]
    assert view.alerts == {("x", "firing"), ("x", "resolved")}


def test_comparison_finds_each_kind_of_difference_and_nothing_else() -> None:
    apps = {
        "same": state("same"),
        "more": state("more"),
        "gone": state("gone"),
        "idle": state("idle", running_instances=0, memory_mb=0),
    }
    truth = {
        "same": {"running_instances": 2, "memory_mb": 512},
        "more": {"running_instances": 2, "memory_mb": 511},
        "missing": {"running_instances": 1, "memory_mb": 64},
        "stopped": {"running_instances": 0, "memory_mb": 0},
    }
    assert differences(apps, truth) == [
        Difference("gone", (2, 512), (0, 0)),
        Difference("missing", (0, 0), (1, 64)),
        Difference("more", (2, 512), (2, 511)),
    ]


def test_screen_shows_names_as_text_whatever_they_hold() -> None:
    view = View()
    view.app("a", state("a", app_name="[bold]evil[/bold]", crashes=3))
    room = Room()
    room.add("slack", {"text": "[red]loop[/red]"}, {})
    console = Console(width=120, height=40, record=True, file=None, force_terminal=False, quiet=False)
    with console.capture() as capture:
        console.print(
            draw(view, messages=room.since(0), org_names={"o1": "acme"}, where={"chat room": "http://x"}, now=1)
        )
    shown = capture.get()
    assert "[bold]evil[/bold]" in shown
    assert "[red]loop[/red]" in shown
    assert "acme" in shown


def test_a_small_terminal_cuts_what_is_below_and_keeps_the_figures() -> None:
    view = View()
    view.app("a", state("a", crashes=3))
    where = {"logs": "/a/very/long/path" * 9, "topics": "-", "chat room": "-", "Cloud Controller": "-"}
    console = Console(width=100, height=15)
    with console.capture() as capture:
        console.print(draw(view, messages=[], org_names={"o1": "acme"}, where=where, now=1))
    assert "acme" in capture.get()


def test_on_a_hundred_columns_names_give_way_before_figures() -> None:
    view = View()
    view.app("a", state("a", app_name="a-name-that-is-far-too-long-for-its-column", crashes=3, last_crash_at=0))
    console = Console(width=100, height=30)
    with console.capture() as capture:
        console.print(draw(view, messages=[], org_names={"o1": "organization"}, where={}, now=1))
    assert "last (UTC)" in capture.get()
    assert "a-name-that-is-far-too-long-for-its-column" not in capture.get()


def test_each_receiver_must_get_what_was_sent_to_it_and_as_much_as_the_others() -> None:
    room = Room()
    room.add("slack", {"text": "a"}, {})
    assert delivery_faults(Counter(slack=1, teams=1), Counter(slack=1, teams=1), room.since(0)) == []
    room.add("discord", {"content": "a"}, {}, answer=400, refusals=("content: too long",))
    faults = delivery_faults(Counter(slack=2, teams=1), room.taken, room.since(0))
    assert faults == [
        "alerts to slack: 2 sent, 1 taken",
        "alerts to teams: 1 sent, 0 taken",
        "alerts: not as many to each receiver: {'slack': 2, 'teams': 1}",
        "discord refused a message: content: too long",
    ]
