"""What all tests share: markers by folder, and one Kafka and registry for each of the two lanes in which they run.

Most tests wait for processes and for Kafka, so two run at a time (pytest-xdist); a folder stays in one lane, in order.
A lane takes the addresses of the environment when they are set, else Docker, else it starts the embedded ones,
and only when a test asks for them.
"""

import secrets
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling

from standin.stack import Stack, open_stack

HERE = Path(__file__).parent
LOGGED_LINES = 40
LANES = {
    "unit": "first",
    "browser": "first",
    "faults": "first",
    "bench": "first",
    "chart": "second",
    "e2e": "first",
    "integration": "second",
}
"""The lane of each folder of tests; both take about as long."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        folder = item.path.relative_to(HERE).parts[0]
        if folder in LANES:
            item.add_marker(folder)


class InLanes(LoadScopeScheduling):  # type: ignore[misc] # a library without types
    """Gives each lane to one of pytest-xdist's processes."""

    def _split_scope(self, nodeid: str) -> str:
        _tests, folder, _rest = nodeid.split("/", 2)
        return LANES[folder]


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadScopeScheduling:
    return InLanes(config, log)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Add to the report of a failure what the processes of the test have logged last."""
    report = yield
    folder = getattr(item, "funcargs", {}).get("tmp_path")
    if report.failed and isinstance(folder, Path):
        for log in sorted(folder.rglob("*.log")):
            lines = log.read_text("utf-8", "replace").splitlines()[-LOGGED_LINES:]
            report.sections.append((f"{log.relative_to(folder)} (its end)", "\n".join(lines)))
    return report


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
