"""``cfstream demo``: the whole chain on this machine, live or checked."""

import secrets
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict
from functools import partial
from typing import Annotated

import orjson
import typer
from rich.console import Console

from cfstream.options import command
from plumbing import logs
from plumbing.errors import CfstreamError, UsageError
from standin.cloud_controller.clock import SimClock
from standin.cloud_controller.scenario import play_demo_scenario
from standin.cloud_controller.server import CloudController
from standin.demo import live, once
from standin.demo.pipeline import Pipeline
from standin.demo.scene import scene
from standin.demo.source import Given, Simulated, simulated
from standin.places import RunFolder, data_folder
from standin.stack import open_stack

app = command("The whole chain on this machine, live.")

SPEED = 60.0


@app.command()
def demo(
    play_once: Annotated[
        bool, typer.Option("--once", help="Play a fixed scenario, compare every app with the source, and end.")
    ] = False,
    json: Annotated[
        bool, typer.Option("--json", help="With --once: the summary as one JSON object, last line.")
    ] = False,
    cf_api: Annotated[
        str | None,
        typer.Option(
            "--cf-api",
            metavar="URL",
            help="Read this Cloud Controller instead of a simulated one; credentials from CFSTREAM_CF_*.",
        ),
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed of the simulated Cloud Controller.")] = 1,
) -> None:
    """Run Kafka, a registry, a Cloud Controller, the producer, a worker, the notifier and a chat room.

    Live: shows what runs until Ctrl-C. With --once: a week of history of more than 500 apps; exit 0 only when every
    app's instances and memory equal the Cloud Controller's, each row is there once, and each alert arrived.
    """
    if json and not play_once:
        raise UsageError("--json goes with --once")
    began = time.monotonic()
    logs.configure("console", "warning")
    console = Console(stderr=play_once)
    with ExitStack() as stack:
        say = partial(console.print, markup=False, highlight=False)
        say("starting Kafka and the schema registry …")
        around_kafka = stack.enter_context(open_stack("auto"))
        theirs = around_kafka.engine == "given"
        folder = around_kafka.logs or RunFolder.fresh(data_folder()).path
        say(f"ready after {time.monotonic() - began:.1f} s")
        source = Given(cf_api) if cf_api else stack.enter_context(_simulated(seed, paused=play_once))
        around = stack.enter_context(
            scene(
                source,
                kafka=around_kafka.bootstrap_servers,
                registry=around_kafka.registry_url,
                folder=folder,
                # On a Kafka of yours the demo keeps to topics of its own.
                prefix=f"demo-{secrets.token_hex(3)}." if theirs else "cf.",
                passing=theirs,
            )
        )
        pipeline = stack.enter_context(Pipeline(around.environment, folder))
        if not play_once:
            first = live.FirstState(began)
            with suppress(KeyboardInterrupt):
                live.play(around, pipeline, console, first_state=first)
            if first.seconds is not None:
                say(f"first state on the screen after {first.seconds:.1f} s; logs in {folder}")
            return
        outcome, faults = once.play(around, pipeline, say, began=began)
    for fault in faults:
        say(f"differs: {fault}")
    if json:
        sys.stdout.write(orjson.dumps(asdict(outcome)).decode() + "\n")
    else:
        for name, value in asdict(outcome).items():
            say(f"{name.replace('_', ' '):>18}  {value:,}" if isinstance(value, int) else f"{name:>18}  {value}")
    if faults:
        raise CfstreamError(f"the tables and the Cloud Controller disagree in {len(faults)} points; logs in {folder}")


@contextmanager
def _simulated(seed: int, *, paused: bool) -> Iterator[Simulated]:
    """Serve a week of history; ``paused``: its clock stands, else it runs fast."""
    cc = CloudController(seed=seed, clock=SimClock() if paused else SimClock(speed=SPEED))
    play_demo_scenario(cc)
    with simulated(cc, settle_s=5 if paused else 30) as source:
        yield source
