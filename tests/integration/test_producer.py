"""The producer by its command line, on a real Kafka and registry, against the simulated Cloud Controller."""

import asyncio
import re
import signal
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest
import yaml
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient, NewTopic
from support.producer_run import PARTITIONS, Site, site
from support.waiting import until

from plumbing.clock import SECOND
from plumbing.kafka import ClientConfig
from processors.checkpoints import Checkpoints
from processors.follower import Follower
from producer.publish.readback import last_values
from producer.publish.transaction import DoubtError
from producer.settings import FEEDS
from standin.cloud_controller.controller import CloudController
from standin.cloud_controller.history import Past
from standin.cloud_controller.server import running
from standin.ports import HOST, free_port


def with_past(rows: int = 1500, seed: int = 11) -> CloudController:
    cc = CloudController(seed=seed)
    cc.write_past(Past(usage_rows=rows, apps=40, span_s=3 * 86400.0))
    cc.step(60)
    return cc


@pytest.fixture
def here(kafka: str, registry_url: str, topic_prefix: str, tmp_path: Path) -> Iterator[Site]:
    with site(with_past(), kafka, registry_url, topic_prefix, tmp_path) as found:
        yield found


def test_each_row_once_over_several_runs_with_a_baseline_on_every_partition(here: Site) -> None:
    here.good("producer", "run", "--until-caught-up", page_size="200")
    here.assert_exact()
    here.cc.do(40)
    here.cc.step(60)
    here.good("producer", "run", "--until-caught-up", cf_api_version="v2")
    here.assert_exact()

    found = here.decoded(here.topics.snapshots)
    records = [record for _, record in found]
    last = {row.partition: record for row, record in found}
    assert {record["kind"] for record in last.values()} == {"end"}
    assert len(last) == PARTITIONS
    kinds = Counter(record["kind"] for record in records)
    assert kinds["end"] == PARTITIONS
    assert {record["total_records"] for record in records if record["kind"] == "end"} == {
        kinds["process"] + kinds["task"]
    }
    assert {record["reason"] for record in records} == {"first-start"}


def test_the_snapshot_says_what_runs(here: Site) -> None:
    ended = here.good("snapshot")
    assert "records as of" in ended.out
    running_now = {
        app.guid: sum(process.instances for process in app.processes)
        for app in here.cc.world.apps.values()
        if app.state == "STARTED"
    }
    said: Counter[str] = Counter()
    for record in here.records(here.topics.snapshots):
        if record["kind"] == "process":
            said[record["app_guid"]] += record["instance_count"]
    assert dict(said) == {guid: count for guid, count in running_now.items() if guid in said}
    assert {guid for guid, count in running_now.items() if count} <= set(said)


def test_keys_are_app_guids_and_one_app_stays_on_one_partition_of_both_feeds(here: Site) -> None:
    here.good("producer", "run", "--until-caught-up")
    where: dict[bytes | None, set[int]] = {}
    for topic in (here.topics.usage, here.topics.audit):
        for row, record in here.decoded(topic):
            if record["app_guid"] is not None:
                assert row.key == record["app_guid"].encode()
                where.setdefault(row.key, set()).add(row.partition)
    assert where
    assert all(len(partitions) == 1 for partitions in where.values())


def test_sigterm_ends_it_quickly_and_cleanly_and_the_next_start_goes_on(here: Site) -> None:
    child = here.start("first", "producer", "run")
    until(lambda: here.said("first", "caught_up=True") >= 1, within_s=40, what="the first page")
    began = time.monotonic()
    child.send_signal(signal.SIGTERM)
    assert child.wait(20) == 0
    assert time.monotonic() - began < 10
    here.good("producer", "run", "--until-caught-up")
    here.assert_exact()


def test_an_idle_tail_moves_its_watermark_by_the_servers_clock(here: Site) -> None:
    here.good("producer", "run", "--until-caught-up")
    before = here.records(here.topics.checkpoints)[-1]
    here.cc.step(3600)
    here.good("producer", "run", "--until-caught-up")
    after = [each for each in here.records(here.topics.checkpoints) if each["feed"] == before["feed"]][-1]
    assert after["cursor_guid"] == before["cursor_guid"]
    assert after["settled_until"] - before["settled_until"] >= 3600 * 1_000_000


def test_a_second_producer_of_the_same_name_fences_the_first_which_ends_with_exit_3(here: Site) -> None:
    first = here.start("first", "producer", "run")
    until(lambda: here.said("first", "caught_up=True") >= 2, within_s=40, what="the first is caught up")
    second = here.start("second", "producer", "run")
    assert first.wait(40) == 3
    assert "has taken over" in here.log("first").read_text()
    here.cc.do(30)
    here.cc.step(60)
    until(lambda: here.said("second", "page committed") >= 2, within_s=30, what="the second goes on")
    assert second.poll() is None
    second.terminate()
    assert second.wait(20) == 0
    here.good("producer", "run", "--until-caught-up")
    here.assert_exact()


def test_producers_of_one_prefix_that_share_and_are_given_other_feeds_run_them_all(here: Site) -> None:
    """One group of both would give one of them the only partition, and the other nothing."""
    for feed in FEEDS:
        here.start(feed, "producer", "run", f"--feed={feed}", share_tails="true", partitions="1")
    for feed in FEEDS:
        until(lambda feed=feed: here.said(feed, "caught_up=True"), within_s=60, what=f"{feed} is read")  # type: ignore[misc] # mypy cannot type a default
    # Both are in their groups for good, not one after the other in one.
    for feed in FEEDS:
        assert here.said(feed, "tail given up") == 0
        running = f'cfstream_producer_tail_running{{feed="{feed}",foundation="default"}} 1.0'
        assert running in httpx.get(f"{address_of(here, feed)}/metrics").text
        assert httpx.get(f"{address_of(here, feed)}/readyz").status_code == 200


def address_of(here: Site, name: str) -> str:
    """Return where a producer serves its health."""
    found = re.search(r"address=(http://\S+)", here.log(name).read_text())
    assert found is not None
    return found[1]


def test_reading_back_waits_for_the_open_transaction_of_another_tail(kafka: str, topic_prefix: str) -> None:
    """Readers of committed records stop before it, though our own checkpoint lies committed behind it."""
    config: ClientConfig = {"bootstrap.servers": kafka}
    admin = AdminClient(config)
    topic = f"{topic_prefix}checkpoints"
    admin.create_topics([NewTopic(topic, 1, 1)])[topic].result()
    other = Producer(config | {"transactional.id": f"{topic}.other"})
    ours = Producer(config | {"transactional.id": f"{topic}.ours"})
    for each in (other, ours):
        each.init_transactions(20)
        each.begin_transaction()
    other.produce(topic, key="other", value=b"open")
    other.flush(20)
    ours.produce(topic, key="ours", value=b"committed")
    ours.commit_transaction(20)
    ending = threading.Timer(1.0, other.abort_transaction)
    ending.start()
    try:
        with pytest.raises(DoubtError, match="was given up"):
            last_values(config, topic, given_up=lambda: True)
        assert last_values(config, topic) == {"ours": b"committed"}
    finally:
        ending.join()
        admin.delete_topics([topic])[topic].result()


def test_bad_rows_go_to_the_dead_letters_and_come_back_once_when_mended(here: Site) -> None:
    bad_usage, bad_audit = here.cc.ledger.usage[700].guid, here.cc.ledger.audit[500].guid
    here.cc.damage.add(bad_usage, "wrong_time")
    here.cc.damage.add(bad_audit, "wrong_type")
    here.good("producer", "run", "--until-caught-up")
    letters = here.good("dead-letters", "list", "--json").out
    assert letters.count("\n") == 2
    assert bad_usage in letters
    assert '"reason":"a value cannot be read: type is no text"' in letters
    missing = {(row.guid, row.created_at) for row in here.cc.ledger.usage} - set(here.published(here.topics.usage))
    assert {guid for guid, _ in missing} == {bad_usage}

    here.cc.damage.clear()
    assert "0 were replayed" in here.good("dead-letters", "replay").out
    assert "2 can be replayed" in here.good("dead-letters", "replay", "--refetch", "--dry-run").out
    assert "2 were replayed" in here.good("dead-letters", "replay", "--refetch").out
    assert "0 were replayed, 2 had been before" in here.good("dead-letters", "replay", "--refetch").out
    here.assert_exact()


def test_a_backfill_brings_what_lies_before_the_start_each_row_once(here: Site) -> None:
    times = sorted(row.created_at for row in here.cc.ledger.usage)
    start, since = times[len(times) * 2 // 3], times[len(times) // 3]
    oldest = times[0]

    def text(moment: int) -> str:
        return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(moment // 1_000_000))

    settings = {"start": text(start), "page_size": "300"}
    assert here.run("backfill", "--since", text(since), **settings).code == 2
    here.good("producer", "run", "--until-caught-up", **settings)
    assert set(here.published(here.topics.usage)) == {
        (row.guid, row.created_at) for row in here.cc.ledger.usage if row.created_at >= start
    }
    assert " rows from " in here.good("backfill", "--since", text(since), **settings).out
    assert "nothing to do" in here.good("backfill", "--since", text(since), **settings).out
    here.good("backfill", "--since", text(oldest), **settings)
    assert here.published(here.topics.usage) == Counter((r.guid, r.created_at) for r in here.cc.ledger.usage)
    audit = {(row.guid, row.created_at) for row in here.cc.ledger.audit if row.created_at >= oldest}
    assert here.published(here.topics.audit) == Counter(audit)


def test_a_start_now_publishes_only_what_comes(here: Site) -> None:
    here.good("producer", "run", "--until-caught-up", start="now")
    assert not here.published(here.topics.usage)
    here.cc.do(30)
    new = {row.guid for row in here.cc.ledger.usage[-20:]}
    here.cc.step(60)
    here.good("producer", "run", "--until-caught-up", start="now")
    assert new <= {guid for guid, _ in here.published(here.topics.usage)}


def test_an_event_and_the_status_for_people(here: Site) -> None:
    guid = here.cc.ledger.usage[3].guid
    three = here.good("event", guid, "--json").objects[0]
    two = here.good("event", guid, "--json", cf_api_version="v2").objects[0]
    assert three["guid"] == two["guid"] == guid
    assert three["app_guid"] == two["app_guid"] == here.cc.ledger.usage[3].subject.app_guid
    assert here.run("event", "00000000-0000-0000-0000-000000000000").code == 1
    here.good("producer", "run", "--until-caught-up")
    tails = {each["feed"]: each for each in here.good("producer", "status", "--json").objects}
    assert set(tails) == set(FEEDS)
    assert tails[FEEDS[0]]["rows"] == len(here.cc.ledger.usage)
    assert "gaps" in here.good("producer", "status").out


def test_two_foundations_of_one_file_keep_apart(here: Site, tmp_path: Path) -> None:
    other = with_past(rows=300, seed=12)
    with running(other) as address:
        config = tmp_path / "two.yaml"
        entries = [
            {"name": "east", "cf_api": here.environment["CFSTREAM_CF_API"]},
            {"name": "west", "cf_api": str(address)},
        ]
        config.write_text(yaml.safe_dump({"foundations": entries}))
        here.good("producer", "run", "--until-caught-up", "--config", str(config), cf_api="")
        found = Counter(record["foundation"] for record in here.records(here.topics.usage))
        assert found == {"east": len(here.cc.ledger.usage), "west": len(other.ledger.usage)}
        entries[1]["cf_api"] = entries[0]["cf_api"]
        config.write_text(yaml.safe_dump({"foundations": entries}))
        ended = here.run("producer", "run", "--config", str(config), cf_api="")
        assert (ended.code, "read twice" in ended.err) == (2, True)


@pytest.mark.parametrize("shared", ["true", "false"])
def test_a_foundation_that_is_away_at_the_start_holds_up_no_other(here: Site, tmp_path: Path, shared: str) -> None:
    other, port = with_past(rows=300, seed=12), free_port()
    config = tmp_path / "two.yaml"
    entries = [
        {"name": "away", "cf_api": f"http://{HOST}:{port}"},
        {"name": "there", "cf_api": here.environment["CFSTREAM_CF_API"]},
    ]
    config.write_text(yaml.safe_dump({"foundations": entries}))

    def found() -> Counter[str]:
        return Counter(record["foundation"] for record in here.records(here.topics.usage))

    child = here.start("run", "producer", "run", "--config", str(config), cf_api="", share_tails=shared)
    until(lambda: here.said("run", "page committed"), within_s=60, what="it publishes")
    until(lambda: found()["there"] == len(here.cc.ledger.usage), within_s=60, what="the one that is there is read")
    address = address_of(here, "run")
    troubles = httpx.get(f"{address}/readyz").json()["troubles"]
    assert troubles["away/app-usage-events"] == "its Cloud Controller has not let us in yet"
    assert httpx.get(f"{address}/livez").status_code == 200
    for feed in FEEDS:  # so that an alert can tell that it runs nowhere
        not_running = f'cfstream_producer_tail_running{{feed="{feed}",foundation="away"}} 0.0'
        assert not_running in httpx.get(f"{address}/metrics").text
    with running(other, port=port):
        until(lambda: found()["away"] == len(other.ledger.usage), within_s=90, what="the other is read too")
        until(lambda: httpx.get(f"{address}/readyz").status_code == 200, within_s=30, what="it is ready")
        child.terminate()
        assert child.wait(20) == 0


def test_dead_letters_of_all_foundations_are_listed_and_replayed(here: Site, tmp_path: Path) -> None:
    other = with_past(rows=100, seed=13)
    for cc in (here.cc, other):
        cc.damage.add(cc.ledger.usage[50].guid, "wrong_type")
    with running(other) as address:
        config = tmp_path / "two.yaml"
        entries = [
            {"name": "east", "cf_api": here.environment["CFSTREAM_CF_API"]},
            {"name": "west", "cf_api": str(address), "topic_prefix": f"{here.topics.prefix}west."},
        ]
        config.write_text(yaml.safe_dump({"foundations": entries}))
        given = ("--config", str(config))
        here.good("producer", "run", "--until-caught-up", *given, cf_api="")
        found = here.good("dead-letters", "list", "--json", *given, cf_api="").objects
        assert {each["foundation"]: each["topic"] for each in found} == {
            "east": here.topics.dead_letters.name,
            "west": f"{here.topics.prefix}west.dead-letters",
        }
        (line,) = here.good("dead-letters", "list", "--json", "--foundation", "west", *given, cf_api="").objects
        assert line["foundation"] == "west"
        for cc in (here.cc, other):
            cc.damage.clear()
        out = here.good("dead-letters", "replay", "--refetch", *given, cf_api="").out
        assert "east: 1 were replayed" in out
        assert "west: 1 were replayed" in out


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"cf_client_secret": "wrong"}, "check CFSTREAM_CF_CLIENT_ID and CFSTREAM_CF_CLIENT_SECRET"),
        ({"cf_client_id": "", "cf_username": "auditor@example.com", "cf_password": "wrong"}, "CFSTREAM_CF_PASSWORD"),
        ({"cf_client_secret": ""}, "no credentials"),
        ({"cf_api": "http://127.0.0.1:9"}, "set CFSTREAM_CF_API"),
        ({"cf_api": "api.example.com"}, "CFSTREAM_CF_API='api.example.com'"),
        ({"cf_ca_file": "/nowhere.pem"}, "CFSTREAM_CF_CA_FILE"),
        ({"settle_seconds": "-1"}, "CFSTREAM_SETTLE_SECONDS"),
        ({"start": "yesterday at noon"}, "neither oldest, now, a time"),
        ({"partitions": "7"}, "partitions"),
        ({"schema_registry_url": "http://127.0.0.1:9"}, "CFSTREAM_SCHEMA_REGISTRY_URL"),
        ({"kafka_bootstrap_servers": "127.0.0.1:9"}, "CFSTREAM_KAFKA_BOOTSTRAP_SERVERS"),
    ],
)
def test_a_wrong_setting_ends_with_one_line_and_exit_2(here: Site, settings: dict[str, str], says: str) -> None:
    if "partitions" in settings:
        here.good("topics", "apply")
    ended = here.run("producer", "run", "--until-caught-up", log_level="error", **settings)
    assert ended.code == 2, ended.err
    assert says in ended.err
    assert ended.err.count("\n") == 1, ended.err
    assert "cfstream-secret" not in ended.err


def test_a_client_that_cannot_see_everything_is_refused_at_the_start(here: Site) -> None:
    here.cc.options.scopes = ("cloud_controller.read",)
    ended = here.run("producer", "run", "--until-caught-up", log_level="error")
    assert ended.code == 2
    assert "cloud_controller.global_auditor" in ended.err


def test_v2_asked_for_where_it_is_switched_off_is_refused(here: Site) -> None:
    here.cc.options.v2_enabled = False
    ended = here.run("producer", "run", "--until-caught-up", log_level="error", cf_api_version="v2")
    assert (ended.code, "switched v2 off" in ended.err) == (2, True)


def test_a_user_with_a_password_reads_as_a_client_does(here: Site) -> None:
    options = here.cc.options
    here.good(
        "producer",
        "run",
        "--until-caught-up",
        cf_client_id="",
        cf_client_secret="",
        cf_username=options.username,
        cf_password=options.password,
    )
    here.assert_exact()


def test_health_and_metrics_follow_the_tails(here: Site) -> None:
    child = here.start("run", "producer", "run", log_format="json")
    log = here.log("run")
    until(lambda: '"address"' in log.read_text(), within_s=40, what="the health server")
    lines = [orjson.loads(line) for line in log.read_text().splitlines() if '"address"' in line]
    address = lines[0]["address"]

    def ready() -> bool:
        return httpx.get(f"{address}/readyz").status_code == 200

    until(ready, within_s=40, what="ready")
    until(lambda: here.said("run", '"caught_up": true') >= 2, within_s=40, what="both feeds read")
    metrics = httpx.get(f"{address}/metrics").text
    assert f'cfstream_producer_tail_running{{feed="{FEEDS[0]}",foundation="default"}} 1.0' in metrics
    assert re.search(r"cfstream_producer_rows_total{.*audit.*} [1-9]", metrics)

    # The rights go away: lists would be empty without a word, so it says that it is not ready.
    here.cc.options.scopes = ("cloud_controller.read",)
    here.cc.uaa.revoke_all()
    until(lambda: not ready(), within_s=20, what="not ready any more")
    assert "global_auditor" in httpx.get(f"{address}/readyz").text
    assert httpx.get(f"{address}/livez").status_code == 200
    here.cc.options.scopes = ("cloud_controller.global_auditor",)
    until(ready, within_s=40, what="ready again without a restart")
    child.terminate()
    assert child.wait(20) == 0


def test_a_service_waits_for_a_cloud_controller_that_is_not_there_yet_and_says_so(here: Site) -> None:
    child = here.start("run", "producer", "run", cf_api="http://127.0.0.1:9")
    until(lambda: here.said("run", "set CFSTREAM_CF_API to its address") >= 2, within_s=40, what="it tries again")
    assert child.poll() is None
    child.terminate()
    assert child.wait(20) == 0


def test_a_feed_that_is_switched_off_holds_nobody_back_and_goes_on_where_it_was(here: Site) -> None:
    def audit_tail() -> dict[str, Any]:
        ended = here.good("producer", "status", "--json")
        return next(line for line in map(orjson.loads, ended.out.splitlines()) if line["feed"] == "audit-events")

    def marks() -> dict[str, int]:
        checkpoints = Checkpoints(Follower({"bootstrap.servers": here.kafka}, here.topics.checkpoints.name), here.codec)

        async def read() -> dict[str, int]:
            await checkpoints.read_to_end()
            await checkpoints.close()
            return checkpoints.watermarks()

        return asyncio.run(read())

    assert here.run("producer", "retire", "--feed", "audit-events").code == 2, "never tailed"
    here.good("producer", "run", "--until-caught-up")
    held = marks()
    here.good("producer", "retire", "--feed", "audit-events")
    here.cc.do(40)
    here.cc.step(1000)
    here.good("producer", "run", "--until-caught-up", "--feed", "app-usage-events")
    assert audit_tail()["retired"]
    assert "retired" in here.good("producer", "status").out
    assert marks()["default"] > held["default"] + 900 * SECOND
    here.good("producer", "run", "--until-caught-up")
    assert not audit_tail()["retired"]
    here.assert_exact()


def test_a_running_tail_is_not_retired(kafka: str, registry_url: str, topic_prefix: str, tmp_path: Path) -> None:
    with site(CloudController(seed=1), kafka, registry_url, topic_prefix, tmp_path) as here:
        here.good("producer", "run", "--until-caught-up")
        refused = here.run("producer", "retire", "--feed", "audit-events")
        assert refused.code == 2
        assert "end its producer" in refused.err
