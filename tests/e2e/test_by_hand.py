"""What a user does by hand, command after command, and what each one prints."""

import re
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from support.chain import Chain, chain, free_port
from support.waiting import until

from schemas import avro
from schemas.topics import Topics
from standin.cloud_controller.scenario import play_demo_scenario
from standin.cloud_controller.server import CloudController
from standin.stack import Stack

LINE = {"topic", "partition", "offset", "timestamp", "key", "value"}
ISO = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")
QUICK_S = 10.0


@pytest.fixture(scope="module")
def played(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chain]:
    """A small scenario that has gone through producer and worker."""
    cc = CloudController(seed=3)
    play_demo_scenario(cc, usage_rows=1500, apps=60, old_apps=5)
    with chain(cc, stack.bootstrap_servers, stack.registry_url, tmp_path_factory.mktemp("played")) as played:
        played.good("producer", "run", "--until-caught-up")
        played.good("processors", "run", "--until-caught-up")
        yield played


@pytest.fixture
def empty(stack: Stack, tmp_path: Path) -> Iterator[Chain]:
    """Topics without a record, and a Cloud Controller of which nobody has read."""
    cc = CloudController(seed=4)
    play_demo_scenario(cc, usage_rows=300, apps=20, old_apps=2)
    with chain(cc, stack.bootstrap_servers, stack.registry_url, tmp_path) as empty:
        yield empty


def test_topics_are_created_once_and_then_found_good(empty: Chain) -> None:
    other = f"{empty.scene.topics.prefix}more."
    wanted = {topic.name for topic in Topics(other)}
    try:
        dry = empty.good("topics", "apply", "--dry-run", topic_prefix=other).out
        assert dry.count("would be created") == len(wanted)
        assert empty.run("topics", "check", topic_prefix=other).code == 1
        first = empty.good("topics", "apply", topic_prefix=other).out
        assert {line.split(":")[0] for line in first.splitlines() if line.endswith("created")} == wanted
        again = empty.good("topics", "apply", topic_prefix=other).out
        assert again.count("is there") == len(wanted)
        assert "all topics are as they should be" in empty.good("topics", "check", topic_prefix=other).out
    finally:
        empty.delete(Topics(other))


def test_schemas_are_registered_under_stable_ids_and_checked(empty: Chain) -> None:
    checked = empty.good("schemas", "check")
    assert {line.split(": ")[1] for line in checked.out.splitlines()} == {"fits"}
    first = empty.good("schemas", "register").out
    assert {line.split(":")[0] for line in first.splitlines()} == {topic.subject for topic in empty.scene.topics}
    assert empty.good("schemas", "register").out == first


def test_state_names_its_fields_as_the_avro_schema_does_and_agrees_with_the_source(played: Chain) -> None:
    truth = played.cc.truth()
    states = {each["app_guid"]: each for each in played.good("state", "--json").objects}
    assert all(each.keys() == field_names("AppState") for each in states.values())
    for guid, app in truth["apps"].items():
        state = states.get(guid, {"running_instances": 0, "memory_mb": 0, "task_memory_mb": 0})
        assert (state["running_instances"], state["memory_mb"], state["task_memory_mb"]) == (
            app["running_instances"],
            app["memory_mb"],
            app["task_memory_mb"],
        )
    assert all(ISO.fullmatch(each["as_of"]) for each in states.values())


def test_state_of_one_app_by_name_and_by_guid_and_its_history(played: Chain) -> None:
    state = next(each for each in played.good("state", "--json").objects if each["running_instances"])
    by_guid = played.good("state", state["app_guid"], "--json").objects
    assert by_guid == [state]
    assert state in played.good("state", state["app_name"], "--json").objects
    happened = played.good("state", state["app_guid"], "--history", "--json").objects
    assert happened
    assert [each["created_at"] for each in happened] == sorted(each["created_at"] for each in happened)
    unknown = played.run("state", "nobody-has-this-name")
    assert (unknown.code, unknown.err) == (
        1,
        "cfstream: no app 'nobody-has-this-name' is known; 'cfstream state' lists all\n",
    )


def test_tables_for_people_show_every_app_and_total(played: Chain) -> None:
    assert played.good("state").out.count("\n") >= len(played.good("state", "--json").objects)
    assert "memory MB" in played.good("totals", "--by", "space").out


@pytest.mark.parametrize("by", ["org", "space", "foundation"])
def test_totals_sum_up_to_what_the_source_runs(played: Chain, by: str) -> None:
    truth = played.cc.truth()
    found = played.good("totals", "--by", by, "--json").objects
    assert all(each.keys() == field_names("UsageTotal") for each in found)
    assert sum(each["running_instances"] for each in found) == truth["running_instances"]
    assert sum(each["memory_mb"] for each in found) == truth["memory_mb"]
    assert sum(each["task_memory_mb"] for each in found) == truth["task_memory_mb"]


def test_tail_prints_each_row_once_as_the_documented_object(played: Chain) -> None:
    ledger = played.cc.ledger
    lines = played.good("tail", "app-usage-events", "--from-beginning", "--until-end", "--json").objects
    assert all(line.keys() == LINE for line in lines)
    assert sorted(line["value"]["guid"] for line in lines) == sorted(row.guid for row in ledger.usage)
    first = lines[0]
    assert first["topic"] == played.scene.topics.usage.name
    assert first["key"] == first["value"]["app_guid"]
    assert ISO.fullmatch(first["timestamp"])
    assert ISO.fullmatch(first["value"]["created_at"])
    assert first["value"].keys() == field_names("AppUsageEvent")


def test_tail_of_one_app_takes_the_full_topic_name_too(played: Chain) -> None:
    ledger = played.cc.ledger
    app = ledger.usage[0].subject.app_guid
    lines = played.good("tail", played.scene.topics.usage.name, "--until-end", "--app", app, "--json").objects
    assert [line["value"]["guid"] for line in lines] == [r.guid for r in ledger.usage if r.subject.app_guid == app]


def test_alerts_are_on_their_topic_once_each(played: Chain) -> None:
    lines = played.good("tail", "alerts", "--until-end", "--json").objects
    alerts = [(line["value"]["id"], line["value"]["status"]) for line in lines]
    assert alerts
    assert len(alerts) == len(set(alerts))
    assert all(line["value"].keys() == field_names("Alert") for line in lines)


def test_a_second_run_has_nothing_to_do_and_changes_nothing(played: Chain) -> None:
    before = played.good("state", "--json").out
    rows = played.good("tail", "app-usage-events", "--until-end", "--json").out.count("\n")
    played.good("producer", "run", "--until-caught-up")
    played.good("processors", "run", "--until-caught-up")
    assert played.good("tail", "app-usage-events", "--until-end", "--json").out.count("\n") == rows
    assert played.good("state", "--json").out == before


def test_the_worker_may_come_before_the_producer(empty: Chain) -> None:
    empty.good("processors", "run", "--until-caught-up")
    assert empty.good("state", "--json").out == ""
    empty.good("producer", "run", "--until-caught-up")
    empty.good("processors", "run", "--until-caught-up")
    assert empty.good("state", "--json").objects


@pytest.mark.parametrize("name", ["producer", "processors"])
def test_a_running_part_is_ready_and_ends_by_sigterm_cleanly_and_quickly(empty: Chain, name: str) -> None:
    child = empty.start(name, name, "run", http_port=str(port := free_port()))
    until(lambda: is_ready(port), within_s=60, what=f"{name} ready")
    began = time.monotonic()
    empty.pipeline.stop(name)
    assert child.exit_code == 0, empty.pipeline.log(name).read_text("utf-8")[-2000:]
    assert time.monotonic() - began < QUICK_S


def test_one_feed_alone(empty: Chain) -> None:
    empty.good("producer", "run", "--feed", "audit-events", "--until-caught-up")
    assert empty.good("tail", "app-usage-events", "--until-end", "--json").out == ""
    audit = empty.good("tail", "audit-events", "--until-end", "--json").objects
    assert len(audit) == len(empty.cc.ledger.audit)


def is_ready(port: int) -> bool:
    """Ask a process whether it is ready."""
    try:
        return httpx.get(f"http://127.0.0.1:{port}/readyz").is_success
    except httpx.TransportError:
        return False


def field_names(schema: str) -> set[str]:
    """Return the names of an Avro record's fields."""
    parsed = avro.parsed(schema)
    assert isinstance(parsed, dict)
    return {field["name"] for field in parsed["fields"]}
