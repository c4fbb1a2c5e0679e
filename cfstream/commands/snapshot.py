"""``cfstream snapshot``: publish what runs now as a baseline."""

import asyncio

import typer

from cfstream.commands.producer import FoundationName
from cfstream.options import Config, command
from plumbing import logs
from plumbing.clock import iso
from plumbing.kafka import require_broker
from producer.once import chosen, entered
from producer.settings import ProducerSettings
from producer.snapshot.request import publish_now
from producer.snapshot.take import Snapshot

app = command("Publish what runs now as a baseline.")


@app.command()
def snapshot(config: Config = None, foundation: FoundationName = None) -> None:
    """Read all started processes and running tasks and publish them in one transaction, with end markers."""
    settings = ProducerSettings.load(config)
    logs.configure(settings.log_format, settings.log_level)
    foundations = chosen(settings, foundation)
    require_broker(settings)

    async def taken() -> list[Snapshot]:
        found = []
        for each in foundations:
            async with entered(settings, each) as once:
                found.append(await publish_now(once))
        return found

    for each, one in zip(foundations, asyncio.run(taken()), strict=True):
        typer.echo(f"{each.name}: snapshot {one.snapshot_id}: {one.records} records as of {iso(one.observed_at)}")
