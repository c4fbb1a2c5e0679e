"""Kafka and a schema registry for the demo, for tests and for trying out: given, in containers, or as our children."""

import contextlib
import os
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from standin.choice import KAFKA_VARIABLE, REGISTRY_VARIABLE, Choice, Part, Plan, plan
from standin.containers import Containers, KafkaContainer, RegistryContainer, engine_answers
from standin.embedded_kafka import Broker
from standin.embedded_registry import Registry
from standin.places import RunFolder, data_folder
from standin.readiness import await_groups

OnReady = Callable[[str, str], object]
"""Gets the environment variable of a part and its address as soon as that part answers."""


class Running(Protocol):
    """A part that we started."""

    def launch(self) -> None:
        """Start it, without waiting."""

    def await_ready(self) -> None:
        """Wait until it answers."""

    def require_running(self) -> None:
        """Raise CfstreamError when it has ended by itself."""

    def end(self) -> None:
        """End it. Idempotent."""


class KafkaPart(Running, Protocol):
    """A Kafka that we started."""

    @property
    def bootstrap_servers(self) -> str:
        """Where clients connect."""


class RegistryPart(Running, Protocol):
    """A registry that we started."""

    @property
    def url(self) -> str:
        """Where clients connect."""


@dataclass(frozen=True)
class Stack:
    """A running Kafka and registry. ``engine``: ``given``, ``docker`` or ``embedded``; ``logs``: where children log."""

    bootstrap_servers: str
    registry_url: str
    engine: str
    logs: Path | None = None
    started: tuple[Running, ...] = ()

    @property
    def environment(self) -> dict[str, str]:
        """The addresses as settings of the product's processes."""
        addresses = {KAFKA_VARIABLE: self.bootstrap_servers, REGISTRY_VARIABLE: self.registry_url}
        return {name: address for name, address in addresses.items() if address}

    def require_running(self) -> None:
        """Raise CfstreamError when a part that we started has ended by itself."""
        for part in self.started:
            part.require_running()


@contextlib.contextmanager
def open_stack(
    choice: Choice = "auto",
    *,
    parts: Collection[Part] = ("kafka", "registry"),
    kafka_port: int | None = None,
    registry_port: int | None = None,
    folder: Path | None = None,
    environment: Mapping[str, str] | None = None,
    on_ready: OnReady = lambda _variable, _address: None,
) -> Iterator[Stack]:
    """Find or start the wanted parts; end on leaving what was started. Addresses of parts not wanted may be empty.

    ``folder`` keeps the embedded broker's data for the next start; without it the data goes at the end and the logs
    stay in the data folder. Call it from any thread; it blocks until every part answers.
    """
    decided = plan(choice, frozenset(parts), os.environ if environment is None else environment, engine_answers)
    with contextlib.ExitStack() as ends:
        logs: Path | None = None
        kafka: KafkaPart | None = None
        registry: RegistryPart | None = None
        if decided.engine == "docker":
            kafka, registry = _containers(decided, ends, kafka_port, registry_port)
        elif decided.engine == "embedded":
            run = RunFolder.at(folder) if folder else RunFolder.fresh(data_folder())
            ends.callback(run.end)
            logs = run.path
            kafka, registry = _children(decided, run, kafka_port, registry_port)
        started = [part for part in (kafka, registry) if part is not None]
        for part in started:
            ends.callback(part.end)
            # Both at once: the registry's Java start takes longer than Kafka's, and it waits for Kafka by itself.
            part.launch()
        stack = Stack(
            bootstrap_servers=kafka.bootstrap_servers if kafka else decided.kafka or "",
            registry_url=registry.url if registry else decided.registry or "",
            engine=decided.engine or "given",
            logs=logs,
            started=tuple(started),
        )
        for variable, address, running in (
            (KAFKA_VARIABLE, stack.bootstrap_servers, kafka),
            (REGISTRY_VARIABLE, stack.registry_url, registry),
        ):
            if running is not None:
                running.await_ready()
            if running is not None and running is kafka:
                await_groups(address, log=str(logs or "the container's log"))
            if address:
                on_ready(variable, address)
        yield stack


def _children(
    decided: Plan, run: RunFolder, kafka_port: int | None, registry_port: int | None
) -> tuple[Broker | None, Registry | None]:
    data = data_folder()
    kafka = Broker(data, run, port=kafka_port) if "kafka" in decided.start else None
    address = kafka.bootstrap_servers if kafka else decided.kafka or ""
    registry = Registry(data, run, address, port=registry_port) if "registry" in decided.start else None
    return kafka, registry


def _containers(
    decided: Plan, ends: contextlib.ExitStack, kafka_port: int | None, registry_port: int | None
) -> tuple[KafkaContainer | None, RegistryContainer | None]:
    network = ends.enter_context(Containers()).network
    kafka = KafkaContainer(network, port=kafka_port) if "kafka" in decided.start else None
    registry = None
    if "registry" in decided.start:
        registry = RegistryContainer(network, decided.kafka, port=registry_port)
    return kafka, registry
