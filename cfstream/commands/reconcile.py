"""``cfstream reconcile``: the tables against the Cloud Controller."""

import asyncio
import sys
from dataclasses import asdict

import orjson
import typer
from rich.table import Table

from cfstream.commands.producer import FoundationName
from cfstream.options import Config, Json, command
from cfstream.render import to_stdout
from cfstream.tables import table
from plumbing import logs
from plumbing.errors import CfstreamError
from producer import assemble
from producer.once import chosen, entered
from producer.reconcile import Drift, Sums, drifts, from_source, table_sums
from producer.settings import Foundation, ProducerSettings

app = command("Compare the tables with the Cloud Controller.")


@app.command()
def reconcile(config: Config = None, foundation: FoundationName = None, json: Json = False) -> None:
    """Compare instances, tasks and memory of each app; exit 1 where they differ.

    What changed within the settle delay may differ for that long.
    """
    settings = ProducerSettings.load(config)
    logs.configure(settings.log_format, "warning")
    total = 0
    for each in chosen(settings, foundation):
        source, found = asyncio.run(_compared(settings, each))
        total += len(found)
        if json:
            line = {"foundation": each.name, "source": asdict(source), "drift": [asdict(drift) for drift in found]}
            sys.stdout.write(orjson.dumps(line).decode() + "\n")
        else:
            _print(each.name, source, found)
    if total:
        raise CfstreamError(
            f"{total} apps differ; what changed within the last {settings.settle_seconds:g} s is still to come, "
            "for the rest 'cfstream snapshot' sets the tables right"
        )


async def _compared(settings: ProducerSettings, foundation: Foundation) -> tuple[Sums, list[Drift]]:
    async with entered(settings, foundation) as once:
        source = await from_source(once)
    topic = assemble.topics_of(settings, foundation.topic_prefix).state.name
    states = await asyncio.to_thread(lambda: table(settings, topic, versioned=True))
    sums = Sums()
    for _, each in source.values():
        sums = sums.plus(each)
    return sums, drifts(table_sums(states.values(), foundation.name), source)


def _print(name: str, source: Sums, found: list[Drift]) -> None:
    typer.echo(
        f"{name}: the Cloud Controller runs {source.instances} instances with {source.memory_mb} MB "
        f"and {source.tasks} tasks with {source.task_memory_mb} MB; {len(found)} apps differ"
    )
    if not found:
        return
    shown = Table(box=None)
    for title in ("app", "instances here", "there", "MB here", "there", "tasks here", "there"):
        shown.add_column(title, overflow="fold")
    for drift in found:
        ours, theirs = drift.table, drift.source
        numbers = (ours.instances, theirs.instances, ours.memory_mb, theirs.memory_mb, ours.tasks, theirs.tasks)
        shown.add_row(drift.app_name or drift.app_guid, *map(str, numbers))
    to_stdout().print(shown)
