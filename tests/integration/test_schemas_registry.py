"""The schemas on a real registry: their ids are stable, and what would break a reader is refused."""

import threading
from collections.abc import Iterator
from contextlib import closing

import orjson
import pytest

from cfstream.cli import run
from schemas import avro
from schemas.codec import Codec, UndecodableError
from schemas.registry import COMPATIBILITY, ConfluentRegistry, IncompatibleSchemaError, RegistryUnreachableError
from schemas.topics import Topics


@pytest.fixture
def registry(registry_url: str) -> Iterator[ConfluentRegistry]:
    with closing(ConfluentRegistry(registry_url)) as registry:
        yield registry


@pytest.fixture
def topics(topic_prefix: str) -> Topics:
    return Topics(topic_prefix)


def changed(name: str, *, without: str | None = None, plus: dict[str, object] | None = None) -> str:
    """Return one of our schemas, changed as a later version might be."""
    schema = orjson.loads(avro.text(name))
    fields = [field for field in schema["fields"] if field["name"] != without]
    return orjson.dumps(schema | {"fields": fields + ([plus] if plus else [])}).decode()


def test_each_subject_gets_the_strict_compatibility_and_keeps_its_id(
    registry: ConfluentRegistry, topics: Topics
) -> None:
    first = {topic.subject: registry.register(topic.subject, avro.text(topic.schema)) for topic in topics}
    assert {registry.compatibility(subject) for subject in first} == {COMPATIBILITY} == {"BACKWARD_TRANSITIVE"}
    again = {topic.subject: registry.register(topic.subject, avro.text(topic.schema)) for topic in topics}
    assert again == first
    assert all(registry.registered(subject) for subject in first)


def test_a_subject_that_nobody_registered_has_no_compatibility_of_its_own(
    registry: ConfluentRegistry, topics: Topics
) -> None:
    assert registry.compatibility(topics.usage.subject) is None
    assert not registry.registered(topics.usage.subject)
    assert registry.compatible(topics.usage.subject, avro.text("AppUsageEvent"))


def test_the_registered_schema_reads_what_was_written(registry: ConfluentRegistry, topics: Topics) -> None:
    for topic in topics:
        schema_id = registry.register(topic.subject, avro.text(topic.schema))
        assert avro.parse(registry.schema(schema_id)) == avro.parsed(topic.schema)


def test_a_new_field_without_default_is_refused(registry: ConfluentRegistry, topics: Topics) -> None:
    subject = topics.usage.subject
    registry.register(subject, avro.text("AppUsageEvent"))
    breaking = changed("AppUsageEvent", plus={"name": "must_have", "type": "string"})
    assert not registry.compatible(subject, breaking)
    with pytest.raises(IncompatibleSchemaError, match=subject):
        registry.register(subject, breaking)


def test_a_new_field_with_default_and_a_dropped_one_may_follow(registry: ConfluentRegistry, topics: Topics) -> None:
    subject = topics.usage.subject
    first = registry.register(subject, avro.text("AppUsageEvent"))
    wider = changed("AppUsageEvent", plus={"name": "more", "type": ["null", "string"], "default": None})
    assert registry.compatible(subject, wider)
    assert registry.register(subject, wider) != first
    assert registry.register(subject, changed("AppUsageEvent", without="task_name")) != first


def test_compatible_is_asked_against_every_older_version(registry: ConfluentRegistry, topics: Topics) -> None:
    """A field may not come back under another type, though the newest version lacks it."""
    subject = topics.usage.subject
    registry.register(subject, avro.text("AppUsageEvent"))
    registry.register(subject, changed("AppUsageEvent", without="state"))
    back = changed("AppUsageEvent", without="state", plus={"name": "state", "type": "int", "default": 0})
    assert not registry.compatible(subject, back)


def test_the_command_says_in_one_line_that_ours_cannot_follow(
    registry: ConfluentRegistry,
    registry_url: str,
    topics: Topics,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    other = orjson.loads(avro.text("AppUsageEvent"))
    for field in other["fields"]:
        if field["name"] == "state":
            field["type"] = "int"
    registry.register(topics.usage.subject, orjson.dumps(other).decode())
    monkeypatch.setenv("CFSTREAM_SCHEMA_REGISTRY_URL", registry_url)
    monkeypatch.setenv("CFSTREAM_TOPIC_PREFIX", topics.prefix)
    assert run(["schemas", "check"]) == 1
    said = capsys.readouterr()
    assert f"{topics.usage.subject}: does not follow the registered ones" in said.out
    assert said.err.count("\n") == 1
    assert run(["schemas", "register"]) == 1
    refused = capsys.readouterr().err
    assert refused.count("\n") == 1
    assert topics.usage.subject in refused
    assert "keep the older schema readable" in refused


def test_many_may_register_at_once(registry_url: str, topics: Topics) -> None:
    ids: list[int] = []
    faults: list[Exception] = []

    def register() -> None:
        with closing(ConfluentRegistry(registry_url)) as own:
            try:
                ids.append(own.register(topics.alerts.subject, avro.text("Alert")))
            except Exception as error:  # noqa: BLE001 - shown by the assertion
                faults.append(error)

    threads = [threading.Thread(target=register) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert faults == []
    assert len(set(ids)) == 1


def test_a_frame_of_an_unknown_id_is_undecodable_and_an_absent_registry_is_not(registry: ConfluentRegistry) -> None:
    frame = b"\x00" + (2_000_000_000).to_bytes(4, "big") + b"x"
    with pytest.raises(UndecodableError, match="2000000000"):
        Codec(registry).decode(frame)
    with closing(ConfluentRegistry("http://127.0.0.1:9")) as absent, pytest.raises(RegistryUnreachableError):
        Codec(absent).decode(frame)
