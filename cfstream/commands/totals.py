"""``cfstream totals``: what runs now by space, organization or foundation, and usage by hour."""

import sys
from enum import StrEnum
from typing import Annotated, Any

import orjson
import typer
from rich.table import Table

from cfstream.options import Config, Json, command
from cfstream.render import readable, to_stdout
from cfstream.tables import table
from plumbing.clock import SECOND, iso
from plumbing.settings import CommonSettings
from schemas.topics import Topics

app = command("Instances and memory by org or space.")

_HOUR_S = 3600
_SECONDS = ("instance_seconds", "memory_mb_seconds", "task_seconds", "task_memory_mb_seconds")
_MB_S_PER_GB_H = 1024 * _HOUR_S


class By(StrEnum):
    """What is summed up."""

    ORG = "org"
    SPACE = "space"
    FOUNDATION = "foundation"
    APP = "app"


@app.command()
def totals(
    config: Config = None,
    by: Annotated[By, typer.Option("--by", help="What to sum up; app only with --hours.")] = By.ORG,
    hours: Annotated[bool, typer.Option("--hours", help="Usage of each UTC hour instead of what runs now.")] = False,
    json: Json = False,
) -> None:
    """Print totals as a table, or as JSON lines with the Avro field names; times are UTC.

    The table of hours leaves out what used nothing.
    """
    settings = CommonSettings.load(config)
    topics = Topics(settings.topic_prefix)
    if hours or by is By.APP:
        found = [record for record in table(settings, topics.usage_hours.name).values() if record["scope"] == by.value]
        found.sort(key=lambda record: (record["hour"], record["guid"]))
    else:
        topic = {By.ORG: topics.org_usage, By.SPACE: topics.space_usage, By.FOUNDATION: topics.foundation_usage}[by]
        found = sorted(table(settings, topic.name).values(), key=lambda record: -int(record["memory_mb"]))
    if json:
        for record in found:
            sys.stdout.write(orjson.dumps(readable(record)).decode() + "\n")
    elif hours or by is By.APP:
        _print_hours(found, _names(settings, topics, by))
    else:
        _print_totals(found)


def _print_totals(records: list[dict[str, Any]]) -> None:
    shown = Table(box=None)
    shown.add_column("guid", overflow="fold")
    shown.add_column("name", overflow="fold")
    for title in ("apps", "instances", "memory MB", "tasks", "task memory MB"):
        shown.add_column(title, justify="right")
    for record in records:
        figures = ("apps", "running_instances", "memory_mb", "running_tasks", "task_memory_mb")
        shown.add_row(record["guid"], record["name"] or "", *(str(record[name]) for name in figures))
    to_stdout().print(shown)


def _names(settings: CommonSettings, topics: Topics, by: By) -> dict[str, str]:
    """Return the names as they are now by guid: an hour's record has none."""
    if by is By.APP:
        states = table(settings, topics.state.name, versioned=True).values()
        return {state["app_guid"]: state["app_name"] or "" for state in states}
    topic = {By.ORG: topics.org_usage, By.SPACE: topics.space_usage, By.FOUNDATION: topics.foundation_usage}[by]
    return {total["guid"]: total["name"] or "" for total in table(settings, topic.name).values()}


def _print_hours(records: list[dict[str, Any]], names: dict[str, str]) -> None:
    shown = Table(box=None)
    shown.add_column("hour (UTC)")
    shown.add_column("counted to")
    shown.add_column("guid", overflow="fold")
    shown.add_column("name", overflow="fold")
    for title in ("instance-hours", "GB-hours", "task-hours", "task GB-hours"):
        shown.add_column(title, justify="right")
    for record in records:
        if not any(record[name] for name in _SECONDS):
            continue
        shown.add_row(
            iso(record["hour"])[: len("2026-01-31T08:00")],
            _counted_to(record),
            record["guid"],
            names.get(record["guid"], ""),
            f"{record['instance_seconds'] / _HOUR_S:.3f}",
            f"{record['memory_mb_seconds'] / _MB_S_PER_GB_H:.3f}",
            f"{record['task_seconds'] / _HOUR_S:.3f}",
            f"{record['task_memory_mb_seconds'] / _MB_S_PER_GB_H:.3f}",
        )
    to_stdout().print(shown)


def _counted_to(record: dict[str, Any]) -> str:
    """Say how far an hour is counted: to its end, or so far and still open."""
    if record["until"] >= record["hour"] + _HOUR_S * SECOND:
        return "its end"
    return f"{iso(record['until'])[len('2026-01-31T') : len('2026-01-31T08:00:00')]}, open"
