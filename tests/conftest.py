"""What all tests share: markers by folder, and one Kafka and registry for the whole session.

The session takes the addresses of the environment when they are set, else Docker, else it starts the embedded ones,
and only when a test asks for them.
"""

import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest

from standin.stack import Stack, open_stack

HERE = Path(__file__).parent
FOLDERS = ("unit", "integration", "e2e", "faults", "browser", "chart", "bench")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        folder = item.path.relative_to(HERE).parts[0]
        if folder in FOLDERS:
            item.add_marker(folder)


@pytest.fixture(scope="session")
def stack() -> Iterator[Stack]:
    with open_stack() as opened:
        yield opened


@pytest.fixture
def kafka(stack: Stack) -> str:
    return stack.bootstrap_servers


@pytest.fixture
def registry_url(stack: Stack) -> str:
    return stack.registry_url


@pytest.fixture
def topic_prefix() -> str:
    return f"t{secrets.token_hex(4)}."
