"""``cfstream dead-letters list|replay``: what could not be read, and reading it again after a fix."""

import asyncio
import sys
from collections.abc import Iterator
from typing import Annotated

import orjson
import typer
from rich.table import Table

from cfstream.commands.producer import FoundationName
from cfstream.options import Config, Json, application
from cfstream.render import readable, to_stdout
from plumbing import logs
from plumbing.clock import iso
from plumbing.errors import UsageError
from plumbing.kafka import require_broker
from producer import assemble
from producer.once import chosen, entered
from producer.replay import Letter, Outcome, letters, replay
from producer.settings import FEEDS, Foundation, ProducerSettings
from schemas.reader import MissingTopicError

app = application("List and replay what could not be read.")

OneFeed = Annotated[str | None, typer.Option("--feed", help="Only letters of this feed.")]


@app.command(name="list")
def show(config: Config = None, feed: OneFeed = None, foundation: FoundationName = None, json: Json = False) -> None:
    """Print the dead letters of all stages and foundations; with --json whole, their bodies as text.

    Oldest first in each topic: foundations with a prefix of their own have a topic of their own.
    """
    settings = ProducerSettings.load(config)
    require_broker(settings)
    table = Table(box=None)
    for title in ("topic", "offset", "failed at", "stage", "foundation", "feed", "position", "reason"):
        table.add_column(title, overflow="fold")
    for each in _all_letters(settings):
        letter = each.letter
        if feed not in (None, letter["feed"]) or foundation not in (None, letter["foundation"]):
            continue
        if json:
            line = {"topic": each.topic, "offset": each.offset, **readable(dict(letter))}
            sys.stdout.write(orjson.dumps(line).decode() + "\n")
            continue
        where = (each.topic, str(each.offset), iso(letter["failed_at"]), letter["stage"], letter["foundation"] or "")
        table.add_row(*where, letter["feed"], letter["position"], letter["reason"])
    if not json:
        to_stdout().print(table)


def _all_letters(settings: ProducerSettings) -> Iterator[Letter]:
    try:
        for prefix in settings.prefixes:
            yield from letters(settings, prefix)
    except MissingTopicError as error:
        raise UsageError(f"there is no topic {error}; create the topics with: cfstream topics apply") from error


@app.command(name="replay")
def again(
    config: Config = None,
    feed: OneFeed = None,
    foundation: FoundationName = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what could be read now; publish nothing.")] = False,
    refetch: Annotated[
        bool, typer.Option("--refetch", help="Ask the Cloud Controller anew for rows whose kept text cannot be read.")
    ] = False,
) -> None:
    """Read the producer's dead letters again and publish those that can be read now, each exactly once."""
    settings = ProducerSettings.load(config)
    logs.configure(settings.log_format, "warning")
    if feed is not None and feed not in FEEDS:
        raise UsageError(f"--feed {feed}: there are {' and '.join(FEEDS)}")
    require_broker(settings)
    for each in chosen(settings, foundation):
        try:
            if refetch:
                done = asyncio.run(_refetched(settings, each, feed=feed, dry_run=dry_run))
            else:
                done = replay(settings, each, feed=feed, dry_run=dry_run)
        except MissingTopicError as error:
            raise UsageError(f"there is no topic {error}; create the topics with: cfstream topics apply") from error
        typer.echo(
            f"{each.name}: {done.replayed} {'can be' if dry_run else 'were'} replayed, {done.before} had been before, "
            f"{done.unreadable} still cannot be read, {done.others} are not the producer's"
        )


async def _refetched(settings: ProducerSettings, foundation: Foundation, *, feed: str | None, dry_run: bool) -> Outcome:
    async with entered(settings, foundation) as once:
        loop = asyncio.get_running_loop()

        def ask(name: str, guid: str) -> object:
            reader = assemble.reader(foundation, name, once.access, settings, once.ports)
            return asyncio.run_coroutine_threadsafe(reader.event(guid), loop).result()

        return await asyncio.to_thread(replay, settings, foundation, feed=feed, dry_run=dry_run, ask=ask)
