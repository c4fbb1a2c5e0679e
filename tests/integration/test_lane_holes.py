"""Each hole of stock Faust that would cost rows or numbers: shown on stock Faust, closed in the lane.

Most tests run both side by side over the same topic.

| hole of stock Faust 0.15.3 | test |
|---|---|
| no setting for the isolation level: aborted records are read | test_aborted_records_are_not_delivered |
| commits crawl: one transaction a commit | test_commits_keep_up_with_a_topic_of_many_transactions |
| commits stop at an aborted range after offset 0 | test_commits_pass_an_aborted_range_after_the_first_record |
| a record at the head that is not acknowledged is committed over | test_a_record_that_was_not_acknowledged_… |
| an exception acknowledges; the agent goes on (315, 527) | test_a_record_whose_agent_failed_is_given_again |
| a changelog write that fails is only logged, its offset committed | test_a_failed_write_to_the_changelog_… |
| no table write from a timer (497) | test_a_timer_writes_to_the_table |
| recovery hangs where the changelog's end holds no record (597, 651) | test_recovery_ends_where_the_changelog_… |
| a changelog emptied by retention (597) | test_an_emptied_changelog_is_an_empty_table |
| a changelog made anew: rows lost, or a crash (158) | test_a_changelog_made_anew_is_filled_from_the_sources |
| a static member with another address never works again | test_a_static_member_comes_back_at_once |
| a table's keys are written as JSON: they hash elsewhere (514) | test_the_changelog_holds_the_sources_keys |
| a paused worker's late write wins (no fencing) | test_a_stale_record_of_a_paused_worker_loses_in_recovery |
| windows of a recovered table never expire (385, 193) | test_windows_of_stock_faust_…, test_windows_in_the_record_… |
| a consumer that has died without a word looks alive (175, 640, 532, 523) | test_a_silent_death_is_seen |
| one answer of Kafka that takes 90 s ends recovery for ever, without a word | unit/processors/lane/test_answer.py |
| an unexpected answer to a heartbeat: out of the group, and goes on | unit/processors/lane/test_membership.py |
| ``exactly_once`` is not exact (517, 323, 136, 177) | not used; it takes kills at luckless moments to see it, so |
| | what was measured stands in docs/decisions/004 |
| GlobalTable (283), SetTable on RocksDB (261), windowed tables | not used |
"""

from collections.abc import Iterator
from pathlib import Path

import pytest
from confluent_kafka import TopicPartition
from confluent_kafka.admin import AdminClient
from support.faust_workers import Pair, ProbeWorker, pair, wait_for
from support.kafka_rows import (
    changelogs,
    commit,
    committed,
    end,
    plain,
    records,
    recreate,
    topics,
    transactions,
)
from support.usage_rows import T0, audit, usage
from support.worker_world import World

from plumbing.clock import SECOND
from processors.alerts.rules import Rule, Rules
from standin.ports import free_port


@pytest.fixture
def topic(kafka: str) -> Iterator[str]:
    with topics(kafka, "source") as names:
        yield names[0]


@pytest.fixture
def workers(kafka: str, tmp_path: Path) -> Iterator[Pair]:
    with pair(kafka, tmp_path) as made:
        yield made


@pytest.fixture
def logs(kafka: str, workers: Pair) -> Iterator[list[str]]:
    """The changelogs of the table of both, stock first."""
    with changelogs(kafka, *workers.groups.values()) as names:
        yield names


class Offsets:
    """The committed offsets of both groups on the source."""

    def __init__(self, kafka: str, topic: str) -> None:
        self._kafka, self._topic = kafka, topic

    def __getitem__(self, worker: ProbeWorker) -> int:
        return committed(self._kafka, worker.group, self._topic)

    @property
    def end(self) -> int:
        return end(self._kafka, self._topic)


@pytest.fixture
def offsets(kafka: str, topic: str) -> Offsets:
    return Offsets(kafka, topic)


def test_aborted_records_are_not_delivered(kafka: str, topic: str, workers: Pair) -> None:
    transactions(kafka, topic, [([1, 2], True), ([3, 4], False), ([5], True)])
    stock, lane = workers.both(topic)
    wait_for(lambda: 5 in stock.met and 5 in lane.met)
    assert stock.met == [1, 2, 3, 4, 5]
    assert lane.met == [1, 2, 5]


def test_commits_keep_up_with_a_topic_of_many_transactions(
    kafka: str, topic: str, workers: Pair, offsets: Offsets
) -> None:
    transactions(kafka, topic, [([number, number], True) for number in range(200)])
    stock, lane = workers.both(topic)
    wait_for(lambda: len(stock.met) == len(lane.met) == 400)
    wait_for(lambda: offsets[lane] == offsets.end and offsets[stock] > 0)
    stock.end()  # a last commit
    assert 0 < offsets[stock] < offsets.end


def test_commits_pass_an_aborted_range_after_the_first_record(
    kafka: str, topic: str, workers: Pair, offsets: Offsets
) -> None:
    transactions(kafka, topic, [([0], True), ([1, 2, 3], False), ([4, 5], True), ([6], True), ([7], True)])
    stock, lane = workers.both(topic, act="committed")
    wait_for(lambda: stock.met == lane.met == [0, 4, 5, 6, 7])
    wait_for(lambda: offsets[lane] == offsets.end)
    stock.end()  # a last commit
    assert offsets[stock] == 1


def test_a_record_that_was_not_acknowledged_is_not_committed_over(
    kafka: str, topic: str, workers: Pair, offsets: Offsets
) -> None:
    plain(kafka, topic, range(20))
    for group in workers.groups.values():
        commit(kafka, group, topic, 10)
    stock, lane = workers.both(topic, act="hold", number=10)
    wait_for(lambda: 19 in stock.met and 10 in lane.met)
    wait_for(lambda: offsets[stock] == 20)
    lane.end()  # a last commit
    assert offsets[lane] == 10


def test_a_record_whose_agent_failed_is_given_again(kafka: str, topic: str, workers: Pair, offsets: Offsets) -> None:
    transactions(kafka, topic, [(list(range(10)), True)])
    stock, lane = workers.both(topic, act="fail", number=5)
    lane.await_("crashed")
    wait_for(lambda: 9 in stock.met and offsets[stock] > 5)
    assert 5 not in stock.met
    assert offsets[lane] <= 5
    successor = workers.start("lane", topic)
    wait_for(lambda: {*lane.met, *successor.met} == {*range(10)})


def test_a_failed_write_to_the_changelog_ends_the_worker(
    kafka: str, topic: str, workers: Pair, offsets: Offsets
) -> None:
    with changelogs(kafka, *workers.groups.values(), config={"max.message.bytes": "1000"}) as names:
        plain(kafka, topic, range(3))
        stock, lane = workers.both(topic, table=True, act="swell")
        assert "WriteError" in lane.await_("crashed")
        wait_for(lambda: offsets[stock] == 3)
        assert [end(kafka, name) for name in names] == [0, 0]
        assert offsets[lane] <= 0
        assert not stock.said("crashed")


def test_a_timer_writes_to_the_table(kafka: str, topic: str, workers: Pair, logs: list[str]) -> None:
    stock, lane = workers.both(topic, table=True, act="timer")
    assert "Cannot modify table key from outside of stream iteration" in stock.await_("timer")
    assert lane.await_("timer") == "written"
    assert [{record.key() for record in records(kafka, name)} for name in logs] == [set(), {b"timer"}]


def test_recovery_ends_where_the_changelog_s_last_offset_holds_no_record(
    kafka: str, topic: str, workers: Pair, logs: list[str]
) -> None:
    for log in logs:
        transactions(kafka, log, [([1, 2], True)])  # a marker comes last; compaction may leave the same
    plain(kafka, topic, [7])
    stock, lane = workers.both(topic, table=True)
    assert lane.await_("recovered") == {"1": "1", "2": "2"}
    lane.await_met(1)
    assert stock.events == []


def test_an_emptied_changelog_is_an_empty_table(kafka: str, topic: str, workers: Pair) -> None:
    """Stock Faust masters a log that is empty at the start; that the lane does is held here, with what stood before."""
    with changelogs(kafka, *workers.groups.values(), config={"cleanup.policy": "compact,delete"}) as names:
        admin = AdminClient({"bootstrap.servers": kafka})
        for name in names:
            plain(kafka, name, range(5))
            for future in admin.delete_records([TopicPartition(name, 0, 5)]).values():
                future.result(20)
        plain(kafka, topic, [7])
        _stock, lane = workers.both(topic, table=True)
        assert lane.await_("recovered") == {}
        lane.await_met(1)


def test_a_changelog_made_anew_is_filled_from_the_sources(
    kafka: str, topic: str, workers: Pair, logs: list[str], offsets: Offsets
) -> None:
    plain(kafka, topic, range(5))
    first = workers.both(topic, table=True)
    for worker in first:
        wait_for(lambda worker=worker: offsets[worker] == 5)  # type: ignore[misc]  # bound at once
        worker.end()
    recreate(kafka, logs)
    stock, lane = workers.both(topic, table=True)
    assert lane.await_("recovered") == {}
    wait_for(lambda: lane.met == [*range(5)])
    plain(kafka, topic, [5])
    wait_for(lambda: 5 in stock.met and 5 in lane.met)
    wait_for(lambda: offsets[lane] == offsets[stock] == 6)
    held = [{record.key() for record in records(kafka, log)} for log in logs]
    assert held == [{b'"5"'}, {b"%d" % number for number in range(6)}]


def test_on_disk_a_changelog_made_anew_does_not_end_the_worker(
    kafka: str, topic: str, workers: Pair, logs: list[str], offsets: Offsets
) -> None:
    plain(kafka, topic, range(5))
    for worker in workers.both(topic, table=True, store="rocksdb"):
        wait_for(lambda worker=worker: offsets[worker] == 5)  # type: ignore[misc]  # bound at once
        worker.end()
    recreate(kafka, logs)
    stock, lane = workers.both(topic, table=True, store="rocksdb")
    assert "ConsistencyError" in stock.await_("crashed")
    wait_for(lambda: lane.met == [*range(5)])


def test_a_static_member_comes_back_at_once(kafka: str, topic: str, workers: Pair, logs: list[str]) -> None:  # noqa: ARG001 - the changelogs exist
    """Killed and started anew it goes on without a rebalance; on stock Faust not where its address has changed."""
    plain(kafka, topic, range(5))
    first = workers.both(topic, table=True, port=free_port(), session_s=60)
    for worker in first:
        worker.await_met(5)
        worker.kill()
    plain(kafka, topic, [5])
    stock, lane = workers.both(topic, table=True, port=free_port(), session_s=60)
    wait_for(lambda: 5 in lane.met, within_s=40)
    assert lane.said("generation") == first[1].said("generation")
    assert stock.events == []


def test_the_changelog_holds_the_sources_keys(kafka: str, workers: Pair) -> None:
    """So that a key is found in the partition that the source's producer chose for it."""
    with (
        topics(kafka, "source", partitions=4) as (topic,),
        changelogs(kafka, *workers.groups.values(), partitions=4) as names,
    ):
        for partition in range(4):
            plain(kafka, topic, range(partition, 20, 4), partition)
        stock, lane = workers.both(topic, table=True, partitions=4)
        wait_for(lambda: len(stock.met) == len(lane.met) == 20)
        stock.end()
        lane.end()
        found = [{(each.partition(), each.key()) for each in records(kafka, name, 4)} for name in names]
        keys = {(number % 4, b"%d" % number) for number in range(20)}
        assert found == [{(partition, b'"' + key + b'"') for partition, key in keys}, keys]


def test_a_stale_record_of_a_paused_worker_loses_in_recovery(
    kafka: str, topic: str, workers: Pair, logs: list[str]
) -> None:
    for log, key in zip(logs, ('"app"', "app"), strict=True):
        plain(kafka, log, [7, 6], key=key)
    stock, lane = workers.both(topic, table=True)
    assert stock.await_("recovered") == {"app": "6"}
    assert lane.await_("recovered") == {"app": "7"}


def test_windows_of_stock_faust_that_were_recovered_never_expire(
    kafka: str, topic: str, workers: Pair, offsets: Offsets
) -> None:
    with changelogs(kafka, workers.groups["stock"]):
        plain(kafka, topic, [1])
        first = workers.start("stock", topic, window=3600)
        wait_for(lambda: end(kafka, first.changelog) == 1 and offsets[first] == 1)
        first.kill()
        second = workers.start("stock", topic, window=3)
        second.await_("recovered")
        plain(kafka, topic, [2])  # not before: its three seconds begin now
        wait_for(lambda: ["1", "2"] in second.said("rows"))
        wait_for(lambda: "2" not in second.said("rows")[-1])
        assert second.said("rows")[-1] == ["1"]


async def test_windows_in_the_record_go_on_after_a_recovery() -> None:
    """Crashes from before and after a restart count together; those that left the window do not; time resolves."""
    rule = Rule(name="rate", kind="rate", threshold=2, window=300, resolve_after=600)
    world = World(rules=Rules(rules=[rule]))
    await world.start()
    await world.rows(usage("STARTED", 0))

    def told() -> list[str]:
        return [alert["status"] for alert in world.decoded(world.topics.alerts.name)]

    for at, expected in ((10, []), (400, []), (500, ["firing"])):
        await world.events(audit("app.crash", at))
        assert told() == expected
        await world.start()
    await world.time(T0 + 3000 * SECOND)
    assert told() == ["firing", "resolved"]


def test_a_silent_death_is_seen(kafka: str, topic: str, workers: Pair) -> None:
    plain(kafka, topic, [1])
    stock, lane = workers.both(topic, act="deafen", number=1, port=free_port())
    for worker in (stock, lane):
        wait_for(lambda worker=worker: 200 in worker.said("health") and worker.met == [1])  # type: ignore[misc]  # bound at once
    plain(kafka, topic, [2])
    wait_for(lambda: 503 in lane.said("health"))
    heard = len(stock.said("health"))
    wait_for(lambda: len(stock.said("health")) > heard)
    assert set(stock.said("health")) == {200}
    assert 2 not in stock.met
