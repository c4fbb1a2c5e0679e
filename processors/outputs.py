"""What a chunk or a tick gives out beside the states, and how it is written."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from processors.lane.writer import Writes
from schemas.codec import Codec
from schemas.records import Alert, DeadLetter
from schemas.tables import Drift
from schemas.topics import Topics


@dataclass
class Outputs:
    """Records to be durable before the states are; and the apps that leave the table, by key and foundation."""

    alerts: list[Alert] = field(default_factory=list)
    dead_letters: list[DeadLetter] = field(default_factory=list)
    drift: list[Drift] = field(default_factory=list)
    removed: list[tuple[bytes, str]] = field(default_factory=list)

    def __bool__(self) -> bool:
        """Say whether there is anything to write first."""
        return bool(self.alerts or self.dead_letters or self.drift)


def sender(topics: Topics, codec: Codec, writer: Writes) -> Callable[[Outputs], None]:
    """Return the function that hands outputs to the writer. Registers the schemas; blocks on the registry."""
    encode_alert = codec.encoder(topics.alerts.name, topics.alerts.schema)
    encode_dead = codec.encoder(topics.dead_letters.name, topics.dead_letters.schema)

    encode_drift = codec.encoder(topics.drift.name, topics.drift.schema)

    def send(outputs: Outputs) -> None:
        for alert in outputs.alerts:
            key = alert["app_guid"] or alert["id"]
            writer.write(topics.alerts.name, key.encode(), encode_alert(_record(alert)))
        for drift in outputs.drift:
            writer.write(topics.drift.name, drift["app_guid"].encode(), encode_drift(_record(drift)))
        for letter in outputs.dead_letters:
            writer.write(topics.dead_letters.name, letter["feed"].encode(), encode_dead(_record(letter)))

    return send


def _record(record: Any) -> Mapping[str, Any]:
    mapping: Mapping[str, Any] = record
    return mapping
