"""What rows mean, as far as reading them goes."""

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.registry import MemoryRegistry

from plumbing.clock import micros
from producer.parse import audit, usage
from producer.parse.fields import lenient_long
from producer.parse.privacy import Privacy, redact_urls, scrub_row
from producer.publish.batch import LARGEST_VALUE, Batch, Batcher, Filters
from producer.settings import FEEDS, Feed
from schemas.codec import Codec

V3: dict[str, Any] = {
    "guid": "u-1",
    "created_at": "2026-11-21T10:00:00Z",
    "updated_at": "2026-11-21T10:00:00Z",
    "state": {"current": "STARTED", "previous": "STOPPED"},
    "app": {"guid": "app-1", "name": "shop"},
    "process": {"guid": "app-1", "type": "web"},
    "space": {"guid": "space-1", "name": "dev"},
    "organization": {"guid": "org-1"},
    "buildpack": {"guid": None, "name": None},
    "task": {"guid": None, "name": None},
    "memory_in_mb_per_instance": {"current": 256, "previous": 128},
    "instance_count": {"current": 2, "previous": 1},
}

CRASH: dict[str, Any] = {
    "guid": "a-1",
    "created_at": "2026-11-21T10:00:00Z",
    "updated_at": None,
    "type": "app.crash",
    "actor": {"guid": "app-1", "type": "app", "name": "shop"},
    "target": {"guid": "app-1", "type": "app", "name": "shop"},
    "data": {
        "instance": "i-1",
        "index": 3,
        "cell_id": "c-1",
        "exit_description": "Exited with status 137 (out of memory)",
        "reason": "CRASHED",
        "exit_status": 137,
        "crash_count": 4,
        "crash_timestamp": 1795255200123456789,
        "version": "v-1",
    },
    "space": {"guid": "space-1"},
    "organization": {"guid": "org-1"},
}


def read(row: dict[str, Any], keep: Privacy | None = None) -> dict[str, Any]:
    parsed: Any = audit.from_v3(row, "f", keep or Privacy())
    return dict(parsed)


def batch_of(
    rows: list[Any], *, feed: Feed = FEEDS[0], keep: Privacy | None = None, filters: Filters | None = None
) -> Any:
    codec = Codec(MemoryRegistry())
    batcher = Batcher(
        foundation="f",
        feed=feed,
        encode=codec.encoder("t", "AppUsageEvent" if feed == FEEDS[0] else "AuditEvent"),
        encode_dead=codec.encoder("d", "DeadLetter"),
        keep=keep or Privacy(),
        filters=filters or Filters(),
    )
    batch: Batch = batcher.batch(rows, "v3", "before", 1)
    return batch, [codec.decode(message["value"]) for message in batch.dead]


def test_a_crash_time_in_nanoseconds_is_exact_beyond_2_to_the_53() -> None:
    assert read(CRASH)["crash"]["crash_timestamp_ns"] == 1795255200123456789


@pytest.mark.parametrize(("sent", "kept"), [(137, "137"), ("137", "137"), (None, None), ({}, None), (True, None)])
def test_an_exit_status_may_be_a_number_a_text_or_missing(sent: object, kept: str | None) -> None:
    row = CRASH | {"data": CRASH["data"] | {"exit_status": sent}}
    assert read(row)["crash"]["exit_status"] == kept
    row["data"].pop("exit_status")
    assert read(row)["crash"]["exit_status"] is None


def test_both_events_of_one_crash_have_its_fields() -> None:
    twin = CRASH | {"type": "audit.app.process.crash", "actor": {"guid": "p-1", "type": "process", "name": "web"}}
    assert read(twin)["crash"] == read(CRASH)["crash"]
    assert read(twin)["app_guid"] == "app-1"


def test_a_rescheduling_is_no_crash() -> None:
    assert read(CRASH | {"type": "audit.app.process.rescheduling"})["crash"] is None


@pytest.mark.parametrize("nothing", [None, {}])
def test_actor_target_space_and_organization_may_be_null_or_empty(nothing: object) -> None:
    record = read(CRASH | {"actor": nothing, "target": nothing, "space": nothing, "organization": nothing})
    assert {record[f"{who}_guid"] for who in ("actor", "target", "space", "org", "app")} == {None}


def test_an_event_that_is_not_about_an_app_has_no_app() -> None:
    row = CRASH | {
        "type": "audit.space.create",
        "actor": {"guid": "u", "type": "user", "name": "ada@example.com"},
        "target": {"guid": "system/path", "type": "space", "name": "x"},
    }
    assert read(row)["app_guid"] is None
    (message,) = batch_of([row], feed=FEEDS[1])[0].messages
    assert message["key"] == b"system/path"


def test_data_is_kept_whole_with_its_keys_in_order() -> None:
    assert orjson.loads(read(CRASH)["data"]) == CRASH["data"]
    assert list(orjson.loads(read(CRASH)["data"])) == list(CRASH["data"])


def test_v2_names_the_process_app_guid_and_the_app_parent_app_guid() -> None:
    entity = {"state": "STARTED", "app_guid": "process-1", "app_name": "", "parent_app_guid": "app-1"}
    row = {"metadata": {"guid": "u", "created_at": "2026-11-21T10:00:00Z"}, "entity": entity}
    record = usage.from_v2(row, "f", Privacy())
    assert (record["process_guid"], record["app_guid"]) == ("process-1", "app-1")


def test_rows_of_tasks_and_stagings_have_no_process() -> None:
    entity = {"state": "TASK_STARTED", "app_guid": "", "app_name": "", "parent_app_guid": "app-1", "task_guid": "t-1"}
    row = {"metadata": {"guid": "u", "created_at": "2026-11-21T10:00:00Z"}, "entity": entity}
    record = usage.from_v2(row, "f", Privacy())
    assert (record["process_guid"], record["app_guid"], record["task_guid"]) == (None, "app-1", "t-1")


def test_an_unknown_state_and_an_unknown_field_are_no_errors() -> None:
    row = V3 | {"state": {"current": "WAS_RUNNING", "previous": None}, "brand_new": {"x": 1}}
    batch, dead = batch_of([row])
    assert (len(batch.messages), dead) == (1, [])


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"created_at": "yesterday"}, "Invalid isoformat"),
        ({"created_at": None}, "shape"),
        ({"state": None}, "current is missing"),
        ({"instance_count": {"current": "many"}}, "instance_count is text"),
        ({"instance_count": {"current": 2**70}}, "instance_count is a whole number"),
        ({"app": "shop"}, "app is no object"),
        ({"guid": 7}, "guid is a whole number"),
        ({"guid": ""}, "guid is empty"),
        ({"app": {"guid": "a", "name": "\ud800"}}, "app_name is text with half a character"),
    ],
)
def test_a_row_that_cannot_be_read_becomes_a_dead_letter_with_its_reason(change: dict[str, Any], reason: str) -> None:
    batch, dead = batch_of([V3, V3 | change, V3])
    assert len(batch.messages) == 2
    (letter,) = dead
    assert reason in letter["reason"]
    assert letter["feed"] == FEEDS[0]
    assert "in the page after before" in letter["position"]
    if "app" not in change:
        assert {"guid", "app"} <= set(orjson.loads(letter["body"]))


def test_a_row_that_is_no_object_and_one_without_a_guid_are_dead_letters_too() -> None:
    batch, dead = batch_of(["a text", None, 3, {key: value for key, value in V3.items() if key != "guid"}])
    assert not batch.messages
    assert [letter["position"].split(" in ")[0] for letter in dead] == ["no guid"] * 4
    assert dead[3]["reason"] == "guid is missing"


def test_a_record_larger_than_a_broker_takes_is_a_dead_letter_with_its_body_cut() -> None:
    row = CRASH | {"data": {"request": {"manifest": "x" * 2_000_000}}}
    batch, (letter,) = batch_of([row], feed=FEEDS[1])
    assert not batch.messages
    assert len(letter["body"]) == LARGEST_VALUE
    assert "cut" in letter["reason"]


def test_filters_leave_rows_out_without_touching_the_rest() -> None:
    other = V3 | {"organization": {"guid": "org-2"}}
    batch, _ = batch_of([V3, other], filters=Filters(orgs=frozenset({"org-1"})))
    assert (len(batch.messages), batch.filtered) == (1, 1)


@given(st.text(alphabet="abc:@/ .$%é", min_size=1, max_size=15))
def test_user_info_never_survives_in_a_url(secret: str) -> None:
    user = secret.replace("/", "").replace(" ", "").replace("@", "") or "x"
    text = f"see https://{user}:s3cr3t-canary@git.example.com/a.git"
    assert "canary" not in redact_urls(text)
    assert redact_urls(text).endswith("********@git.example.com/a.git")


def test_a_password_with_an_at_sign_is_redacted_whole() -> None:
    assert redact_urls("https://u:p@ss@host/x") == "https://********@host/x"


def test_credentials_in_buildpack_urls_are_redacted_in_records_data_and_dead_letters() -> None:
    url = "https://robot:s3cr3t-canary@git.example.com/custom.git"
    row = V3 | {"buildpack": {"guid": "b", "name": url}}
    assert usage.from_v3(row, "f", Privacy())["buildpack_name"] == "https://********@git.example.com/custom.git"
    assert "canary" not in str(read(CRASH | {"data": {"buildpack": url}}))
    _, (letter,) = batch_of([row | {"created_at": None}])
    assert b"canary" not in letter["body"]


def test_each_personal_switch_leaves_out_its_fields_only() -> None:
    row = CRASH | {
        "actor": {"guid": "u", "type": "user", "name": "ada@example.com"},
        "data": CRASH["data"] | {"request": {"user": "ada@example.com"}},
    }
    everything = read(row)
    names = read(row, Privacy(actor_names=False))
    assert (everything["actor_name"], names["actor_name"]) == ("ada@example.com", None)
    bodies = read(row, Privacy(request_bodies=False))
    assert "request" not in orjson.loads(bodies["data"])
    assert bodies["actor_name"] == "ada@example.com"
    crash = read(row, Privacy(crash_text=False))
    assert crash["crash"]["exit_description"] is None
    assert "exit_description" not in orjson.loads(crash["data"])
    assert crash["crash"]["exit_status"] == "137"


def test_dead_letters_obey_the_switches() -> None:
    row = CRASH | {"actor": {"guid": "u", "name": "ada@example.com"}, "data": {"request": {"secret": 1}}, "type": None}
    kept = scrub_row(row, Privacy(actor_names=False, request_bodies=False))
    assert "ada" not in str(kept)
    assert "request" not in kept["data"]


def test_times_of_both_versions_are_utc_microseconds() -> None:
    assert usage.from_v3(V3, "f", Privacy())["created_at"] == micros("2026-11-21T10:00:00Z")


@given(st.integers(-(2**63), 2**63 - 1))
def test_whole_numbers_survive_as_numbers_and_as_digits(number: int) -> None:
    assert lenient_long(number) == number == lenient_long(str(number))


@pytest.mark.parametrize("value", [2**63, "many", None, True, float("inf"), float("nan"), [], "1.5"])
def test_what_is_no_whole_number_is_null(value: object) -> None:
    assert lenient_long(value) is None
