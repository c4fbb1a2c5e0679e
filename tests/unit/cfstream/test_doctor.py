"""The doctor: what it says of each part, and how to mend it. The Cloud Controller is the simulated one, by ASGI."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import yaml
from support.simulated import BASE, standing_still

from plumbing.diagnosis import AilmentError, Check, Finding, NotAskedError, examine
from plumbing.errors import UsageError
from producer.api.client import CloudController as Client
from producer.api.oauth import Credentials
from producer.diagnosis import Patient
from schemas.rights import ROLES, Allowed, lacking
from standin.cloud_controller.asgi import Application
from standin.cloud_controller.controller import CloudController
from standin.cloud_controller.options import Options
from standin.cloud_controller.service import Service


def test_each_check_gives_one_finding_in_order() -> None:
    checks = [
        Check("one", lambda: "well"),
        Check("two", ailing),
        Check("three", nothing_there),
        Check("four", refusing),
    ]
    assert list(examine(checks)) == [
        Finding("one", True, "well"),
        Finding("two", False, "it is broken", "glue it"),
        Finding("three", None, "not asked: there is none"),
        Finding("four", False, "it is refused: ask again"),
    ]


def test_what_needs_another_is_not_asked_when_that_is_not_well() -> None:
    checks = [Check("one", ailing), Check("two", never, needs=("one",)), Check("three", never, needs=("two",))]
    assert [finding.ok for finding in examine(checks)] == [False, None, None]


def test_a_finding_is_there_before_the_next_check_is_made() -> None:
    def made() -> Iterator[Check]:
        yield Check("one", lambda: "well")
        raise AssertionError("asked too early")

    assert next(examine(made())).ok


def ailing() -> str:
    raise AilmentError("it is broken", "glue it")


def nothing_there() -> str:
    raise NotAskedError("there is none")


def refusing() -> str:
    raise UsageError("it is refused:\n ask again")


def never() -> str:
    raise AssertionError("must not be asked")


class SimulatedTime:
    """The clock of the simulated Cloud Controller, or one that is ``ahead_s`` of it."""

    def __init__(self, cc: CloudController, ahead_s: float) -> None:
        self._cc = cc
        self._ahead = int(ahead_s * 1_000_000)

    def now(self) -> int:
        return self._cc.clock.now() + self._ahead

    def monotonic(self) -> float:
        return 0.0

    async def sleep(self, seconds: float) -> None:
        raise AssertionError(f"nothing waits here, not even {seconds} s")


def examined(
    cc: CloudController, *, secret: str | None = None, ahead_s: float = 0, url: str = BASE
) -> dict[str, Finding]:
    """Return the findings of a Cloud Controller by check."""
    with asyncio.Runner() as runner:
        http = httpx.AsyncClient(transport=httpx.ASGITransport(Application(Service(cc), lambda _client: None)))
        credentials = Credentials(cc.options.client_id, secret or cc.options.client_secret)
        clock = SimulatedTime(cc, ahead_s)
        patient = Patient("f", Client(url, credentials, http=http, clock=clock), clock, runner)
        try:
            return {finding.check: finding for finding in examine(patient.checks())}
        finally:
            patient.close()


def test_all_is_well_with_rows_rights_and_clocks() -> None:
    found = examined(standing_still(usage_rows=50, apps=5))
    assert all(finding.ok for finding in found.values())
    assert found["api (f)"].text == f"{BASE} answers, v3 and v2"
    assert "rows now" in found["app-usage-events (f)"].text


def test_wrong_credentials_are_told_with_their_settings_and_nothing_more_is_asked() -> None:
    found = examined(standing_still(), secret="wrong")
    assert found["credentials (f)"].ok is False
    assert found["credentials (f)"].mend == "check CFSTREAM_CF_CLIENT_ID and CFSTREAM_CF_CLIENT_SECRET"
    assert found["scopes (f)"].ok is None
    assert "wrong" not in str(found)


def test_a_token_of_too_few_scopes_is_told_before_its_empty_lists_look_healthy() -> None:
    found = examined(standing_still(options=Options(scopes=("cloud_controller.read",)), usage_rows=50, apps=5))
    assert found["credentials (f)"].ok
    assert found["scopes (f)"].ok is False
    assert "empty lists" in found["scopes (f)"].text
    assert "uaac client update" in str(found["scopes (f)"].mend)
    assert found["app-usage-events (f)"].ok is None


def test_an_empty_list_is_told_for_what_it_may_be() -> None:
    found = examined(standing_still())
    assert found["app-usage-events (f)"].ok is False
    assert "200 with an empty list" in found["app-usage-events (f)"].text
    assert str(found["app-usage-events (f)"].mend).startswith("right for a new foundation alone")


@pytest.mark.parametrize("ahead_s", [-3600.0, 3600.0])
def test_clocks_far_apart_are_told(ahead_s: float) -> None:
    found = examined(standing_still(usage_rows=50, apps=5), ahead_s=ahead_s)["clock (f)"]
    assert found.ok is False
    assert f"{-ahead_s:+.0f} s" in found.text


def test_a_principal_with_every_right_can_be_any_part() -> None:
    everything = {name: Allowed(read=True, write=True) for role in ROLES.values() for name in role.reads | role.writes}
    assert all(lacking(role, everything) == [] for role in ROLES.values())


def test_what_a_part_lacks_is_named() -> None:
    producer = ROLES["producer"]
    allowed = {
        name: Allowed(name in producer.reads, name in producer.writes) for name in producer.reads | producer.writes
    }
    denied = {name: Allowed(read=False, write=False) for role in ROLES.values() for name in role.reads | role.writes}
    assert lacking(producer, allowed) == []
    assert "Write on topic cf.app-state" in lacking(ROLES["worker"], denied | allowed, "cf.")
    allowed["audit-events"] = Allowed(read=True, write=False)
    assert lacking(producer, allowed, "cf.") == ["Write on topic cf.audit-events"]


def test_a_service_that_does_not_tell_rights_is_no_hindrance() -> None:
    assert all(lacking(role, {}) == [] for role in ROLES.values())


def test_the_rights_are_those_that_the_chart_gives() -> None:
    given = yaml.safe_load((Path(__file__).parents[3] / "helm/cfstream/files/rights.yaml").read_text("utf-8"))
    for part, role in ROLES.items():
        for operation, wanted in (("Read", role.reads | role.by_hand), ("Write", role.writes)):
            names = {
                name.removeprefix("{prefix}")
                for rule in given[part]
                if rule["resource"] == "topic" and operation in rule["operations"]
                for name in rule["names"]
            }
            assert names == wanted, f"{part} {operation}"
