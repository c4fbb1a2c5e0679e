"""The generated code writes and reads what fastavro does, byte for byte, and leaves the rest to it."""

from functools import cache
from io import BytesIO
from typing import Any

import pytest
from fastavro import schemaless_reader, schemaless_writer
from hypothesis import example, given, settings
from hypothesis import strategies as st

from schemas import avro
from schemas.generated.decoder import Read, decoder
from schemas.generated.encoder import Write, encoder
from schemas.generated.source import UnsupportedError
from schemas.generated.varints import MOST_KEPT, Varints, length_at, long_at

LONG_ENDS = (0, 63, 64, 8191, 8192, 2**48, 2**55 - 1, 2**55, 2**62 - 1)
LONGS = st.one_of(
    st.integers(-(2**62), 2**62 - 1),
    st.integers(1_700_000_000_000_000, 1_900_000_000_000_000),
    st.sampled_from([sign * end - (sign < 0) for end in LONG_ENDS for sign in (1, -1)]),
)
GENERATED = [
    "AppUsageEvent",
    "AuditEvent",
    "ProcessSnapshot",
    "DeadLetter",
    "AppState",
    "CrashState",
    "UsagePartial",
    "UsageHour",
    "UsageTotal",
    "Drift",
]
ODD: tuple[Any, ...] = (None, True, 1.0, 2**70, -(2**40), "\ud800", b"x", ("string", "x"), [1], {}, [{}])


def written(schema: Any, record: Any) -> bytes:
    out = BytesIO()
    schemaless_writer(out, schema, record)
    return out.getvalue()


def values_of(schema: Any) -> st.SearchStrategy[Any]:  # noqa: PLR0911 - one case a kind of type
    """Any value that the generated code writes and reads by itself."""
    match schema:
        case "null":
            return st.none()
        case "string":
            return st.text(max_size=100)
        case "bytes":
            return st.binary(max_size=100)
        case "boolean":
            return st.booleans()
        case "int":
            return st.integers(-(2**31), 2**31 - 1)
        case list():
            return st.one_of([values_of(part) for part in schema])
        case {"type": "record", "fields": fields}:
            return st.fixed_dictionaries({field["name"]: values_of(field["type"]) for field in fields})
        case {"type": "enum", "symbols": symbols}:
            return st.sampled_from(symbols)
        case {"type": "array", "items": items}:
            return st.lists(values_of(items), max_size=3)
    return LONGS


@pytest.mark.parametrize("name", GENERATED)
@settings(max_examples=60)
@given(data=st.data())
def test_both_write_and_read_the_same(name: str, data: st.DataObject) -> None:
    schema = avro.parsed(name)
    record = data.draw(values_of(schema))
    body = written(schema, record)
    assert quick_encoder(name)(record) == body
    assert quick_decoder(name)(b"head" + body, 4) == (record, 4 + len(body))


def test_a_header_comes_before_the_record() -> None:
    record = {"partition": 1, "closed_to": None, "total": None, "hour": None}
    assert encoder(avro.parsed("UsagePartial"), b"head")(record) == b"head\x02\0\0\0"


@cache
def quick_encoder(name: str) -> Write:
    return encoder(avro.parsed(name))


@cache
def quick_decoder(name: str) -> Read:
    return decoder(avro.parsed(name))


@pytest.mark.parametrize("name", GENERATED)
@settings(max_examples=60)
@given(data=st.data())
def test_what_the_generated_code_writes_of_an_odd_record_fastavro_writes_too(name: str, data: st.DataObject) -> None:
    schema = avro.parsed(name)
    record = data.draw(values_of(schema))
    field = data.draw(st.sampled_from(sorted(record)))
    if data.draw(st.booleans()):
        del record[field]
    else:
        record[field] = data.draw(st.sampled_from(ODD))
    try:
        body = quick_encoder(name)(record)
    except Exception:  # noqa: BLE001 - left to fastavro
        return
    assert body == written(schema, record)


@pytest.mark.parametrize("name", GENERATED)
@settings(max_examples=60)
@given(data=st.data())
def test_what_the_generated_code_reads_of_broken_bytes_fastavro_reads_too(name: str, data: st.DataObject) -> None:
    schema = avro.parsed(name)
    body = bytearray(written(schema, data.draw(values_of(schema))))
    for _ in range(data.draw(st.integers(0, 3))):
        body[data.draw(st.integers(0, len(body) - 1))] = data.draw(st.integers(0, 255))
    body = body[: len(body) - data.draw(st.integers(0, 3))]
    try:
        record, end = quick_decoder(name)(bytes(body), 0)
    except Exception:  # noqa: BLE001 - left to fastavro
        return
    if end == len(body):
        stream = BytesIO(bytes(body))
        assert schemaless_reader(stream, schema, None) == record
        assert stream.tell() == len(body)


@given(st.one_of(LONGS, st.integers(-(2**63), 2**63 - 1)))
@example(2**63 - 1)
@example(-(2**63))
def test_numbers_are_avros(number: int) -> None:
    body = Varints()[number]
    assert body == written("long", number)
    assert Varints(b"\x02")[number] == b"\x02" + body
    if len(body) <= 9:
        for _ in range(2):  # read, and remembered
            assert long_at(b"x" + body + b"\xff", 1) == (number, 1 + len(body))
    else:
        with pytest.raises(OverflowError):
            long_at(body, 0)


def test_numbers_out_of_range_are_refused() -> None:
    for numbers, bits in ((Varints(), 64), (Varints(bits=32), 32)):
        assert numbers[2 ** (bits - 1) - 1]
        for number in (2 ** (bits - 1), -(2 ** (bits - 1)) - 1):
            with pytest.raises(OverflowError):
                numbers[number]
    with pytest.raises(OverflowError):
        length_at(b"\x01", 0)
    with pytest.raises(IndexError):
        long_at(b"\x80", 0)


def test_remembered_numbers_are_bounded() -> None:
    numbers = Varints()
    for number in range(MOST_KEPT + 10):
        assert numbers[number]
    assert len(numbers) <= MOST_KEPT


@pytest.mark.parametrize("name", ["Alert", "Checkpoint"])
def test_maps_and_arrays_of_texts_are_left_to_fastavro(name: str) -> None:
    for generate in (encoder, decoder):
        with pytest.raises(UnsupportedError):
            generate(avro.parsed(name))


def test_unions_of_more_than_null_and_a_type_are_left_to_fastavro() -> None:
    for union in (["string", "null"], ["null", "string", "long"]):
        with pytest.raises(UnsupportedError):
            encoder({"type": "record", "name": "R", "fields": [{"name": "a", "type": union}]})
