"""``cfstream tail``: the decoded records of a topic."""

import sys
from datetime import UTC, datetime
from typing import Annotated, Any

import orjson
import typer
from confluent_kafka import KafkaException
from rich.console import Console

from cfstream.options import Config, Json, command
from cfstream.render import readable
from plumbing.errors import CfstreamError, UsageError
from plumbing.kafka import client_config, registry_options, require_broker
from plumbing.settings import CommonSettings
from schemas.codec import Codec, UndecodableError
from schemas.reader import MissingTopicError, Row, rows
from schemas.registry import ConfluentRegistry, RegistryUnreachableError
from schemas.topics import Topics

app = command("Print the decoded records of a topic.")


@app.command()
def tail(
    topic: Annotated[str, typer.Argument(help="Topic, with or without the prefix, such as app-usage-events.")],
    config: Config = None,
    from_beginning: Annotated[bool, typer.Option("--from-beginning", help="Start at the oldest record.")] = False,
    until_end: Annotated[bool, typer.Option("--until-end", help="End at what is there now.")] = False,
    app_guid: Annotated[str | None, typer.Option("--app", help="Only records with this key.")] = None,
    json: Json = False,
) -> None:
    """Print the committed records of a topic as they come; Ctrl-C ends it.

    With --json each line is {topic, partition, offset, timestamp, key, value}.
    """
    settings = CommonSettings.load(config)
    try:
        name = Topics(settings.topic_prefix).named(topic).name
    except KeyError as error:
        raise UsageError(str(error.args[0])) from error
    require_broker(settings)
    codec = Codec(ConfluentRegistry(settings.schema_registry_url, **registry_options(settings)))
    console = Console(file=sys.stdout, soft_wrap=True, highlight=False)
    wanted = app_guid.encode() if app_guid else None
    try:
        # A tail that ends at the end reads what is there: from the beginning, or it would show nothing.
        for row in rows(client_config(settings), name, from_beginning=from_beginning or until_end, until_end=until_end):
            if wanted is not None and row.key != wanted:
                continue
            _print(row, _value(codec, row), console, json=json)
    except MissingTopicError as error:
        raise UsageError(f"there is no topic {error}; create the topics with: cfstream topics apply") from error
    except RegistryUnreachableError as error:
        raise CfstreamError(str(error)) from error
    except KafkaException as error:
        raise CfstreamError(f"Kafka does not answer: {error.args[0].str()}") from error


def _value(codec: Codec, row: Row) -> Any:
    if row.value is None:
        return None
    try:
        return readable(codec.decode(row.value))
    except UndecodableError as error:
        return {"undecodable": str(error), "hex": row.value.hex()}


def _print(row: Row, value: Any, console: Console, *, json: bool) -> None:
    key = None if row.key is None else row.key.decode("utf-8", "backslashreplace")
    moment = datetime.fromtimestamp(row.timestamp_ms / 1000, UTC).isoformat(timespec="milliseconds")
    moment = moment.replace("+00:00", "Z")
    if json:
        line = {
            "topic": row.topic,
            "partition": row.partition,
            "offset": row.offset,
            "timestamp": moment,
            "key": key,
            "value": value,
        }
        sys.stdout.write(orjson.dumps(line).decode() + "\n")
        sys.stdout.flush()
        return
    console.print(f"[dim]{moment} {row.partition}/{row.offset}[/dim] [bold]{key}[/bold]")
    if value is None:
        console.print("  (tombstone)")
    else:
        shown = {name: part for name, part in value.items() if part not in (None, [], {})}
        console.print("  " + orjson.dumps(shown).decode(), markup=False)
