"""Reads the compacted topics whole, as tables: the newest record of each key, tombstones taken away."""

from collections.abc import Iterator
from typing import Any

from confluent_kafka import KafkaException

from plumbing.errors import CfstreamError, UsageError
from plumbing.kafka import client_config, registry_options, require_broker
from plumbing.settings import CommonSettings
from schemas.codec import Codec
from schemas.reader import MissingTopicError, rows
from schemas.registry import ConfluentRegistry
from schemas.versions import row_version


def codec_of(settings: CommonSettings) -> Codec:
    """Return a codec on the registry of the settings."""
    return Codec(ConfluentRegistry(settings.schema_registry_url, **registry_options(settings)))


def records(settings: CommonSettings, topic: str) -> Iterator[tuple[bytes, bytes | None]]:
    """Yield key and frame of the committed records of a topic, up to its end; None stands for a tombstone.

    Raise UsageError where there is no broker or topic, CfstreamError when Kafka stops answering.
    """
    require_broker(settings)
    try:
        for row in rows(client_config(settings), topic):
            if row.key is not None:
                yield row.key, row.value
    except MissingTopicError as error:
        raise UsageError(f"there is no topic {error}; create the topics with: cfstream topics apply") from error
    except KafkaException as error:
        raise CfstreamError(f"Kafka does not answer: {error.args[0].str()}") from error


def table(settings: CommonSettings, topic: str, *, versioned: bool = False) -> dict[bytes, Any]:
    """Return the newest record of each key of a topic.

    ``versioned``: of two records of a key the one of the higher version holds, not the later one. Raise as
    ``records`` does, and UsageError without registry.
    """
    newest: dict[bytes, bytes] = {}
    for key, frame in records(settings, topic):
        if frame is None:
            newest.pop(key, None)
        elif not versioned or key not in newest or row_version(frame) >= row_version(newest[key]):
            newest[key] = frame
    codec = codec_of(settings)
    return {key: codec.decode(frame) for key, frame in newest.items()}
