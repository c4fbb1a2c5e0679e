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
from producer.reconcile import Count, Drift, Told, dissent, drifts, from_source, table_sums
from producer.settings import Foundation, ProducerSettings

app = command("Compare the tables with the Cloud Controller.")


@app.command()
def reconcile(config: Config = None, foundation: FoundationName = None, json: Json = False) -> None:
    """Compare instances, tasks and memory of each app; exit 1 where they differ.

    What changed within the settle delay may differ for that long.
    """
    settings = ProducerSettings.load(config)
    logs.configure(settings.log_format, "warning")
    total, strange = 0, False
    for each in chosen(settings, foundation):
        told, found = asyncio.run(_compared(settings, each))
        other = dissent(told.counts, told.sums)
        total += len(found)
        strange |= other is not None
        if json:
            line = {
                "foundation": each.name,
                "source": asdict(told.sums),
                "own_count": None if told.counts[1] is None else asdict(told.counts[1]),
                "own_count_differs": other is not None,
                "drift": [asdict(drift) for drift in found],
            }
            sys.stdout.write(orjson.dumps(line).decode() + "\n")
        else:
            _print(each.name, told, other, found)
    if total:
        raise CfstreamError(
            f"apps that differ: {total}; what changed within the last {settings.settle_seconds:g} s is still to come, "
            "for the rest 'cfstream snapshot' sets the tables right"
        )
    if strange:
        raise CfstreamError(
            "the tables agree with the Cloud Controller's lists, but its own count does not: may this client see every "
            "app? 'cfstream doctor' checks its scopes"
        )


async def _compared(settings: ProducerSettings, foundation: Foundation) -> tuple[Told, list[Drift]]:
    async with entered(settings, foundation) as once:
        if not once.access.has_v3:
            raise CfstreamError(f"foundation {foundation.name} has no v3 API, which what runs is read from")
        told = await from_source(once)
    topic = assemble.topics_of(settings, foundation.topic_prefix).state.name
    states = await asyncio.to_thread(lambda: table(settings, topic, versioned=True))
    return told, drifts(table_sums(states.values(), foundation.name), told.by_app)


def _print(name: str, told: Told, other: Count | None, found: list[Drift]) -> None:
    source = told.sums
    typer.echo(
        f"{name}: the Cloud Controller runs {source.instances} instances with {source.memory_mb} MB "
        f"and {source.tasks} tasks with {source.task_memory_mb} MB; "
        + (f"apps that differ: {len(found)}" if found else f"all {len(told.by_app)} apps agree")
    )
    if other is not None:
        typer.echo(f"{name}: its own count says {other.instances} instances, {other.memory_mb} MB with tasks")
    elif told.counts[0] is not None and told.counts[0] == told.counts[1]:
        typer.echo(f"{name}: its own count says the same")
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
