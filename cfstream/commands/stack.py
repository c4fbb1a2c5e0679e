"""``cfstream stack up``: the stand-in environment in the foreground, its addresses as environment lines."""

import contextlib
import os
import signal
import sys
import threading
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from types import FrameType
from typing import Annotated

import typer

from cfstream.options import application
from plumbing.errors import UsageError
from standin.choice import KAFKA_VARIABLE, REGISTRY_VARIABLE, Part
from standin.sample import Sample, cloud_controller
from standin.stack import Stack, open_stack

app = application("The stand-in environment alone: Kafka, registry, Cloud Controller.")

API = "cloud-controller"
LOOK_EVERY_S = 0.5


class Engine(StrEnum):
    """How Kafka and the registry are started."""

    auto = "auto"
    docker = "docker"
    embedded = "embedded"


@app.command()
def up(
    only: Annotated[
        str | None, typer.Option(help="Parts, by commas: kafka, registry, cloud-controller.", show_default="all")
    ] = None,
    engine: Annotated[Engine, typer.Option(help="auto: Docker where an engine answers, else embedded.")] = Engine.auto,
    kafka_port: Annotated[int | None, typer.Option(min=1, max=65535, show_default="a free one")] = None,
    registry_port: Annotated[int | None, typer.Option(min=1, max=65535, show_default="a free one")] = None,
    api_port: Annotated[int | None, typer.Option(min=1, max=65535, show_default="a free one")] = None,
    folder: Annotated[
        Path | None, typer.Option(help="Keep the embedded broker's data here for the next start.", show_default=False)
    ] = None,
    apps: Annotated[int, typer.Option(min=1, max=200_000, help="Simulated apps.")] = 50,
    seed: Annotated[int, typer.Option(help="Seed of the simulated apps' lives.")] = 1,
    speed: Annotated[float, typer.Option(min=0.01, max=10_000, help="Simulated seconds in a second.")] = 1.0,
    rate: Annotated[float, typer.Option(min=0, max=10_000, help="Changes a simulated second; 0 stands still.")] = 2.0,
) -> None:
    """Start the parts and print each address and credential as a line when that part is ready. Ctrl-C ends them."""
    wanted = parts(only)
    with quiet_end(), contextlib.ExitStack() as ends:
        if API in wanted:
            sample = Sample(apps=apps, seed=seed, speed=speed, rate=rate)
            for variable, value in ends.enter_context(cloud_controller(sample, port=api_port)).items():
                say(variable, value)
        brokers: list[Part] = [part for part in ("kafka", "registry") if part in wanted]
        stack = None
        if brokers:
            stack = ends.enter_context(
                open_stack(
                    engine.value,
                    parts=brokers,
                    kafka_port=kafka_port,
                    registry_port=registry_port,
                    folder=folder,
                    environment=_without_wanted(wanted),
                    on_ready=say,
                )
            )
            if stack.logs:
                sys.stderr.write(f"Logs: {stack.logs}\n")
        sys.stderr.write("Ready. Ctrl-C ends it.\n")
        wait(stack)


def parts(only: str | None) -> frozenset[str]:
    """Read ``--only``. Raise UsageError for an unknown part."""
    known = frozenset({"kafka", "registry", API})
    wanted = known if only is None else frozenset(name.strip() for name in only.split(",") if name.strip())
    if unknown := sorted(wanted - known):
        raise UsageError(f"--only knows kafka, registry and {API}, not {unknown[0]!r}")
    if not wanted:
        raise UsageError(f"--only names no part; it takes kafka, registry and {API}, by commas")
    return wanted


def say(variable: str, value: str) -> None:
    """Print a line that a shell can read."""
    typer.echo(f"{variable}={value}")
    sys.stdout.flush()


def wait(stack: Stack | None) -> None:
    """Wait for ever; raise CfstreamError when a part ends by itself."""
    never = threading.Event()
    while not never.wait(LOOK_EVERY_S):
        if stack is not None:
            stack.require_running()


@contextlib.contextmanager
def quiet_end() -> Iterator[None]:
    """End the block on SIGTERM or SIGINT, at whatever point, and the process with 0. A second one changes nothing."""

    def end(_number: int, _frame: FrameType | None) -> None:
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, signal.SIG_IGN)
        raise SystemExit(0)

    before = {number: signal.signal(number, end) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _without_wanted(wanted: frozenset[str]) -> dict[str, str]:
    """Return the environment without the addresses of the parts that are to be started here."""
    ours = {KAFKA_VARIABLE: "kafka", REGISTRY_VARIABLE: "registry"}
    return {name: value for name, value in os.environ.items() if ours.get(name) not in wanted}
