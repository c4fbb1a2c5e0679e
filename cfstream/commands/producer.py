"""``cfstream producer run|status``: the tails."""

import asyncio
from typing import Annotated

import typer

from cfstream.options import Config, application
from plumbing import logs
from plumbing.errors import UsageError
from producer.run import run as run_producer
from producer.settings import FEEDS, Feed, ProducerSettings

app = application("Tail the feeds into Kafka.")

Feeds = Annotated[
    list[str] | None,
    typer.Option("--feed", help="app-usage-events or audit-events; can be given twice. All by default."),
]


@app.callback()
def producer() -> None:
    """Tail the feeds into Kafka."""


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


def checked_feeds(given: list[str] | None) -> tuple[Feed, ...]:
    """Return the feeds asked for. Raise UsageError for an unknown one."""
    chosen: list[Feed] = []
    for name in given or []:
        known = next((each for each in FEEDS if each == name), None)
        if known is None:
            raise UsageError(f"--feed {name}: there are {' and '.join(FEEDS)}")
        chosen.append(known)
    return tuple(dict.fromkeys(chosen))
