"""Records to and from the Confluent wire format: byte 0x00, schema id as big-endian int32, Avro body."""

from collections.abc import Callable, Mapping
from io import BytesIO
from typing import Any, Protocol

from fastavro import schemaless_reader, schemaless_writer

from schemas import avro

HEADER_BYTES = 5
MAGIC = b"\x00"

Record = Mapping[str, Any]
Encoder = Callable[[Record], bytes]


class UndecodableError(ValueError):
    """A frame that no schema of ours can read; the message says why. Fit for the dead letters."""


class Registry(Protocol):
    """The part of a schema registry that the codec needs. Both calls may block on the network."""

    def register(self, subject: str, schema: str) -> int:
        """Register a schema (idempotent) and return its id."""
        ...

    def schema(self, schema_id: int) -> str:
        """Return the schema of an id. Raise KeyError where the registry has none."""
        ...


class Codec:
    """Encodes records for topics and decodes frames.

    Schema ids are asked for once and kept for ever (an id never changes its schema), so a registry that is away
    disturbs nobody who has started. Writer and reader schemas are resolved by Avro's rules on decode.
    """

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._readers: dict[int, tuple[avro.Schema, avro.Schema | None]] = {}

    def encoder(self, topic: str, name: str) -> Encoder:
        """Register the schema ``name`` under ``<topic>-value`` and return the function that encodes its records.

        The function raises ValueError or TypeError for a record that does not fit the schema. Blocks on the
        registry; call it at the start.
        """
        schema_id = self._registry.register(f"{topic}-value", avro.text(name))
        header = MAGIC + schema_id.to_bytes(4, "big")
        schema = avro.parsed(name)

        def encode(record: Record) -> bytes:
            out = BytesIO()
            out.write(header)
            schemaless_writer(out, schema, record)
            return out.getvalue()

        return encode

    def known(self, frame: bytes) -> bool:
        """Say whether ``decode`` can work without asking the registry."""
        return int.from_bytes(frame[1:HEADER_BYTES], "big") in self._readers

    def decode(self, frame: bytes) -> dict[str, Any]:
        """Decode one frame into a record of the reader's schema of the same name.

        A record whose name is not ours is read by its writer's schema. Raise UndecodableError for a bad frame. Any
        other error comes from the registry: it may heal, so try again. Blocks on the registry for a new id only.
        """
        if len(frame) < HEADER_BYTES or frame[:1] != MAGIC:
            raise UndecodableError("no Confluent frame: the first byte is not 0x00, or fewer than 5 bytes")
        schema_id = int.from_bytes(frame[1:HEADER_BYTES], "big")
        schemas = self._readers.get(schema_id) or self._reader(schema_id)
        body = BytesIO(frame)
        body.seek(HEADER_BYTES)
        try:
            record = schemaless_reader(body, schemas[0], schemas[1])
        except Exception as error:  # fastavro raises whatever the bytes provoke
            raise UndecodableError(f"not Avro of schema {schema_id}: {error!r}") from error
        if body.tell() != len(frame):
            raise UndecodableError(f"{len(frame) - body.tell()} bytes left over after a record of schema {schema_id}")
        if not isinstance(record, dict):
            raise UndecodableError(f"schema {schema_id} is no record")
        return record

    def _reader(self, schema_id: int) -> tuple[avro.Schema, avro.Schema | None]:
        try:
            writer = avro.parse(self._registry.schema(schema_id))
        except KeyError:
            raise UndecodableError(f"schema id {schema_id} is not in the registry") from None
        name = str(writer.get("name", "")).removeprefix("cfstream.") if isinstance(writer, dict) else ""
        try:
            reader = avro.parsed(name)
        except KeyError:
            reader = None
        # Equal schemas need no resolution, which costs time on each record.
        pair = (writer, None if reader == writer else reader)
        self._readers[schema_id] = pair
        return pair
