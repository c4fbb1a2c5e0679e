"""A client written by others, unchanged, works against the simulated Cloud Controller.

The client is cloudfoundry-client (cf-python-client), which logs in, follows pages and renews tokens itself.
"""

from collections.abc import Iterator
from typing import Any

import pytest
from cloudfoundry_client.client import CloudFoundryClient
from cloudfoundry_client.errors import InvalidStatusCode
from cloudfoundry_client.v2.entities import EntityManager as EntityManagerV2
from cloudfoundry_client.v3.entities import EntityManager

from standin.cloud_controller.history import Past
from standin.cloud_controller.server import CloudController, Served, running


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    cc = CloudController(seed=9)
    cc.write_past(Past(usage_rows=500, apps=70, span_s=3600))
    with running(cc) as address:
        yield address


@pytest.fixture
def client(served: Served) -> Any:
    made = CloudFoundryClient(str(served), client_id="cfstream", client_secret="cfstream-secret")
    made.init_with_client_credentials()
    return made


def test_it_logs_in_by_password_and_renews_a_revoked_token(served: Served) -> None:
    client: Any = CloudFoundryClient(str(served))
    client.init_with_user_credentials("auditor@example.com", "auditor-secret")
    first = client._access_token
    assert len(client.v3.organizations) == 4
    served.service.cc.uaa.signer.revoke_all()
    assert len(client.v3.organizations) == 4
    assert client._access_token != first


def test_it_lists_what_exists(served: Served, client: Any) -> None:
    truth = served.service.cc.truth()
    assert {app["guid"] for app in client.v3.apps.list()} == set(truth["apps"])
    assert {space["guid"] for space in client.v3.spaces.list()} == set(truth["spaces"])
    assert {org["guid"]: org["name"] for org in client.v3.organizations.list()} == truth["orgs"]
    processes = {process["guid"]: process["instances"] for process in client.v3.processes.list()}
    assert processes == {
        guid: process["instances"] for app in truth["apps"].values() for guid, process in app["processes"].items()
    }


def test_it_follows_the_links_of_an_app(client: Any) -> None:
    app = next(client.v3.apps.list())
    assert app.space()["guid"] == app["relationships"]["space"]["data"]["guid"]


def test_it_reads_usage_events_of_v3_page_by_page(served: Served, client: Any) -> None:
    manager = EntityManager(str(served), client, "/v3/app_usage_events")
    found = [event["guid"] for event in manager._list("/v3/app_usage_events", per_page=60)]
    assert found == [row.guid for row in served.service.cc.ledger.usage]


def test_it_reads_usage_events_of_v2_page_by_page(served: Served, client: Any) -> None:
    manager = EntityManagerV2(str(served), client, "/v2/app_usage_events")
    found = [event["metadata"]["guid"] for event in manager.list(**{"results-per-page": 60})]
    assert found == [row.guid for row in served.service.cc.ledger.usage]


def test_it_reads_audit_events_of_both_versions(served: Served, client: Any) -> None:
    crashes = sorted(row.guid for row in served.service.cc.ledger.audit if row.type == "app.crash")
    assert sorted(event["guid"] for event in client.v3.audit_events.list(types="app.crash")) == crashes
    assert sorted(event["metadata"]["guid"] for event in client.v2.event.list_by_type("app.crash")) == crashes


def test_it_understands_the_errors(client: Any) -> None:
    with pytest.raises(InvalidStatusCode) as caught:
        client.v3.audit_events.get("none")
    assert caught.value.status_code == 404
    assert caught.value.body["errors"][0]["title"] == "CF-ResourceNotFound"
    assert caught.value.request_id
