"""The wire format and the records."""

import json
from io import BytesIO
from typing import Any, get_type_hints

import fastavro
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.registry import MemoryRegistry

from schemas import avro, records
from schemas.codec import Codec, UndecodableError

MICROS = st.integers(min_value=-(2**53), max_value=2**53)


def values_of(schema: Any) -> st.SearchStrategy[Any]:  # noqa: C901, PLR0911 - one case a kind of type
    """Any value that a schema allows."""
    match schema:
        case "null":
            return st.none()
        case "string":
            return st.text(max_size=20)
        case "long":
            return MICROS
        case "boolean":
            return st.booleans()
        case "double":
            return st.floats(allow_nan=False, allow_infinity=False)
        case "bytes":
            return st.binary(max_size=20)
        case list():
            return st.one_of([values_of(part) for part in schema])
        case {"type": "record", "fields": fields}:
            return st.fixed_dictionaries({field["name"]: values_of(field["type"]) for field in fields})
        case {"type": "enum", "symbols": symbols}:
            return st.sampled_from(symbols)
        case {"type": "array", "items": items}:
            return st.lists(values_of(items), max_size=3)
        case {"type": "map", "values": inner}:
            return st.dictionaries(st.text(max_size=5), values_of(inner), max_size=3)
        case {"type": inner}:
            return values_of(inner)
    raise AssertionError(schema)


@pytest.mark.parametrize(
    "name", ["AppUsageEvent", "AuditEvent", "ProcessSnapshot", "Checkpoint", "DeadLetter", "Alert"]
)
@given(data=st.data())
def test_every_record_a_schema_allows_survives_the_wire(name: str, data: st.DataObject) -> None:
    record = data.draw(values_of(json.loads(avro.text(name))))
    codec = Codec(MemoryRegistry())
    assert codec.decode(codec.encoder("cf.topic", name)(record)) == record


@pytest.mark.parametrize(
    "name", ["AppUsageEvent", "AuditEvent", "ProcessSnapshot", "Checkpoint", "DeadLetter", "Alert"]
)
def test_typed_records_and_schemas_name_the_same_fields(name: str) -> None:
    fields = [field["name"] for field in json.loads(avro.text(name))["fields"]]
    assert list(get_type_hints(getattr(records, name))) == fields


def test_frame_is_magic_byte_big_endian_id_and_body() -> None:
    registry = MemoryRegistry()
    registry.schemas[300] = "taken"
    codec = Codec(registry)
    registry.schemas[258] = avro.text("DeadLetter")
    record = {"feed": "f", "stage": "s", "reason": "r", "failed_at": 1, "position": "p", "body": b"x"}
    frame = codec.encoder("t", "DeadLetter")(record)
    assert frame[:5] == b"\x00\x00\x00\x01\x02"
    body = fastavro.schemaless_reader(BytesIO(frame[5:]), avro.parsed("DeadLetter"), None)
    assert isinstance(body, dict)
    assert body["feed"] == "f"


def test_registered_schema_keeps_logical_types_for_other_readers() -> None:
    registry = MemoryRegistry()
    Codec(registry).encoder("cf.app-usage-events", "AppUsageEvent")
    assert registry.subjects == {"cf.app-usage-events-value": 1}
    created_at = next(f for f in json.loads(registry.schemas[1])["fields"] if f["name"] == "created_at")
    assert created_at["type"] == {"type": "long", "logicalType": "timestamp-micros"}


def test_schema_id_is_asked_for_once() -> None:
    registry = MemoryRegistry()
    codec = Codec(registry)
    record = {"feed": "f", "stage": "s", "reason": "r", "failed_at": 1, "position": "p", "body": b"x"}
    frame = Codec(registry).encoder("t", "DeadLetter")(record)
    assert not codec.known(frame)
    for _ in range(3):
        codec.decode(frame)
    assert registry.asked == [1]
    assert codec.known(frame)


def test_what_a_codec_has_written_it_reads_without_the_registry() -> None:
    registry = MemoryRegistry()
    codec = Codec(registry)
    record = {"feed": "f", "stage": "s", "reason": "r", "failed_at": 1, "position": "p", "body": b"x"}
    frame = codec.encoder("t", "DeadLetter")(record)
    assert codec.known(frame)
    assert codec.decode(frame, "DeadLetter") == Codec(registry).decode(frame)
    assert registry.asked == [1], "by the other one"


def test_older_writer_is_read_with_defaults_and_newer_fields_are_dropped() -> None:
    registry = MemoryRegistry()
    schema = json.loads(avro.text("DeadLetter"))
    schema["fields"] = [f for f in schema["fields"] if f["name"] != "api_version"]
    schema["fields"].append({"name": "added_later", "type": "string", "default": ""})
    schema_id = registry.register("t-value", json.dumps(schema))
    out = BytesIO(b"")
    out.write(b"\x00" + schema_id.to_bytes(4, "big"))
    record = {
        "feed": "f",
        "stage": "s",
        "reason": "r",
        "failed_at": 1,
        "position": "p",
        "body": b"x",
        "added_later": "y",
    }
    fastavro.schemaless_writer(out, fastavro.parse_schema(schema), record)
    decoded = Codec(registry).decode(out.getvalue())
    assert decoded["api_version"] is None
    assert "added_later" not in decoded


@pytest.mark.parametrize(
    ("frame", "reason"),
    [
        (b"", "no Confluent frame"),
        (b"\x00\x00", "no Confluent frame"),
        (b'{"guid": "json"}', "no Confluent frame"),
        (b"\x00\x00\x00\x00\x63abc", "schema id 99 is not in the registry"),
        (b"\x00\x00\x00\x00\x01\x02", "not Avro of schema 1"),
    ],
)
def test_bad_frame_is_told_apart_from_a_registry_that_is_away(frame: bytes, reason: str) -> None:
    registry = MemoryRegistry()
    registry.register("t-value", avro.text("DeadLetter"))
    with pytest.raises(UndecodableError, match=reason):
        Codec(registry).decode(frame)


@pytest.mark.parametrize("schema", ['syntax = "proto3"; message Row {}', '{"type": "object"}', "{}", "7"])
def test_a_schema_of_another_kind_is_no_fault_of_the_registry(schema: str) -> None:
    registry = MemoryRegistry()
    registry.schemas[7] = schema
    with pytest.raises(UndecodableError, match="schema 7 is no Avro schema"):
        Codec(registry).decode(b"\x00\x00\x00\x00\x07abc")


def test_a_record_of_another_name_is_refused_where_one_is_asked_for() -> None:
    codec = Codec(MemoryRegistry())
    record = {"feed": "f", "stage": "s", "reason": "r", "failed_at": 1, "position": "p", "body": b"x"}
    frame = codec.encoder("t", "DeadLetter")(record)
    assert codec.decode(frame, "DeadLetter")["feed"] == "f"
    with pytest.raises(UndecodableError, match="schema 1 is DeadLetter, not AppUsageEvent"):
        codec.decode(frame, "AppUsageEvent")


def test_trailing_bytes_are_no_record() -> None:
    codec = Codec(MemoryRegistry())
    record = {"feed": "f", "stage": "s", "reason": "r", "failed_at": 1, "position": "p", "body": b"x"}
    with pytest.raises(UndecodableError, match="1 bytes left over"):
        codec.decode(codec.encoder("t", "DeadLetter")(record) + b"!")
