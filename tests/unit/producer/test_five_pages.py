"""Every row of the API pages that the product was asked to read goes row → record → Avro → record, whole.

``pages/`` holds the example bodies of the pages, one file a page.
"""

import json
from pathlib import Path
from typing import Any

import pytest
from support.registry import MemoryRegistry

from plumbing.clock import micros
from producer.feeds.dialect import page_of
from producer.parse import audit, usage
from producer.parse.privacy import Privacy
from schemas.codec import Codec, Record
from schemas.topics import Topics

PAGES = Path(__file__).parent / "pages"
TOPICS = Topics()


def page(name: str) -> Any:
    return json.loads((PAGES / f"{name}.json").read_text("utf-8"))


def through_avro(topic: str, schema: str, record: Record) -> dict[str, Any]:
    codec = Codec(MemoryRegistry())
    return codec.decode(codec.encoder(topic, schema)(record))


def usage_record(row: Any, version: str) -> dict[str, Any]:
    parse = usage.from_v3 if version == "v3" else usage.from_v2
    return through_avro(TOPICS.usage.name, "AppUsageEvent", parse(row, "f", Privacy()))


def audit_record(row: Any) -> dict[str, Any]:
    return through_avro(TOPICS.audit.name, "AuditEvent", audit.from_v2(row, "f", Privacy()))


V2_ABSENT = {
    "updated_at": None,
    "previous_state": None,
    "process_type": None,
    "task_guid": None,
    "task_name": None,
    "previous_memory_mb_per_instance": None,
    "previous_instance_count": None,
    "previous_package_state": None,
    "actor_username": None,
}


def test_v2_list_app_usage_events() -> None:
    body = page("v2-list-app-usage-events")
    assert page_of(body, 0).more
    assert [usage_record(row, "v2") for row in body["resources"]] == [
        V2_ABSENT
        | {
            "foundation": "f",
            "guid": "3e52a097-2394-4cd8-8f47-4acec288b639",
            "created_at": micros("2015-03-10T23:11:59+00:00"),
            "state": "STARTED",
            "memory_mb_per_instance": 564,
            "instance_count": 1,
            "app_guid": "guid-d75fe60a-ebc4-4e65-a88e-53ab06046bd1",
            "process_guid": "guid-d75fe60a-ebc4-4e65-a88e-53ab06046bd1",
            "app_name": "name-1939",
            "space_guid": "guid-e4babd02-10b0-49a8-b082-70c35eac6bed",
            "space_name": "name-1940",
            "org_guid": "guid-3333072c-0d64-4b36-bb66-75ed9c810d3a",
            "buildpack_guid": "guid-91104f16-aefd-49ab-80cb-29bb1502bd02",
            "buildpack_name": "name-1941",
            "package_state": "STAGED",
        }
    ]


def test_v2_single_app_usage_event_of_2014_with_an_offset_in_its_time() -> None:
    assert usage_record(page("v2-retrieve-app-usage-event"), "v2") == V2_ABSENT | {
        "foundation": "f",
        "guid": "60797fcd-3d0f-4c63-9060-8c1ee1a185a8",
        "created_at": micros("2014-06-20T00:19:06Z"),
        "state": "STARTED",
        "memory_mb_per_instance": 564,
        "instance_count": 1,
        "app_guid": "guid-dbca21fd-ce3f-4b99-81c7-b4b5e86451a4",
        "process_guid": "guid-dbca21fd-ce3f-4b99-81c7-b4b5e86451a4",
        "app_name": "name-643",
        "space_guid": "guid-8da3a38a-7971-4117-96cc-fa5b51c5182f",
        "space_name": "name-644",
        "org_guid": "guid-660837b5-e4e1-4564-bf06-6c72e12e1436",
        "buildpack_guid": "guid-beea1b56-a605-4a9a-8c8f-a6c130ad4bf3",
        "buildpack_name": "name-645",
        "package_state": None,
    }


def test_v2_list_events() -> None:
    body = page("v2-list-events")
    assert not page_of(body, 0).more
    found = [audit_record(row) for row in body["resources"]]
    request = (
        '{"request":{"name":"new","instances":1,"memory":84,"state":"STOPPED",'
        '"environment_json":"PRIVATE DATA HIDDEN"}}'
    )
    common = {
        "foundation": "f",
        "created_at": micros("2015-02-13T22:34:52Z"),
        "updated_at": None,
        "timestamp": micros("2015-02-13T22:34:52Z"),
        "actor_guid": "uaa-id-150",
        "actor_type": "user",
        "actor_name": "user@email.com",
        "target_guid": "cc272319-7e45-4e87-9de1-763f6402f398",
        "target_type": "app",
        "target_name": "name-474",
        "space_guid": "9bf82354-1f5d-45f8-a060-e0bfbfe2b1bb",
        "org_guid": "7006e95a-7bb0-406b-9a73-1e3f81b62d05",
        "app_guid": "cc272319-7e45-4e87-9de1-763f6402f398",
        "crash": None,
    }
    assert found == [
        common | {"guid": "2fbfce2b-9cf4-4865-95ea-db2a41849e91", "type": "audit.app.create", "data": request},
        common | {"guid": "470f1fd2-5cda-45f5-8e31-8058c40cf33a", "type": "audit.app.update", "data": request},
        common
        | {
            "guid": "2bbd84f1-ca07-4975-9e61-973f75ab2a45",
            "type": "audit.app.delete-request",
            "data": '{"request":{"recursive":false}}',
        },
    ]


def test_v2_list_app_exited_events_types_the_crash_and_keeps_its_data_whole() -> None:
    (row,) = page("v2-list-app-exited-events")["resources"]
    assert audit_record(row) == {
        "foundation": "f",
        "guid": "e447165b-cf8c-48f1-abe2-f1c523ced466",
        "type": "app.crash",
        "created_at": micros("2014-04-07T18:19:14Z"),
        "updated_at": None,
        "timestamp": micros("2014-04-07T18:19:14Z"),
        "actor_guid": "309a9ccd-ff48-4606-816e-340d2ce29987",
        "actor_type": "app",
        "actor_name": None,
        "target_guid": "309a9ccd-ff48-4606-816e-340d2ce29987",
        "target_type": "app",
        "target_name": None,
        "space_guid": "80e568ba-7494-4c96-9b41-25ec96aaac72",
        "org_guid": "16046e4a-b7c2-406b-b7c2-daa9b7ef4aca",
        "app_guid": "309a9ccd-ff48-4606-816e-340d2ce29987",
        "data": '{"instance":0,"index":1,"exit_status":"1","exit_description":"out of memory","reason":"crashed"}',
        "crash": {
            "instance": "0",
            "index": 1,
            "cell_id": None,
            "exit_description": "out of memory",
            "reason": "crashed",
            "exit_status": "1",
            "crash_count": None,
            "crash_timestamp_ns": None,
            "version": None,
        },
    }


def test_v3_list_app_usage_events() -> None:
    """The page gives types ("string", 0) for values; times are set to real ones, all else is as it stands."""
    body = page("v3-list-app-usage-events")
    assert page_of(body, 0).more
    (row,) = body["resources"]
    row |= {"created_at": "2021-01-01T00:00:00Z", "updated_at": "2021-01-01T00:00:01Z"}
    assert usage_record(row, "v3") == {
        "foundation": "f",
        "guid": "string",
        "created_at": micros("2021-01-01T00:00:00Z"),
        "updated_at": micros("2021-01-01T00:00:01Z"),
        "state": "string",
        "previous_state": "string",
        "app_guid": "string",
        "app_name": "string",
        "process_guid": "string",
        "process_type": "string",
        "space_guid": "string",
        "space_name": "string",
        "org_guid": "string",
        "buildpack_guid": "string",
        "buildpack_name": "string",
        "task_guid": "string",
        "task_name": "string",
        "memory_mb_per_instance": 0,
        "previous_memory_mb_per_instance": 0,
        "instance_count": 0,
        "previous_instance_count": 0,
        "package_state": None,
        "previous_package_state": None,
        "actor_username": None,
    }


def test_the_v3_page_as_it_stands_has_no_time_and_is_refused() -> None:
    (row,) = page("v3-list-app-usage-events")["resources"]
    with pytest.raises(ValueError, match="string"):
        usage.from_v3(row, "f", Privacy())
