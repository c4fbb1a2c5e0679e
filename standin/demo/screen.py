"""Draws the view for a terminal."""

from collections.abc import Mapping, Sequence

from rich.console import Group, JustifyMethod, RenderableType
from rich.layout import Layout
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from plumbing.clock import iso
from standin.chat_room.room import Message
from standin.demo.view import View

ORGS_SHOWN = 8
CRASHING_SHOWN = 8
MESSAGES_SHOWN = 8


def draw(
    view: View,
    *,
    messages: Sequence[Message],
    org_names: Mapping[str, str],
    where: Mapping[str, str],
    now: float,
) -> RenderableType:
    """Return the whole screen. ``where``: what can be looked at, and its address. ``now``: monotonic seconds."""
    layout = Layout()
    layout.split_column(
        Layout(name="top", size=6), Layout(name="middle", minimum_size=7), Layout(name="bottom", size=3 + len(where))
    )
    layout["middle"].split_row(Layout(name="orgs", ratio=4), Layout(name="right", ratio=5))
    layout["right"].split_column(Layout(name="crashing"), Layout(name="chat"))
    layout["top"].update(Panel(_feeds(view, now), title="feeds", title_align="left"))
    layout["orgs"].update(Panel(_orgs(view, org_names), title="running now, by organization", title_align="left"))
    layout["crashing"].update(Panel(_crashing(view, org_names), title="crashing apps", title_align="left"))
    layout["chat"].update(Panel(_chat(messages), title="#cf-alerts", title_align="left"))
    layout["bottom"].update(Panel(_where(where), title="look around", title_align="left"))
    return layout


def _table(*columns: str) -> Table:
    table = Table(box=None, padding=(0, 1), expand=True)
    for number, column in enumerate(columns):
        # The name alone gives way where room is short: no figure is ever cut before it.
        justify: JustifyMethod = "right" if number else "left"
        table.add_column(column, justify=justify, ratio=None if number else 1, overflow="ellipsis", no_wrap=True)
    return table


def _feeds(view: View, now: float) -> RenderableType:
    table = _table("feed", "rows", "behind")
    for name, feed in sorted(view.feeds.items()):
        table.add_row(name, f"{feed.rows:,}", "–" if feed.lag_s is None else f"{feed.lag_s:,.0f} s")
    if not view.feeds:
        table.add_row("waiting for the first page", "", "")
    return Group(table, Text(f"{view.rows_per_second(now=now):,.0f} rows/s", style="bold"))


def _orgs(view: View, names: Mapping[str, str]) -> RenderableType:
    table = _table("organization", "apps", "instances", "memory")
    totals = view.orgs()
    # The sum stands first: a terminal of few lines shows no more than the largest organizations below it.
    table.add_row(
        "all",
        f"{sum(t.apps for t in totals.values()):,}",
        f"{sum(t.running_instances for t in totals.values()):,}",
        _memory(sum(t.memory_mb for t in totals.values())),
        style="bold",
    )
    for guid, total in list(totals.items())[:ORGS_SHOWN]:
        table.add_row(
            names.get(guid, guid), f"{total.apps:,}", f"{total.running_instances:,}", _memory(total.memory_mb)
        )
    return table


def _memory(mb: int) -> str:
    return f"{mb / 1024:,.1f} GB" if mb >= 10 * 1024 else f"{mb:,} MB"


def _crashing(view: View, names: Mapping[str, str]) -> RenderableType:
    table = _table("app", "organization", "crashes", "last (UTC)")
    for app in view.crashing(CRASHING_SHOWN):
        table.add_row(
            Text(app.name),
            Text(names.get(app.org_guid or "", "–")),
            f"{app.crashes:,}",
            iso(app.last_at)[11:19] if app.last_at else "–",
            style="bold red" if app.firing else "",
        )
    return table


def _chat(messages: Sequence[Message]) -> RenderableType:
    lines = [
        Text(f"{'✔' if m.status == 'resolved' else '●'} {m.text}", style="green" if m.status == "resolved" else "red")
        for m in reversed(messages[-MESSAGES_SHOWN:])
    ]
    for line in lines:
        line.no_wrap = True
        line.overflow = "ellipsis"
    return Group(*lines) if lines else Text("no alert so far", style="dim")


def _where(where: Mapping[str, str]) -> RenderableType:
    table = Table(box=None, show_header=False, padding=(0, 1))
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True, overflow="ellipsis")
    for name, address in where.items():
        table.add_row(Text(name, style="bold"), Text(address))
    table.add_row(Text("stop", style="bold"), "Ctrl-C")
    return table
