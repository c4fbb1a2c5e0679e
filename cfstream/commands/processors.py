"""``cfstream processors run``: one worker."""

import asyncio
from typing import Annotated

import typer

from cfstream.options import Config, application
from plumbing import logs
from processors.run import run as run_worker
from processors.settings import WorkerSettings

app = application("Keep the state tables and raise alerts.")


@app.command()
def run(
    config: Config = None,
    until_caught_up: Annotated[
        bool, typer.Option("--until-caught-up", help="End when everything committed so far is applied.")
    ] = False,
) -> None:
    """Run a worker until SIGTERM; start as many as there are partitions, at most."""
    settings = WorkerSettings.load(config)
    logs.configure(settings.log_format, settings.log_level)
    asyncio.run(run_worker(settings, until_caught_up=until_caught_up))
