"""``cfstream event GUID``: one usage event, asked of the Cloud Controller."""

import asyncio
import sys
from typing import Annotated, Any, cast

import orjson
import typer
from rich.console import Console

from cfstream.commands.producer import FoundationName
from cfstream.options import Config, Json, command
from cfstream.render import readable
from plumbing import logs
from plumbing.errors import CfstreamError
from producer import assemble
from producer.feeds.reader import USAGE
from producer.once import chosen, entered
from producer.publish.batch import PARSERS
from producer.settings import ProducerSettings

app = command("One usage event, asked of the Cloud Controller.")


@app.command()
def event(
    guid: Annotated[str, typer.Argument(help="Guid of the event.")],
    config: Config = None,
    foundation: FoundationName = None,
    json: Json = False,
) -> None:
    """Print one usage event as the record that the topic would hold; v3, or v2 where that is read."""
    settings = ProducerSettings.load(config)
    logs.configure(settings.log_format, "error")
    record = asyncio.run(_event(settings, guid, foundation))
    if json:
        sys.stdout.write(orjson.dumps(readable(record)).decode() + "\n")
        return
    console = Console(file=sys.stdout, highlight=False)
    for name, value in readable(record).items():
        if value is not None:
            console.print(f"[bold]{name:32}[/bold]", end="")
            console.print(str(value), markup=False)


async def _event(settings: ProducerSettings, guid: str, name: str | None) -> dict[str, Any]:
    foundations = chosen(settings, name)
    for foundation in foundations:
        async with entered(settings, foundation) as once:
            reader = assemble.reader(foundation, USAGE, once.access, settings, once.ports)
            row = await reader.event(guid)
            if row is not None:
                parse = PARSERS[USAGE, once.access.version]
                return cast("dict[str, Any]", parse(cast("dict[str, Any]", row), foundation.name, settings.privacy))
    where = ", ".join(each.name for each in foundations)
    raise CfstreamError(f"no usage event {guid} in {where}: it never was, or it was pruned")
