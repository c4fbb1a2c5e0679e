"""What the registry's answers mean. The client is asked as if it had had an answer; no socket is opened."""

from collections.abc import Callable
from typing import Any

import pytest
from confluent_kafka.schema_registry.error import SchemaRegistryError

from schemas.codec import Codec, UnknownSchemaError
from schemas.registry import ConfluentRegistry, RegistryUnreachableError

FRAME = b"\x00\x00\x00\x00\x07abc"
NO_CODE = SchemaRegistryError.UNKNOWN
"""What the client makes of an answer without one, such as the page of an ingress."""


class Refusing:
    """A client that has one answer to all questions."""

    def __init__(self, status: int, code: int | None) -> None:
        self._error = SchemaRegistryError(status, code, "so it says")  # type: ignore[arg-type] # None where JSON lacks it

    def __getattr__(self, _name: str) -> Callable[..., Any]:
        def refuse(*_args: Any, **_named: Any) -> Any:
            raise self._error

        return refuse


def answering(status: int, code: int | None) -> ConfluentRegistry:
    registry = ConfluentRegistry("http://127.0.0.1:9")
    registry._client = Refusing(status, code)  # type: ignore[assignment] # as far as it is asked
    return registry


def test_an_id_is_unknown_when_the_registry_itself_says_so() -> None:
    with pytest.raises(UnknownSchemaError):
        Codec(answering(404, 40403)).decode(FRAME)


@pytest.mark.parametrize(("status", "code"), [(404, NO_CODE), (404, None), (404, 404), (404, 40401), (503, NO_CODE)])
def test_any_other_answer_says_nothing_about_an_id(status: int, code: int | None) -> None:
    registry = answering(status, code)
    with pytest.raises(RegistryUnreachableError):
        registry.schema(7)
    with pytest.raises(RegistryUnreachableError):
        Codec(registry).decode(FRAME)


def test_a_subject_is_absent_when_the_registry_itself_says_so() -> None:
    assert not answering(404, 40401).registered("s")
    assert answering(404, 40401).compatibility("s") is None
    assert answering(404, 40408).compatibility("s") is None
    for ask in (answering(404, NO_CODE).registered, answering(404, NO_CODE).compatibility):
        with pytest.raises(RegistryUnreachableError):
            ask("s")
