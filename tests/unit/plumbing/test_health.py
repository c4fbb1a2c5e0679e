"""Ready only when the parts are there and say so; live until a part says that it is not."""

import pytest
from prometheus_client import CollectorRegistry
from starlette.testclient import TestClient

from plumbing.health import Health, application


def codes(health: Health) -> tuple[int, int]:
    """Return the status of /livez and /readyz."""
    client = TestClient(application(health, CollectorRegistry()))
    return client.get("/livez").status_code, client.get("/readyz").status_code


def test_a_process_that_has_put_nothing_together_yet_is_live_and_not_ready() -> None:
    assert codes(Health()) == (200, 503)


@pytest.mark.parametrize(
    ("live", "ready", "expected"),
    [
        (None, None, (200, 200)),
        (None, "tables are being recovered", (200, 503)),
        ("the loop stands still", None, (503, 503)),
    ],
)
def test_a_part_that_is_not_ready_leaves_the_process_live(
    live: str | None, ready: str | None, expected: tuple[int, int]
) -> None:
    assert codes(Health(live={"part": lambda: live}, ready={"part": lambda: ready})) == expected


def test_a_part_that_only_tells_whether_it_lives_is_ready_by_that() -> None:
    assert codes(Health(live={"part": lambda: None})) == (200, 200)
