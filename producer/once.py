"""What the one-shot commands share: a foundation that lets us in, the last checkpoints, no endless waiting."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from random import Random
from typing import cast

from plumbing.clock import SystemClock
from plumbing.errors import UsageError
from plumbing.kafka import client_config, registry_options
from producer import assemble, checkpoint
from producer.api.patience import Patience
from producer.checkpoint import TailState
from producer.metrics import Metrics
from producer.publish.readback import last_values
from producer.publish.transaction import DoubtError
from producer.run import Start, enter
from producer.settings import Foundation, ProducerSettings
from schemas.codec import Codec
from schemas.records import Checkpoint
from schemas.registry import ConfluentRegistry


@dataclass(frozen=True)
class Once:
    """One foundation, entered."""

    foundation: Foundation
    access: assemble.Access
    settings: ProducerSettings
    ports: assemble.Ports
    start: Start

    def patience(self) -> Patience:
        """Return a retry layer."""
        return assemble.patience(self.foundation, self.ports)


def ports_of(settings: ProducerSettings) -> assemble.Ports:
    """Return the ports of a command: the machine's clock, the registry, metrics that nobody scrapes."""
    registry = ConfluentRegistry(settings.schema_registry_url, **registry_options(settings))
    return assemble.Ports(SystemClock(), Random(), Metrics(), Codec(registry))  # noqa: S311 - jitter, no secret


def chosen(settings: ProducerSettings, name: str | None) -> list[Foundation]:
    """Return the foundations, or the one of that name. Raise UsageError for an unknown one."""
    foundations = settings.resolved()
    if name is None:
        return foundations
    found = [each for each in foundations if each.name == name]
    if not found:
        raise UsageError(f"--foundation {name}: there are {', '.join(each.name for each in foundations)}")
    return found


@asynccontextmanager
async def entered(settings: ProducerSettings, foundation: Foundation) -> AsyncIterator[Once]:
    """Log in to a foundation; raise UsageError with one line where it does not let us in or does not answer."""
    ports = ports_of(settings)
    api = assemble.cloud_controller(foundation, settings, ports)
    start = Start(ports.clock, ports.random, asyncio.Event(), patient=False)
    try:
        access = await start.until_done("Cloud Controller", lambda: enter(foundation, api))
        yield Once(foundation, access, settings, ports, start)
    finally:
        await api.close()


def checkpoints(settings: ProducerSettings, prefix: str, codec: Codec) -> dict[str, Checkpoint]:
    """Return the last checkpoint of each tail by its key. Blocks. Raise UsageError where Kafka does not answer."""
    topic = assemble.topics_of(settings, prefix).checkpoints.name
    try:
        values = last_values(client_config(settings), topic, timeout_s=20)
    except DoubtError as error:
        raise UsageError(
            f"the checkpoints in {topic} cannot be read ({error}): "
            "check CFSTREAM_KAFKA_BOOTSTRAP_SERVERS and CFSTREAM_TOPIC_PREFIX"
        ) from error
    return {key: cast("Checkpoint", codec.decode(value)) for key, value in values.items()}


def state_of(found: dict[str, Checkpoint], foundation: str, feed: str) -> TailState | None:
    """Return a tail's state from its checkpoint; None where it has not started."""
    record = found.get(checkpoint.key(foundation, feed))
    return None if record is None else checkpoint.from_record(record)
