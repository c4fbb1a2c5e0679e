"""``cfstream backfill --since …``: history from before the producer's start."""

import asyncio
import sys
from typing import Annotated, Self

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

from cfstream.commands.producer import Feeds, FoundationName, checked_feeds
from cfstream.options import Config, command
from plumbing import logs
from plumbing.clock import SECOND, iso, micros
from plumbing.errors import UsageError
from plumbing.kafka import require_broker
from producer import tail
from producer.backfill import Plan, backfill
from producer.once import chosen, entered
from producer.settings import ProducerSettings

app = command("Read history into the topics.")


@app.command(name="backfill")
def run(
    since: Annotated[str, typer.Option("--since", help="From this time on, such as 2026-01-31T00:00:00Z.")],
    config: Config = None,
    feed: Feeds = None,
    foundation: FoundationName = None,
) -> None:
    """Publish the rows created since then that lie before the producer's start, each once.

    A producer may run beside it. Ended in the middle and called again, it goes on.
    """
    settings = ProducerSettings.load(config)
    try:
        begin = micros(since)
    except ValueError as error:
        raise UsageError(f"--since {since}: give a time such as 2026-01-31T00:00:00Z") from error
    logs.configure(settings.log_format, "warning")
    foundations = chosen(settings, foundation)
    require_broker(settings)

    async def filled() -> None:
        for each in foundations:
            async with entered(settings, each) as once:
                for name in checked_feeds(feed) or each.feeds:
                    with _Bar(f"{each.name}/{name}") as bar:
                        done = await backfill(once, name, begin, bar.update)
                    bar.summary(done)

    asyncio.run(filled())


class _Bar:
    """A progress bar on stderr, by event time, with rows and their rate."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._rows = 0
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TaskProgressColumn(),
            TextColumn("{task.fields[rows]:,} rows, {task.fields[rate]:,.0f}/s"),
            TimeElapsedColumn(),
            console=Console(file=sys.stderr),
        )
        self._task = self._bar.add_task(name, total=1.0, rows=0, rate=0.0)

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def update(self, plan: Plan, progress: tail.Progress) -> None:
        """Show a page more."""
        state = progress.state
        if state is None:
            return
        self._rows = state.rows - plan.before
        at = state.position.created_at or plan.since
        part = 1.0 if state.finished else min(1.0, (at - plan.since) / max(1, plan.until - plan.since))
        elapsed_s = self._bar.tasks[0].elapsed or 0.001
        self._bar.update(self._task, completed=part, rows=self._rows, rate=self._rows / elapsed_s)

    def summary(self, done: Plan | None) -> None:
        """Say what was done."""
        if done is None:
            typer.echo(f"{self._name}: nothing to do, all of it has been published")
            return
        elapsed_s = self._bar.tasks[0].elapsed or 0.001
        typer.echo(
            f"{self._name}: {self._rows} rows from {iso(done.since)} to {iso(done.until // SECOND * SECOND)} "
            f"in {elapsed_s:.1f} s ({self._rows / elapsed_s:,.0f}/s)"
        )
