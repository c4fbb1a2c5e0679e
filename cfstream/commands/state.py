"""``cfstream state``: what runs now, by app, from the compacted topic of the workers."""

import sys
from typing import Annotated, Any

import orjson
import typer
from rich.table import Table

from cfstream.history import events, print_history
from cfstream.options import Config, Json, command
from cfstream.render import readable, to_stdout
from cfstream.tables import table
from plumbing.errors import CfstreamError, UsageError
from plumbing.settings import CommonSettings
from schemas.topics import Topics

app = command("What runs now, by app.")


@app.command()
def state(
    name: Annotated[str | None, typer.Argument(metavar="APP", help="Guid or name of one app.")] = None,
    config: Config = None,
    space: Annotated[str | None, typer.Option("--space", help="Only apps of this space, by guid or name.")] = None,
    org: Annotated[str | None, typer.Option("--org", help="Only apps of this organization, by guid.")] = None,
    history: Annotated[
        bool, typer.Option("--history", help="Of one app: what happened, from the topics as far back as they go.")
    ] = False,
    json: Json = False,
) -> None:
    """Print what is known of each app, or of one, as a table or as JSON lines with the Avro field names."""
    settings = CommonSettings.load(config)
    topics = Topics(settings.topic_prefix)
    states = table(settings, topics.state.name, versioned=True).values()
    chosen = [
        found
        for found in states
        if (name is None or name in (found["app_guid"], found["app_name"]))
        and (space is None or space in (found["space_guid"], found["space_name"]))
        and (org is None or org == found["org_guid"])
    ]
    if name is not None and not chosen:
        raise CfstreamError(f"no app {name!r} is known; 'cfstream state' lists all")
    if history:
        if len(chosen) != 1:
            raise UsageError(f"--history is of one app; {len(chosen)} apps fit: give its guid")
        print_history(events(settings, topics, chosen[0]["app_guid"]), json=json)
        return
    chosen.sort(key=lambda found: (found["org_guid"] or "", found["space_name"] or "", found["app_name"] or ""))
    if json:
        for found in chosen:
            sys.stdout.write(orjson.dumps(readable(found)).decode() + "\n")
    else:
        _print(chosen)


def _print(states: list[dict[str, Any]]) -> None:
    shown = Table(box=None)
    for title in ("app", "space", "state"):
        shown.add_column(title, overflow="fold")
    for title in ("instances", "memory MB", "tasks", "staging", "crashes"):
        shown.add_column(title, justify="right")
    shown.add_column("as of")
    for found in states:
        shown.add_row(
            found["app_name"] or found["app_guid"],
            found["space_name"] or found["space_guid"] or "",
            found["state"],
            str(found["running_instances"]),
            str(found["memory_mb"]),
            str(found["running_tasks"]),
            str(found["running_stagings"]),
            str(found["crashes"]),
            str(readable({"as_of": found["as_of"]})["as_of"]),
        )
    to_stdout().print(shown)
