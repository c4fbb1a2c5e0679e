"""Rows come late, are pruned, and are purged: what a reader sees then."""

from itertools import pairwise

from support.simulated import START, Direct, standing_still

from standin.cloud_controller.clock import SECOND
from standin.cloud_controller.ledger import Lateness
from standin.cloud_controller.options import Options

USAGE = "/v3/app_usage_events"
PURGE_V3 = f"{USAGE}/actions/destructively_purge_all_and_reseed"
PURGE_V2 = "/v2/app_usage_events/destructively_purge_all_and_reseed_started_apps"
ADMIN = Options(scopes=("cloud_controller.admin",))


def test_a_late_row_appears_before_rows_that_were_there_already() -> None:
    cc = standing_still(usage_rows=50, apps=5)
    client = Direct(cc)
    known = len(cc.ledger.usage)
    cc.ledger.lateness = Lateness(chance=0.5, most_s=20)
    cc.do(40)
    early = client.get(USAGE, per_page=5000).guids
    assert known < len(early) < len(cc.ledger.usage)
    cc.step(20)
    late = client.get(USAGE, per_page=5000).guids
    assert late == [row.guid for row in cc.ledger.usage]
    assert late[: len(early)] != early
    assert [guid for guid in late if guid in set(early)] == early


def test_audit_rows_come_late_too() -> None:
    cc = standing_still(usage_rows=50, apps=5)
    cc.ledger.lateness = Lateness(chance=0.5, most_s=20)
    cc.do(40)
    assert cc.ledger.audit_table.uncommitted > 0
    cc.step(20)
    assert Direct(cc).get("/v3/audit_events").content["pagination"]["total_results"] == len(cc.ledger.audit)


def test_times_may_go_back_while_ids_go_on_but_not_within_an_app() -> None:
    cc = standing_still(usage_rows=50, apps=10)
    cc.ledger.lateness = Lateness(back_chance=0.5, back_most_s=20)
    cc.resume(rate=2)
    cc.step(300)
    rows = cc.ledger.usage
    assert any(later.created_at < row.created_at for row, later in pairwise(rows))
    by_app: dict[str, list[int]] = {}
    for row in rows:
        by_app.setdefault(row.subject.app_guid, []).append(row.created_at)
    assert all(times == sorted(times) for times in by_app.values())
    assert Direct(cc).get(USAGE, per_page=5000).guids == [row.guid for row in rows]


def test_old_rows_are_pruned_but_never_the_newest_usage_row() -> None:
    cc = standing_still(usage_rows=200, apps=10, span_s=40 * 86_400.0)
    client = Direct(cc)
    cursor = cc.ledger.usage[0].guid
    assert client.get(USAGE, after_guid=cursor).status == 200
    cc.prune(31)
    assert client.get(USAGE, after_guid=cursor).content["errors"][0]["code"] == 10008
    assert client.get(f"/v2/app_usage_events?after_guid={cursor}").content["code"] == 10005
    assert client.get(f"{USAGE}/{cursor}").status == 404
    left = client.walk_v3(USAGE, per_page=5000)
    kept = [row.guid for row in cc.ledger.usage if row.created_at >= START - 31 * 86_400 * SECOND]
    assert [row["guid"] for row in left] == kept
    cc.prune(0)
    assert client.get(USAGE).guids == [cc.ledger.usage[-1].guid]
    assert client.get("/v3/audit_events").guids == [row.guid for row in cc.ledger.audit if row.created_at >= START]


def test_retention_prunes_once_a_day() -> None:
    cc = standing_still(usage_rows=200, apps=10, span_s=40 * 86_400.0)
    assert len(cc.ledger.usage_table) == len(cc.ledger.usage)
    cc.step(86_400)
    assert len(cc.ledger.usage_table) < len(cc.ledger.usage)
    kept = Options(retention_days=None)
    endless = standing_still(usage_rows=200, apps=10, span_s=40 * 86_400.0, options=kept)
    endless.step(86_400)
    assert len(endless.ledger.usage_table) == len(endless.ledger.usage)


def test_a_purge_leaves_one_row_for_each_started_process() -> None:
    cc = standing_still(usage_rows=300, apps=20, options=ADMIN)
    client = Direct(cc)
    cursor = cc.ledger.usage[-1].guid
    reply = client.send("POST", PURGE_V3)
    assert (reply.status, reply.content) == (200, {})
    rows = client.walk_v3(USAGE, per_page=5000)
    started = [process for _, process in cc.world.processes() if process.state == "STARTED"]
    assert [row["guid"] for row in rows] == [process.guid for process in started]
    for row, process in zip(rows, started, strict=True):
        assert row["process"] == {"guid": process.guid, "type": None}
        assert row["state"] == {"current": "STARTED", "previous": "STARTED"}
        assert row["instance_count"] == {"current": process.instances, "previous": process.instances}
        assert row["created_at"] == "2026-11-21T10:00:00Z"
    assert client.get(USAGE, after_guid=cursor).status == 422


def test_a_second_purge_uses_the_same_guids_at_another_time() -> None:
    cc = standing_still(usage_rows=300, apps=20, options=ADMIN)
    client = Direct(cc)
    client.send("POST", PURGE_V3)
    first = {(row["guid"], row["created_at"]) for row in client.walk_v3(USAGE, per_page=5000)}
    cc.step(60)
    reply = client.send("POST", PURGE_V2)
    assert (reply.status, reply.content) == (204, b"")
    second = {(row["guid"], row["created_at"]) for row in client.walk_v3(USAGE, per_page=5000)}
    assert {guid for guid, _ in first} == {guid for guid, _ in second}
    assert not first & second


def test_a_purge_shows_credentials_that_ordinary_rows_hide() -> None:
    cc = standing_still(usage_rows=300, apps=40, options=ADMIN)
    client = Direct(cc)
    before = {str(row["buildpack"]["name"]) for row in client.walk_v3(USAGE, per_page=5000)}
    assert any("***:***@" in name for name in before)
    assert not any("s3cr3t-canary" in name for name in before)
    client.send("POST", PURGE_V3)
    assert any("s3cr3t-canary" in str(row["buildpack"]["name"]) for row in client.walk_v3(USAGE, per_page=5000))


def test_only_admins_may_purge() -> None:
    client = Direct(standing_still(usage_rows=50, apps=5))
    for path in (PURGE_V3, PURGE_V2):
        assert client.send("POST", path).status == 403
    assert client.get(USAGE).content["pagination"]["total_results"] == len(client.cc.ledger.usage)
