"""``cfstream doctor`` on the real parts: all well, then one thing after the other broken."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from support.chain import Chain, chain
from support.command import Ended

from standin.cloud_controller.history import Past
from standin.cloud_controller.server import CloudController
from standin.stack import Stack


@pytest.fixture(scope="module")
def whole(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chain]:
    """Everything is there and right, until a test says otherwise."""
    cc = CloudController(seed=7)
    cc.write_past(Past(usage_rows=200, apps=10))
    with chain(cc, stack.bootstrap_servers, stack.registry_url, tmp_path_factory.mktemp("whole")) as whole:
        whole.good("schemas", "register")
        yield whole


def findings(ended: Ended) -> dict[str, Any]:
    """Return the findings by check."""
    assert "Traceback" not in ended.err
    return {each["check"]: each for each in ended.objects}


def test_all_is_well_and_nothing_is_sent(whole: Chain) -> None:
    found = findings(whole.good("doctor", "--json"))
    assert all(each["ok"] for each in found.values())
    assert found["kafka rights"]["text"] == "enough for producer, worker, notifier"
    assert found["compatibility"]["text"] == "BACKWARD_TRANSITIVE on every subject"
    assert found["alert receivers"]["text"].startswith("slack")
    assert whole.scene.room.since(0) == []


def test_for_people_each_check_is_a_line_with_a_sign(whole: Chain) -> None:
    lines = whole.good("doctor").out.splitlines()
    assert len(lines) == len(findings(whole.good("doctor", "--json")))
    assert all(line.startswith("✔ ") for line in lines)


@pytest.mark.parametrize(
    ("settings", "check", "mend"),
    [
        ({"cf_client_secret": "wrong"}, "credentials (default)", "CFSTREAM_CF_CLIENT_SECRET"),
        ({"cf_api": "http://127.0.0.1:9"}, "api (default)", "check CFSTREAM_CF_API"),
        ({"partitions": "5"}, "topics", "set it to 4"),
        ({"topic_prefix": "nobody-has-these."}, "topics", "cfstream topics apply"),
        ({"topic_prefix": "nobody-has-these."}, "schemas", "cfstream schemas register"),
        ({"schema_registry_url": "http://127.0.0.1:9"}, "registry", "set CFSTREAM_SCHEMA_REGISTRY_URL"),
        ({"partitons": "4"}, "variables", "write CFSTREAM_PARTITIONS"),
    ],
)
def test_what_is_wrong_is_found_and_the_way_to_mend_it_told(
    whole: Chain, settings: dict[str, str], check: str, mend: str
) -> None:
    ended = whole.run("doctor", "--json", given=settings)
    found = findings(ended)
    assert ended.code == 1
    assert found[check]["ok"] is False
    assert mend in found[check]["mend"]
    assert ended.err.splitlines()[-1].endswith("each ✘ line says how to mend it")


def test_without_kafka_the_rest_is_still_looked_at(whole: Chain) -> None:
    ended = whole.run("doctor", "--json", kafka_bootstrap_servers="127.0.0.1:9")
    found = findings(ended)
    assert ended.code == 1
    assert (found["kafka"]["ok"], found["topics"]["ok"], found["schemas"]["ok"]) == (False, None, True)
    assert "CFSTREAM_KAFKA_BOOTSTRAP_SERVERS" in found["kafka"]["text"]


def test_a_bad_setting_is_a_finding_too(whole: Chain) -> None:
    ended = whole.run("doctor", "--json", poll_seconds="-1")
    assert ended.code == 1
    assert "CFSTREAM_POLL_SECONDS='-1': must be at least 0.05" in findings(ended)["settings"]["text"]


def test_a_token_that_sees_only_a_part_is_told_by_its_scopes(whole: Chain) -> None:
    options = f"{whole.scene.source.url}/sim/options"
    before = httpx.get(options).json()["scopes"]
    httpx.post(options, json={"scopes": ["cloud_controller.read"]}).raise_for_status()
    try:
        ended = whole.run("doctor", "--json")
    finally:
        httpx.post(options, json={"scopes": before}).raise_for_status()
    assert findings(ended)["scopes (default)"]["ok"] is False
