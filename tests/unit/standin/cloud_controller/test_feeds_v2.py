"""The v2 feeds tell the same history in the older shapes."""

from typing import Any

import pytest
from support.simulated import Direct, standing_still

from standin.cloud_controller.clock import iso
from standin.cloud_controller.options import Options

USAGE, EVENTS = "/v2/app_usage_events", "/v2/events"


@pytest.fixture(scope="module")
def client() -> Direct:
    return Direct(standing_still(usage_rows=600, apps=30))


def test_both_versions_tell_the_same_usage_history(client: Direct) -> None:
    v3 = client.walk_v3("/v3/app_usage_events", per_page=500)
    v2 = client.walk_v2(f"{USAGE}?results-per-page=500")
    assert len(v2) == len(v3) >= 600
    for new, old in zip(v3, v2, strict=True):
        entity = old["entity"]
        assert old["metadata"]["guid"] == new["guid"]
        assert old["metadata"]["created_at"] == new["created_at"]
        assert entity["app_guid"] == (new["process"]["guid"] or "")
        assert (entity["parent_app_guid"], entity["parent_app_name"]) == (new["app"]["guid"], new["app"]["name"])
        assert (entity["state"], entity["previous_state"]) == tuple(new["state"].values())
        assert (entity["instance_count"], entity["previous_instance_count"]) == tuple(new["instance_count"].values())
        assert (entity["task_guid"], entity["process_type"]) == (new["task"]["guid"], new["process"]["type"])
        assert entity["org_guid"] == new["organization"]["guid"]


def test_both_versions_tell_the_same_audit_history(client: Direct) -> None:
    v3 = {row["guid"]: row for row in client.walk_v3("/v3/audit_events", per_page=5000)}
    v2 = client.walk_v2(f"{EVENTS}?results-per-page=100")
    assert len(v2) == len(v3)
    for old in v2:
        entity, new = old["entity"], v3[old["metadata"]["guid"]]
        assert (entity["type"], entity["timestamp"], entity["metadata"]) == (
            new["type"], new["created_at"], new["data"],
        )  # fmt: skip
        assert entity["actee"] == new["target"]["guid"]
        assert entity["space_guid"] == (new["space"] or {"guid": ""})["guid"]


def test_events_come_by_time_then_id(client: Direct) -> None:
    wanted = sorted(client.cc.ledger.audit, key=lambda row: (row.created_at, row.id))
    assert [row["metadata"]["guid"] for row in client.walk_v2(f"{EVENTS}?results-per-page=100")] == [
        row.guid for row in wanted
    ]


def test_next_url_is_a_path_with_sorted_parameters(client: Direct) -> None:
    guid = client.cc.ledger.usage[0].guid
    reply = client.get(f"{USAGE}?results-per-page=1&after_guid={guid}")
    wanted = f"{USAGE}?after_guid={guid}&order-direction=asc&page=2&results-per-page=1"
    assert (reply.content["next_url"], reply.content["prev_url"]) == (wanted, None)
    assert reply.guids == [client.cc.ledger.usage[1].guid]


def test_unknown_after_guid_and_other_bad_parameters_are_400(client: Direct) -> None:
    for path in (
        f"{USAGE}?after_guid=gone",
        f"{USAGE}?results-per-page=10001",
        f"{USAGE}?order-direction=up",
        f"{USAGE}?inline-relations-depth=4",
        f"{EVENTS}?results-per-page=101",
        f"{EVENTS}?q=actor:x",
        f"{EVENTS}?q=timestamp>yesterday",
        f"{EVENTS}?q=nonsense",
    ):
        reply = client.get(path)
        assert (reply.status, reply.content["code"]) == (400, 10005), path
        assert reply.content["error_code"] == "CF-BadQueryParameter"


def test_an_event_that_is_not_there(client: Direct) -> None:
    for path in (USAGE, EVENTS):
        reply = client.get(f"{path}/none")
        assert reply.content == {
            "code": 240000,
            "description": "Event could not be found: none",
            "error_code": "CF-EventNotFound",
        }


def test_direction_by_either_name(client: Direct) -> None:
    newest = client.cc.ledger.usage[-1].guid
    assert client.get(f"{USAGE}?order-direction=desc&results-per-page=1").guids == [newest]
    assert client.get(f"{USAGE}?order=desc&results-per-page=1").guids == [newest]


@pytest.mark.parametrize("operator", [":", ">", ">=", "<", "<=", " IN "])
def test_timestamp_filter(client: Direct, operator: str) -> None:
    rows = client.cc.ledger.audit
    moment, other = rows[300].created_at, rows[500].created_at
    keeps: dict[str, Any] = {
        ":": lambda at: at == moment,
        ">": lambda at: at > moment,
        ">=": lambda at: at >= moment,
        "<": lambda at: at < moment,
        "<=": lambda at: at <= moment,
        " IN ": lambda at: at in (moment, other),
    }
    value = f"{iso(moment)},{iso(other)}" if operator == " IN " else iso(moment)
    found = client.walk_v2(f"{EVENTS}?results-per-page=100&q=timestamp{operator}{value}")
    assert {row["metadata"]["guid"] for row in found} == {row.guid for row in rows if keeps[operator](row.created_at)}


def test_times_may_carry_an_offset(client: Direct) -> None:
    reply = client.get(f"{EVENTS}?q=timestamp%3E2026-11-21+05%3A40%3A00-04%3A00")
    assert 0 < reply.content["total_results"] < len(client.cc.ledger.audit)
    assert all(row["entity"]["timestamp"] > "2026-11-21T09:40:00Z" for row in reply.content["resources"])


def test_several_filters_hold_together(client: Direct) -> None:
    crash = next(row for row in client.cc.ledger.audit if row.type == "app.crash")
    both = f"q=type:app.crash&q=actee:{crash.target.guid}"
    one = f"q=type:app.crash;actee:{crash.target.guid}"
    wanted = [
        row.guid for row in client.cc.ledger.audit if row.type == "app.crash" and row.target.guid == crash.target.guid
    ]
    for query in (both, one):
        assert [row["metadata"]["guid"] for row in client.walk_v2(f"{EVENTS}?{query}")] == wanted
    kinds = client.walk_v2(f"{EVENTS}?q=type IN app.crash,audit.app.process.crash&results-per-page=100")
    assert {row["entity"]["type"] for row in kinds} == {"app.crash", "audit.app.process.crash"}


def test_v2_lists_usage_for_admins_alone() -> None:
    client = Direct(standing_still(options=Options(scopes=("cloud_controller.global_auditor",)), apps=3, usage_rows=20))
    assert (client.get(USAGE).status, client.get(USAGE).content["code"]) == (403, 10003)
    assert client.get(EVENTS).status == 200


def test_v2_switched_off() -> None:
    client = Direct(standing_still(options=Options(v2_enabled=False)))
    assert "cloud_controller_v2" not in client.get("/").content["links"]
    info = client.get("/v2/info")
    assert (info.content["api_version"], info.content["support"]) == ("", "CF API v2 is disabled")
    assert client.get(USAGE).status == 404


def test_v2_switched_on_is_linked(client: Direct) -> None:
    links = client.get("/").content["links"]
    assert links["cloud_controller_v2"]["href"].endswith("/v2")
    assert links["login"]["href"].endswith("/uaa")
    assert client.get("/v2/info").content["api_version"]
