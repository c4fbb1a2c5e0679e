"""Everything around the product: topics and a chat room beside a source; the settings to reach all of it."""

import os
import shlex
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from confluent_kafka.admin import AdminClient

from plumbing.kafka import client_config, registry_options, require_broker
from plumbing.settings import CommonSettings
from schemas import provision
from schemas.codec import Codec
from schemas.reader import ClientConfig
from schemas.registry import ConfluentRegistry
from schemas.topics import Topics
from standin.chat_room.room import Room
from standin.chat_room.server import running as chat_room
from standin.demo.receivers import alerts_file
from standin.demo.source import Source


@dataclass(frozen=True)
class Scene:
    """What a run has around it. ``environment``: the settings as the product's processes take them."""

    source: Source
    room: Room
    room_url: str
    environment: dict[str, str]
    settings: CommonSettings
    client: ClientConfig
    codec: Codec
    topics: Topics


@contextmanager
def scene(
    source: Source,
    *,
    kafka: str,
    registry: str,
    folder: Path,
    prefix: str = "cf.",
    partitions: int = 4,
    passing: bool = False,
    more: Mapping[str, str] | None = None,
) -> Iterator[Scene]:
    """Serve a chat room, create the topics, and yield the scene.

    ``folder`` takes the alerts' file and the worker's store. ``more``: settings beside the scene's own.
    ``passing``: the topics go when the scene ends, for a Kafka that stays.
    """
    with ExitStack() as stack:
        room = Room()
        room_url = stack.enter_context(chat_room(room))
        folder.mkdir(parents=True, exist_ok=True)
        alerts = folder / "alerts.yaml"
        alerts.write_text(alerts_file(room_url, room.secret), "utf-8")
        environment = {
            "CFSTREAM_KAFKA_BOOTSTRAP_SERVERS": kafka,
            "CFSTREAM_SCHEMA_REGISTRY_URL": registry,
            "CFSTREAM_TOPIC_PREFIX": prefix,
            "CFSTREAM_PARTITIONS": str(partitions),
            "CFSTREAM_DATA_DIR": str(folder),
            "CFSTREAM_ALERTS_CONFIG": str(alerts),
            **source.environment,
            **(more or {}),
        }
        (folder / "settings.env").write_text(_exports(environment), "utf-8")
        settings = CommonSettings.load(
            kafka_bootstrap_servers=kafka, schema_registry_url=registry, topic_prefix=prefix, partitions=partitions
        )
        topics = Topics(prefix)
        admin = require_broker(settings)
        provision.apply(admin, topics, partitions=partitions)
        if passing:
            stack.callback(_drop, admin, topics)
        codec = Codec(stack.enter_context(closing(ConfluentRegistry(registry, **registry_options(settings)))))
        yield Scene(source, room, room_url, environment, settings, client_config(settings), codec, topics)


def _drop(admin: AdminClient, topics: Topics) -> None:
    for future in admin.delete_topics([topic.name for topic in topics]).values():
        future.result(timeout=30)


def _exports(environment: Mapping[str, str]) -> str:
    """Return lines for a shell. A secret that the shell has by itself is not written to disk."""
    named = {name: value for name, value in environment.items() if not (_secret(name) and os.environ.get(name))}
    return "".join(f"export {name}={shlex.quote(value)}\n" for name, value in named.items())


def _secret(name: str) -> bool:
    return name.endswith(("_SECRET", "_PASSWORD"))
