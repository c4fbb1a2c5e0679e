"""The control API and the fixed scenario."""

import re
import sys
from pathlib import Path
from typing import Any

import orjson
import pytest
from support.simulated import START, Direct, Reply, folded, standing_still

from standin.cloud_controller.clock import SECOND, SimClock, from_iso
from standin.cloud_controller.control import Control
from standin.cloud_controller.controller import CloudController
from standin.cloud_controller.damage import DAMAGES
from standin.cloud_controller.faults import IN_ANSWER, ON_WIRE, SETTABLE, Faults
from standin.cloud_controller.ledger import Lateness
from standin.cloud_controller.scenario import play_demo_scenario


def post(client: Direct, path: str, content: dict[str, Any] | None = None) -> Reply:
    return client.send("POST", path, body=orjson.dumps(content or {}))


@pytest.fixture
def client() -> Direct:
    return Direct(standing_still(apps=5, usage_rows=60))


def test_the_truth_needs_no_token(client: Direct) -> None:
    reply = Direct(client.cc, token="").get("/sim/truth")
    assert reply.status == 200
    assert reply.content == orjson.loads(orjson.dumps(client.cc.truth()))
    assert reply.content["usage_rows"] == len(client.cc.ledger.usage)


def test_the_ledger_tells_pruned_rows_too(client: Direct) -> None:
    post(client, "/sim/prune", {"usage_id": 30})
    assert client.get("/v3/app_usage_events").content["pagination"]["total_results"] == len(client.cc.ledger.usage) - 30
    lines = [orjson.loads(line) for line in client.get("/sim/ledger", limit=20).content.splitlines()]
    assert [line["id"] for line in lines] == list(range(1, 21))
    assert [line["event"]["guid"] for line in lines] == [row.guid for row in client.cc.ledger.usage[:20]]
    rest = client.get("/sim/ledger", feed="audit", after=3).content.splitlines()
    assert len(rest) == len(client.cc.ledger.audit) - 3


def test_the_clock_is_set_stepped_and_sped_up(client: Direct) -> None:
    assert client.get("/sim/clock").content["now"] == "2026-11-21T10:00:00Z"
    told = post(client, "/sim/clock", {"set": "2026-12-01T00:00:00Z", "step_seconds": 5, "date_skew_seconds": 9})
    assert (told.content["now"], told.content["date_skew_seconds"]) == ("2026-12-01T00:00:05Z", 9)
    assert post(client, "/sim/clock", {"speed": 60}).content["speed"] == 60


def test_life_is_resumed_and_paused(client: Direct) -> None:
    before = len(client.cc.ledger.usage)
    assert post(client, "/sim/resume", {"rate": 2}).content["paused"] is False
    post(client, "/sim/clock", {"step_seconds": 120})
    assert len(client.cc.ledger.usage) > before
    assert post(client, "/sim/pause").content["paused"] is True


def test_rows_are_made_on_demand(client: Direct) -> None:
    before = len(client.cc.ledger.audit)
    assert post(client, "/sim/generate", {"deeds": 20}).content["audit_rows"] > before
    empty = Direct(standing_still())
    told = post(empty, "/sim/generate", {"usage_rows": 300, "apps": 12, "span_seconds": 600, "old_apps": 2})
    assert told.content["usage_rows"] >= 300
    assert told.content["apps"] >= 14


def test_an_app_does_what_it_is_told() -> None:
    client = Direct(standing_still())
    created = post(client, "/sim/act", {"action": "create", "name": "shop", "processes": {"web": [2, 128]}}).content
    app = created["app"]
    assert created["state"] == "STARTED"
    post(client, "/sim/act", {"action": "scale", "app": app, "instances": 4})
    post(client, "/sim/act", {"action": "crash", "app": app, "times": 3})
    post(client, "/sim/act", {"action": "task", "app": app, "memory_mb": 64})
    truth = client.get("/sim/truth").content["apps"][app]
    assert (truth["running_instances"], truth["memory_mb"], truth["task_memory_mb"], truth["crashes"]) == (
        4, 512, 64, 3,
    )  # fmt: skip
    for action in ("restart", "restage", "crash_loop", "crash_out_of_memory", "stop", "start", "delete"):
        assert post(client, "/sim/act", {"action": action, "app": app}).status == 200, action
    assert client.get("/sim/truth").content["apps"] == {}


def test_options_are_changed_and_secrets_not_shown(client: Direct) -> None:
    told = post(client, "/sim/options", {"scopes": ["cloud_controller.read"], "v2_enabled": False}).content
    assert (told["scopes"], told["v2_enabled"], told["client_secret"]) == (["cloud_controller.read"], False, "***")
    post(client, "/sim/options", {"api_rate_limit": {"requests": 0}})
    assert client.get("/v3/apps").status == 429
    post(client, "/sim/options", {"api_rate_limit": None})
    assert client.get("/v3/apps").status == 200


def test_tokens_lateness_faults_and_damage_are_steered(client: Direct) -> None:
    post(client, "/sim/tokens/revoke")
    assert client.get("/v3/apps").status == 401
    assert post(client, "/sim/lateness", {"chance": 0.5, "most_s": 3}).content["most_s"] == 3
    assert post(client, "/sim/faults", {"kind": "reset", "count": 3}).content[0]["kind"] == "reset"
    assert client.send("DELETE", "/sim/faults").content == []
    last = client.cc.ledger.usage[-1].guid
    assert post(client, "/sim/damage", {"id": -1, "kind": "huge"}).content == {"guid": last, "kind": "huge"}
    assert client.send("DELETE", "/sim/damage").status == 200


@pytest.mark.parametrize(
    ("path", "content"),
    [
        ("/sim/faults", {"kind": "none"}),
        ("/sim/options", {"colour": 1}),
        ("/sim/act", {"action": "fly", "app": "x"}),
        ("/sim/act", {}),
        ("/sim/damage", {"id": 10**9, "kind": "huge"}),
        ("/sim/clock", {"set": "noon"}),
        ("/sim/generate", {"usage_rows": 1, "colour": 1}),
        ("/sim/lateness", {"sometimes": 1}),
    ],
)
def test_nonsense_is_answered_by_400_and_a_reason(client: Direct, path: str, content: dict[str, Any]) -> None:
    reply = post(client, path, content)
    assert reply.status == 400
    assert reply.content["error"]


@pytest.fixture(scope="module")
def demo() -> CloudController:
    cc = CloudController(seed=1, clock=SimClock(START, speed=0))
    play_demo_scenario(cc)
    return cc


def test_the_demo_scenario_is_large_enough_and_consistent(demo: CloudController) -> None:
    truth = demo.truth()
    assert truth["usage_rows"] == truth["usage_rows_visible"] >= 20_000
    assert len(truth["apps"]) >= 500
    told = folded(demo.ledger.usage)
    silent = [app for guid, app in truth["apps"].items() if guid not in told]
    assert len(silent) > 0, "some apps run since before all records"
    for guid, app in truth["apps"].items():
        if guid in told:
            assert told[guid] == {figure: app[figure] for figure in told[guid]}
    assert truth["task_instances"] > 0
    assert truth["staging_instances"] > 0


def test_the_demo_scenario_ends_before_now_and_is_settled(demo: CloudController) -> None:
    newest = max(demo.ledger.usage[-1].created_at, demo.ledger.audit[-1].created_at)
    assert START - 150 * SECOND < newest <= START - 120 * SECOND


def test_the_demo_scenario_has_apps_to_raise_alerts_for(demo: CloudController) -> None:
    times: dict[str, list[int]] = {}
    for row in demo.ledger.audit:
        if row.type == "app.crash" and row.created_at >= START - 17 * 60 * SECOND:
            times.setdefault(row.target.guid, []).append(row.created_at)
    window = 5 * 60 * SECOND
    alarming = [
        guid
        for guid, at in times.items()
        if any(third - first <= window for first, third in zip(at, at[2:], strict=False))
    ]
    assert len(alarming) >= 7
    assert len([guid for guid, at in times.items() if len(at) == 2]) >= 1, "two crashes raise nothing"
    counts = [row.data["crash_count"] for row in demo.ledger.audit if row.type == "audit.app.process.crash"]
    assert max(counts) >= 6, "a crash loop"
    assert any("(out of memory)" in str(row.data.get("exit_description")) for row in demo.ledger.audit[-60:])


def test_times_are_read_with_and_without_an_offset() -> None:
    assert from_iso("2014-01-01 00:00:00-04:00") == from_iso("2014-01-01T04:00:00Z") == from_iso("2014-01-01T04:00:00")


def test_a_clock_cannot_run_backwards() -> None:
    with pytest.raises(ValueError, match="cannot be negative"):
        SimClock().set_speed(-1)


def test_the_readme_names_every_endpoint_fault_and_damage() -> None:
    text = (Path(sys.modules[CloudController.__module__].__file__ or "").parent / "README.md").read_text()
    routes = {f"{method} {path}" for method, path, _ in Control(standing_still(), Faults()).routes()}
    assert set(re.findall(r"`((?:GET|POST|DELETE) /sim/[a-z/]+)`", text)) == routes
    words = set(re.findall(r"`(\w+)`", text))
    assert words >= {*IN_ANSWER, *ON_WIRE, *DAMAGES, *SETTABLE, *Lateness._fields}
