import pytest

from plumbing.errors import UsageError
from standin.choice import Choice, Part, Plan, plan

BOTH: frozenset[Part] = frozenset({"kafka", "registry"})
KAFKA = {"CFSTREAM_KAFKA_BOOTSTRAP_SERVERS": "k:9092"}
REGISTRY = {"CFSTREAM_SCHEMA_REGISTRY_URL": "http://r"}


class Docker:
    def __init__(self, *, answers: bool) -> None:
        self.answers = answers
        self.asked = 0

    def __call__(self) -> bool:
        self.asked += 1
        return self.answers


def test_given_addresses_come_first_and_nobody_is_asked() -> None:
    docker = Docker(answers=True)
    assert plan("auto", BOTH, KAFKA | REGISTRY, docker) == Plan("k:9092", "http://r", frozenset(), None)
    assert docker.asked == 0


@pytest.mark.parametrize(("answers", "engine"), [(True, "docker"), (False, "embedded")])
def test_without_addresses_docker_comes_before_embedded(answers: bool, engine: str) -> None:  # noqa: FBT001 - a parameter
    assert plan("auto", BOTH, {}, Docker(answers=answers)) == Plan(None, None, BOTH, engine)  # type: ignore[arg-type] # the parameter is one of them


def test_a_given_kafka_serves_the_registry_that_is_started() -> None:
    decided = plan("auto", BOTH, KAFKA, Docker(answers=False))
    assert decided == Plan("k:9092", None, frozenset({"registry"}), "embedded")


def test_an_empty_variable_is_no_address() -> None:
    assert plan("auto", BOTH, {"CFSTREAM_KAFKA_BOOTSTRAP_SERVERS": ""}, Docker(answers=False)).start == BOTH


def test_an_engine_that_was_named_starts_everything_whatever_is_given() -> None:
    docker = Docker(answers=True)
    assert plan("embedded", BOTH, KAFKA | REGISTRY, docker) == Plan(None, None, BOTH, "embedded")
    assert docker.asked == 0


@pytest.mark.parametrize(
    ("choice", "wanted", "environment", "says"),
    [
        ("given", BOTH, KAFKA, "CFSTREAM_SCHEMA_REGISTRY_URL is not set"),
        ("given", BOTH, REGISTRY, "CFSTREAM_KAFKA_BOOTSTRAP_SERVERS is not set"),
        ("docker", BOTH, {}, "no Docker engine answers"),
        ("auto", frozenset({"registry"}), {}, "start kafka too"),
    ],
)
def test_what_cannot_be_is_said_before_anything_starts(
    choice: Choice, wanted: frozenset[Part], environment: dict[str, str], says: str
) -> None:
    with pytest.raises(UsageError, match=says):
        plan(choice, wanted, environment, Docker(answers=False))


def test_the_registry_alone_uses_the_given_kafka() -> None:
    decided = plan("embedded", frozenset({"registry"}), KAFKA, Docker(answers=False))
    assert decided == Plan("k:9092", None, frozenset({"registry"}), "embedded")
