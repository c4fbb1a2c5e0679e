"""Records to and from the Confluent wire format: byte 0x00, schema id as big-endian int32, Avro body.

fastavro holds the rules: it resolves schemas, and it reads, writes and refuses whatever is out of the ordinary.
Records of our own schemas, as they mostly are, go by code generated from the schema, several times as fast.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from io import BytesIO
from typing import Any, Protocol

from fastavro import schemaless_reader, schemaless_writer

from schemas import avro
from schemas.generated.decoder import Read, decoder
from schemas.generated.encoder import encoder
from schemas.generated.source import UnsupportedError

HEADER_BYTES = 5
MAGIC = b"\x00"

Record = Mapping[str, Any]
Encoder = Callable[[Record], bytes]


class UndecodableError(ValueError):
    """A frame that no schema of ours can read; the message says why. Fit for the dead letters."""


class UnknownSchemaError(UndecodableError):
    """The registry says that it has no such schema id. It may be behind the one that gave the id: ask again first."""


class Registry(Protocol):
    """The part of a schema registry that the codec needs. Both calls may block on the network."""

    def register(self, subject: str, schema: str) -> int:
        """Register a schema (idempotent) and return its id."""
        ...

    def schema(self, schema_id: int) -> str:
        """Return the schema of an id. Raise KeyError where the registry has none."""
        ...


@dataclass(frozen=True, slots=True)
class _Reader:
    """How to read frames of one id. ``reader`` None: as they were written. ``quick`` None: by fastavro alone.

    ``name``: the writer's record, without our namespace; empty for what is no record.
    """

    schema_id: int
    name: str
    writer: avro.Schema
    reader: avro.Schema | None
    quick: Read | None


class Codec:
    """Encodes records for topics and decodes frames.

    Schema ids are asked for once and kept for ever (an id never changes its schema), so a registry that is away
    disturbs nobody who has started. Writer and reader schemas are resolved by Avro's rules on decode.
    """

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._readers: dict[bytes, _Reader] = {}
        """By the header of their frames."""

    def encoder(self, topic: str, name: str) -> Encoder:
        """Register the schema ``name`` under ``<topic>-value`` and return the function that encodes its records.

        What it writes can be decoded without asking the registry again. The function raises ValueError or TypeError for
        a record that does not fit the schema. Blocks on the registry; call it at the start.
        """
        schema_id = self._registry.register(f"{topic}-value", avro.text(name))
        header = MAGIC + schema_id.to_bytes(4, "big")
        schema = avro.parsed(name)
        if header not in self._readers:
            self._readers[header] = _Reader(schema_id, name, schema, None, _quick(schema))

        def encode(record: Record) -> bytes:
            out = BytesIO()
            out.write(header)
            schemaless_writer(out, schema, record)
            return out.getvalue()

        try:
            quick = encoder(schema, header)
        except UnsupportedError:
            return encode

        def encode_quickly(record: Record) -> bytes:
            try:
                return quick(record)
            except Exception:  # noqa: BLE001 - whatever it was, fastavro writes the record or says what is wrong
                return encode(record)

        return encode_quickly

    def known(self, frame: bytes) -> bool:
        """Say whether ``decode`` can work without asking the registry."""
        return frame[:HEADER_BYTES] in self._readers

    def decode(self, frame: bytes, name: str | None = None) -> dict[str, Any]:
        """Decode one frame into a record of the reader's schema of the same name.

        A record whose name is not ours is read by its writer's schema. With ``name``, any other record is refused.
        Raise UndecodableError for a bad frame, of the kind UnknownSchemaError for an id that the registry does not
        know. Any other error comes from the registry: it may heal, so try again.
        Blocks on the registry for a new id only.
        """
        reader = self._readers.get(frame[:HEADER_BYTES]) or self._reader(frame)
        if name is not None and reader.name != name:
            raise UndecodableError(f"schema {reader.schema_id} is {reader.name or 'no record'}, not {name}")
        if reader.quick is not None:
            try:
                record, end = reader.quick(frame, HEADER_BYTES)
                if end == len(frame):
                    return record
            except Exception:  # noqa: BLE001, S110 - whatever it was, fastavro reads the frame or says what is wrong
                pass
        return _decode(frame, reader)

    def _reader(self, frame: bytes) -> _Reader:
        if len(frame) < HEADER_BYTES or frame[:1] != MAGIC:
            raise UndecodableError("no Confluent frame: the first byte is not 0x00, or fewer than 5 bytes")
        schema_id = int.from_bytes(frame[1:HEADER_BYTES], "big")
        try:
            text = self._registry.schema(schema_id)
        except KeyError:
            raise UnknownSchemaError(f"schema id {schema_id} is not in the registry") from None
        try:
            writer = avro.parse(text)
        except Exception as error:  # json and fastavro raise whatever the text provokes; a registry has other kinds too
            raise UndecodableError(f"schema {schema_id} is no Avro schema: {error!r}") from error
        name = str(writer.get("name", "")).removeprefix("cfstream.") if isinstance(writer, dict) else ""
        try:
            reader = avro.parsed(name)
        except KeyError:
            reader = None
        if reader == writer:
            # Equal schemas need no resolution, which costs time on each record.
            found = _Reader(schema_id, name, writer, None, _quick(writer))
        else:
            found = _Reader(schema_id, name, writer, reader, None)
        self._readers[frame[:HEADER_BYTES]] = found
        return found


def _quick(schema: avro.Schema) -> Read | None:
    try:
        return decoder(schema)
    except UnsupportedError:
        return None


def _decode(frame: bytes, reader: _Reader) -> dict[str, Any]:
    body = BytesIO(frame)
    body.seek(HEADER_BYTES)
    try:
        record = schemaless_reader(body, reader.writer, reader.reader)
    except Exception as error:  # fastavro raises whatever the bytes provoke
        raise UndecodableError(f"not Avro of schema {reader.schema_id}: {error!r}") from error
    if body.tell() != len(frame):
        left = len(frame) - body.tell()
        raise UndecodableError(f"{left} bytes left over after a record of schema {reader.schema_id}")
    if not isinstance(record, dict):
        raise UndecodableError(f"schema {reader.schema_id} is no record")
    return record
