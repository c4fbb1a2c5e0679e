"""The v3 feeds answer as the Cloud Controller's pages and its source say."""

from collections.abc import Callable
from typing import Any

import pytest
from support.simulated import BASE, Direct, standing_still

from standin.cloud_controller.clock import from_iso, iso
from standin.cloud_controller.options import Options
from standin.cloud_controller.rows import AuditRow

USAGE, AUDIT = "/v3/app_usage_events", "/v3/audit_events"


@pytest.fixture(scope="module")
def client() -> Direct:
    return Direct(standing_still(usage_rows=600, apps=30))


def error(reply: Any) -> tuple[int, int, str]:
    (one,) = reply.content["errors"]
    return reply.status, one["code"], one["title"]


def test_usage_events_come_in_the_order_of_ids(client: Direct) -> None:
    assert [row["guid"] for row in client.walk_v3(USAGE, per_page=37)] == [row.guid for row in client.cc.ledger.usage]


def test_a_usage_row_has_the_shape_of_the_page(client: Direct) -> None:
    row = client.get(USAGE, per_page=1).content["resources"][0]
    assert list(row) == [
        "guid", "created_at", "updated_at", "state", "app", "process", "space", "organization", "buildpack",
        "task", "memory_in_mb_per_instance", "instance_count", "links",
    ]  # fmt: skip
    assert row["links"] == {"self": {"href": f"{BASE}{USAGE}/{row['guid']}"}}
    assert client.get(f"{USAGE}/{row['guid']}").content == row


def test_task_and_staging_rows_have_no_process(client: Direct) -> None:
    rows = client.walk_v3(USAGE, per_page=5000)
    by_state = {row["state"]["current"]: row for row in rows}
    assert set(by_state) == {
        "STARTED", "STOPPED", "BUILDPACK_SET", "TASK_STARTED", "TASK_STOPPED", "STAGING_STARTED", "STAGING_STOPPED",
    }  # fmt: skip
    for state in ("TASK_STARTED", "STAGING_STARTED", "BUILDPACK_SET"):
        assert by_state[state]["process"] == {"guid": None, "type": None}
        assert by_state[state]["instance_count"] == {"current": 1, "previous": 1}
    assert by_state["TASK_STARTED"]["task"]["guid"]
    assert by_state["STAGING_STARTED"]["memory_in_mb_per_instance"] == {"current": 1024, "previous": 1024}


def test_after_guid_gives_what_comes_behind_it(client: Direct) -> None:
    ledger = client.cc.ledger.usage
    reply = client.get(USAGE, after_guid=ledger[99].guid, per_page=20)
    assert reply.guids == [row.guid for row in ledger[100:120]]
    assert reply.content["pagination"]["total_results"] == len(ledger) - 100
    assert client.get(USAGE, after_guid=ledger[-1].guid).guids == []


def test_unknown_after_guid_is_422(client: Direct) -> None:
    reply = client.get(USAGE, after_guid="gone")
    assert error(reply) == (422, 10008, "CF-UnprocessableEntity")
    assert reply.content["errors"][0]["detail"] == "After guid filter must be a valid app usage event guid."


def test_pages_link_to_each_other_by_full_addresses(client: Direct) -> None:
    pagination = client.get(USAGE, per_page=100, page=2).content["pagination"]
    assert pagination["next"] == {"href": f"{BASE}{USAGE}?page=3&per_page=100"}
    assert pagination["previous"] == {"href": f"{BASE}{USAGE}?page=1&per_page=100"}
    assert client.get(USAGE, per_page=5000).content["pagination"]["next"] is None


def test_an_empty_list_has_one_page(client: Direct) -> None:
    pagination = client.get(USAGE, guids="none").content["pagination"]
    assert (pagination["total_results"], pagination["total_pages"]) == (0, 1)


@pytest.mark.parametrize(
    ("query", "text"),
    [
        ({"per_page": 5001}, "Per page must be between 1 and 5000"),
        ({"per_page": 0}, "Per page must be a positive integer"),
        ({"page": "x"}, "Page must be a positive integer"),
        ({"order_by": "state"}, "Order by can only be: 'created_at'"),
        ({"after_guid": "a,b"}, "After guid filter accepts only one guid"),
        ({"updated_ats": "2026-11-21T10:00:00Z"}, "Filtering by 'updated_ats' is not allowed on this resource."),
        ({"created_ats__after": "2026-11-21T10:00:00Z"}, "Created ats Invalid relational operator: 'after'"),
        (
            {"created_ats": "2026-11-21"},
            "Created ats has an invalid timestamp format. Timestamps should be formatted as 'YYYY-MM-DDThh:mm:ssZ'",
        ),
        (
            {"q": "x"},
            (
                "Unknown query parameter(s): 'q'. Valid parameters are: 'page', 'per_page', 'order_by', 'created_ats', "
                "'updated_ats', 'guids', 'after_guid'"
            ),
        ),
    ],
)
def test_usage_events_refuse_bad_parameters_by_422(client: Direct, query: dict[str, Any], text: str) -> None:
    reply = client.get(USAGE, **query)
    assert error(reply) == (422, 10008, "CF-UnprocessableEntity")
    assert reply.content["errors"][0]["detail"] == text


def test_audit_events_refuse_bad_parameters_by_400(client: Direct) -> None:
    reply = client.get(AUDIT, after_guid="x")
    assert error(reply) == (400, 10005, "CF-BadQueryParameter")
    assert reply.content["errors"][0]["detail"].startswith(
        "The query parameter is invalid: Unknown query parameter(s): 'after_guid'."
    )


def test_gt_leaves_out_the_whole_second_and_gte_takes_it_in(client: Direct) -> None:
    rows = client.cc.ledger.audit
    moment = rows[200].created_at
    for operator, wanted in (
        ("gt", [row for row in rows if row.created_at > moment]),
        ("gte", [row for row in rows if row.created_at >= moment]),
        ("lt", [row for row in rows if row.created_at < moment]),
        ("lte", [row for row in rows if row.created_at <= moment]),
    ):
        query = {f"created_ats__{operator}": iso(moment), "per_page": 5000, "order_by": "created_at"}
        in_order = sorted(wanted, key=lambda row: (row.created_at, row.guid))
        assert client.get(AUDIT, **query).guids == [row.guid for row in in_order], operator


def test_equal_times_and_two_bounds(client: Direct) -> None:
    rows = client.cc.ledger.usage
    first, last = iso(rows[50].created_at), iso(rows[90].created_at)
    either = client.walk_v3(USAGE, created_ats=f"{first},{last}")
    assert {row["created_at"] for row in either} == {first, last}
    between = client.walk_v3(USAGE, created_ats__gte=first, created_ats__lt=last)
    assert between
    assert all(from_iso(first) <= from_iso(row["created_at"]) < from_iso(last) for row in between)


def test_descending_order_is_the_ascending_one_reversed(client: Direct) -> None:
    ascending = [row["guid"] for row in client.walk_v3(AUDIT, order_by="created_at", per_page=41)]
    descending = [row["guid"] for row in client.walk_v3(AUDIT, order_by="-created_at", per_page=41)]
    assert descending == ascending[::-1]
    assert sorted(ascending) == sorted(row.guid for row in client.cc.ledger.audit)


def test_audit_filters(client: Direct) -> None:
    crash = next(row for row in client.cc.ledger.audit if row.type == "app.crash")
    wanted: dict[str, tuple[str | None, Callable[[AuditRow], bool]]] = {
        "types": ("app.crash,audit.app.start", lambda row: row.type in ("app.crash", "audit.app.start")),
        "target_guids": (crash.target.guid, lambda row: row.target.guid == crash.target.guid),
        "target_guids__not": (crash.target.guid, lambda row: row.target.guid != crash.target.guid),
        "space_guids": (crash.space_guid, lambda row: row.space_guid == crash.space_guid),
        "organization_guids": (crash.org_guid, lambda row: row.org_guid == crash.org_guid),
    }
    for key, (value, keep) in wanted.items():
        found = client.get(AUDIT, per_page=5000, **{key: value}).guids
        assert found == [row.guid for row in client.cc.ledger.audit if keep(row)], key


def test_an_event_about_an_organization_has_no_space(client: Direct) -> None:
    row = client.get(AUDIT, types="audit.organization.update").content["resources"][0]
    assert row["space"] is None
    assert row["organization"]["guid"] == row["target"]["guid"]


def test_unknown_guids_are_404(client: Direct) -> None:
    for path, text in ((USAGE, "App usage event not found"), (AUDIT, "Event not found")):
        reply = client.get(f"{path}/none")
        assert error(reply) == (404, 10010, "CF-ResourceNotFound")
        assert reply.content["errors"][0]["detail"] == text
    assert error(client.get("/v3/nonsense")) == (404, 10000, "CF-NotFound")


def test_tokens_missing_or_wrong(client: Direct) -> None:
    assert error(Direct(client.cc, token="").get(USAGE)) == (401, 10002, "CF-NotAuthenticated")
    assert error(Direct(client.cc, token="a.b.c").get(USAGE)) == (401, 1000, "CF-InvalidAuthToken")


def test_without_a_global_role_the_lists_are_empty_and_not_refused() -> None:
    client = Direct(standing_still(options=Options(scopes=("cloud_controller.read",)), apps=5, usage_rows=50))
    for path in (USAGE, AUDIT, "/v3/processes", "/v3/apps"):
        reply = client.get(path)
        assert (reply.status, reply.content["resources"]) == (200, [])
    assert client.get(f"{USAGE}/{client.cc.ledger.usage[0].guid}").status == 404
    assert client.get("/v3/info/usage_summary").status == 404


def test_without_any_scope_reading_is_refused() -> None:
    client = Direct(standing_still(options=Options(scopes=("uaa.resource",))))
    assert error(client.get(USAGE)) == (403, 10003, "CF-NotAuthorized")


def test_deep_pages_can_be_refused() -> None:
    client = Direct(standing_still(options=Options(max_total_results=1000), apps=5, usage_rows=50))
    assert client.get(USAGE, page=10, per_page=100).status == 200
    reply = client.get(USAGE, page=11, per_page=100)
    assert reply.content["errors"][0]["detail"] == "Maximum result (page * per_page) must be less than 1000"
