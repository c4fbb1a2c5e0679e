"""Which Kafka and which registry: given addresses, containers, or children of ours. Pure decisions."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from plumbing.errors import UsageError

Choice = Literal["auto", "given", "docker", "embedded"]
Part = Literal["kafka", "registry"]
Engine = Literal["docker", "embedded"]

KAFKA_VARIABLE = "CFSTREAM_KAFKA_BOOTSTRAP_SERVERS"
REGISTRY_VARIABLE = "CFSTREAM_SCHEMA_REGISTRY_URL"


@dataclass(frozen=True)
class Plan:
    """What is given and what is to be started, by which engine (None when nothing is)."""

    kafka: str | None
    registry: str | None
    start: frozenset[Part]
    engine: Engine | None


def plan(
    choice: Choice, wanted: frozenset[Part], environment: Mapping[str, str], docker_answers: Callable[[], bool]
) -> Plan:
    """Decide. In ``auto`` each part that has a given address uses it; the rest comes from Docker, else is embedded.

    ``docker`` and ``embedded`` start every wanted part whatever is given; ``given`` starts none. A registry needs a
    Kafka: one that is wanted too, or a given one. Raise UsageError where that cannot be.
    """
    kafka = environment.get(KAFKA_VARIABLE) or None
    registry = environment.get(REGISTRY_VARIABLE) or None
    given: set[Part] = {part for part, address in _addresses(kafka, registry) if address}
    if choice == "given":
        for part, variable in (("kafka", KAFKA_VARIABLE), ("registry", REGISTRY_VARIABLE)):
            if part in wanted and part not in given:
                raise UsageError(f"{variable} is not set: give the address, or let one be started (--engine auto)")
    keep_given = choice in ("auto", "given")
    start = frozenset(part for part in wanted if not (keep_given and part in given))
    if "registry" in start and "kafka" not in start and not kafka:
        raise UsageError(f"the registry keeps its schemas in Kafka: start kafka too, or set {KAFKA_VARIABLE}")
    return Plan(
        kafka=None if "kafka" in start else kafka,
        registry=None if "registry" in start else registry,
        start=start,
        engine=_engine(choice, docker_answers) if start else None,
    )


def _addresses(kafka: str | None, registry: str | None) -> tuple[tuple[Part, str | None], ...]:
    return ("kafka", kafka), ("registry", registry)


def _engine(choice: Choice, docker_answers: Callable[[], bool]) -> Engine:
    if choice == "embedded":
        return "embedded"
    if docker_answers():
        return "docker"
    if choice == "docker":
        raise UsageError("no Docker engine answers here: start it, or choose --engine embedded, which needs none")
    return "embedded"
