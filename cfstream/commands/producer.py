"""``cfstream producer run|status|retire``: the tails."""

import asyncio
import sys
from typing import Annotated

import orjson
import typer
from rich.table import Table

from cfstream.options import Config, Json, application
from cfstream.render import readable, to_stdout
from plumbing import logs
from plumbing.clock import SECOND, SystemClock, iso
from plumbing.errors import UsageError
from plumbing.kafka import require_broker
from producer.once import checkpoints, ports_of
from producer.retire import place, retire
from producer.run import run as run_producer
from producer.settings import FEEDS, Feed, ProducerSettings
from schemas.records import Checkpoint

app = application("Tail the feeds into Kafka.")

Feeds = Annotated[
    list[str] | None,
    typer.Option(
        "--feed", metavar="FEED", help="app-usage-events or audit-events; can be given twice. All by default."
    ),
]


FoundationName = Annotated[
    str | None, typer.Option("--foundation", help="One of several foundations, by name.", show_default=False)
]


@app.command()
def run(
    config: Config = None,
    feed: Feeds = None,
    until_caught_up: Annotated[
        bool, typer.Option("--until-caught-up", help="End (exit 0) when nothing settled is left to read.")
    ] = False,
) -> None:
    """Tail the feeds until SIGTERM or Ctrl-C; each row reaches a read_committed consumer exactly once."""
    settings = ProducerSettings.load(config)
    logs.configure(settings.log_format, settings.log_level)
    asyncio.run(run_producer(settings, checked_feeds(feed), until_caught_up=until_caught_up))


@app.command()
def status(config: Config = None, json: Json = False) -> None:
    """Print where each tail stands: cursor, watermark and its age, rows, gaps, what is owed."""
    settings = ProducerSettings.load(config)
    logs.configure(settings.log_format, "warning")
    require_broker(settings)
    codec = ports_of(settings).codec
    found = [record for prefix in settings.prefixes for record in checkpoints(settings, prefix, codec).values()]
    if json:
        for record in found:
            shown = {name: value for name, value in record.items() if name != "seen"}
            sys.stdout.write(orjson.dumps(readable(shown)).decode() + "\n")
        return
    to_stdout().print(_table(found))


@app.command("retire")
def retire_(
    feed: Annotated[str, typer.Option("--feed", help="The feed that is switched off.", show_default=False)],
    config: Config = None,
    foundation: FoundationName = None,
) -> None:
    """Say that a feed is tailed no more, so that it no longer holds back the workers' time; end its producer first.

    Its cursor stays: tailed again, it goes on from there. The foundation need not be in the settings any more.
    """
    settings = ProducerSettings.load(config)
    logs.configure(settings.log_format, settings.log_level)
    (wanted,) = checked_feeds([feed])
    name, prefix = place(settings, foundation)
    require_broker(settings)
    asyncio.run(retire(settings, name, prefix, wanted))


def _table(found: list[Checkpoint]) -> Table:
    table = Table(box=None)
    for title in ("tail", "cursor", "settled until", "lag", "rows", "gaps", "newest gap", "API", "owed"):
        table.add_column(title, overflow="fold")
    now = SystemClock().now()
    for record in sorted(found, key=lambda record: (record["foundation"], record["feed"])):
        settled, gap = record["settled_until"], record["gap"]
        tail = record["ends_at"] is None
        lag = f"{max(0, now - settled) / SECOND:.0f} s" if settled is not None and tail else ""
        if record["retired"]:
            lag = "retired"
        table.add_row(
            f"{record['foundation']}/{record['feed']}",
            record["cursor_guid"] or "",
            iso(settled) if settled is not None and tail else "",
            lag,
            str(record["rows"]),
            str(record["gaps"]),
            ""
            if gap is None
            else f"{gap['kind']} {_time(gap['after_created_at'])} .. {_time(gap['before_created_at'])}",
            record["api_version"] or "",
            "snapshot: " + record["snapshot_pending"] if record["snapshot_pending"] else "",
        )
    return table


def _time(moment: int | None) -> str:
    return "?" if moment is None else iso(moment)


def checked_feeds(given: list[str] | None) -> tuple[Feed, ...]:
    """Return the feeds asked for. Raise UsageError for an unknown one."""
    chosen: list[Feed] = []
    for name in given or []:
        known = next((each for each in FEEDS if each == name), None)
        if known is None:
            raise UsageError(f"--feed {name}: there are {' and '.join(FEEDS)}")
        chosen.append(known)
    return tuple(dict.fromkeys(chosen))
