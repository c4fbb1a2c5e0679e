"""The table: which record of a changelog holds, what is written, what is refreshed."""

from typing import Any

import faust
import pytest
from support.worker_world import Log, Written

from processors.lane.app import LaneSettings, add_table, create_app
from processors.lane.table import StateTable
from processors.lane.tracker import Partition

TOPIC = "log"


def table(log: Log) -> StateTable:
    app = create_app(LaneSettings(group="g", bootstrap_servers="127.0.0.1:1"))
    return add_table(app, name="t", topic=TOPIC, partitions=1, writer=log, version=lambda row: int(row.split(b":")[0]))


def record(offset: int, key: bytes, value: bytes | None, version: int | None = None) -> Written:
    headers = [] if version is None else [("version", b"%d" % version)]
    return Written(TOPIC, 0, offset, key, value, headers)


def test_the_higher_version_holds_though_a_paused_worker_wrote_an_old_one_later() -> None:
    made = table(Log())
    made.restore(0, [record(0, b"k", b"2:new"), record(1, b"k", b"1:stale")])
    assert made.row(0, b"k") == b"2:new"


def test_stock_faust_takes_the_stale_record_of_a_paused_worker() -> None:
    app = faust.App("stock", broker="kafka://127.0.0.1:1", store="memory://", web_enabled=False)
    stock: Any = app.Table("t", key_type=bytes, value_type=bytes, partitions=1)

    class Event:
        def __init__(self, value: bytes) -> None:
            self.key = b"k"
            self.value = value
            self.message = record(0, b"k", value)

    stock.apply_changelog_batch([Event(b"2:new"), Event(b"1:stale")])
    assert stock[b"k"] == b"1:stale"


def test_of_equal_versions_the_later_record_holds() -> None:
    made = table(Log())
    made.restore(0, [record(0, b"k", b"2:a"), record(1, b"k", b"2:b")])
    assert made.row(0, b"k") == b"2:b"


def test_a_tombstone_removes_unless_it_is_stale_and_stays_removed_when_a_stale_row_follows() -> None:
    made = table(Log())
    made.restore(0, [record(0, b"k", b"5:x"), record(1, b"k", None, 6), record(2, b"k", b"5:stale")])
    assert made.row(0, b"k") is None
    made.restore(0, [record(3, b"j", b"9:x"), record(4, b"j", None, 3)])
    assert made.row(0, b"j") == b"9:x"


async def test_put_and_remove_are_written_to_their_partition_with_the_tombstones_version() -> None:
    log = Log()
    made = table(log)
    made.put(3, b"k", b"7:x")
    made.remove(3, b"k")
    made.remove(3, b"unknown")
    await log.durable()
    first, second = log.records
    assert (first.partition, first.value) == (3, b"7:x")
    assert (second.value, list(second.headers)) == (None, [("version", b"8")])


async def test_touched_rows_are_written_once_more_when_they_have_rested() -> None:
    log = Log()
    made = table(log)
    for number in range(3):
        made.put(0, b"k%d" % number, b"1:x")
    made.remove(0, b"k1")
    assert made.refresh(0, older_than_s=60, most=10) == 0
    await log.durable()
    log.records.clear()
    assert made.refresh(0, older_than_s=-1, most=10) == 2
    await log.durable()
    assert [written.key for written in log.records] == [b"k0", b"k2"]
    assert made.refresh(0, older_than_s=-1, most=10) == 0


def test_recovery_goes_on_where_an_unbroken_run_of_own_writes_ended() -> None:
    delivered = []

    class Follows(Log):
        def write(self, *_given: Any, **more: Any) -> None:
            delivered.append(more["delivered"])

    made = table(Follows())
    tp: Any = Partition(TOPIC, 0)
    assert made.persisted_offset(tp) is None
    made.restore(0, [record(9, b"k", b"1:x")])
    made.put(0, b"k", b"2:x")
    delivered[-1](10)
    assert made.persisted_offset(tp) == 10
    made.put(0, b"k", b"3:x")
    delivered[-1](12)
    assert made.persisted_offset(tp) == 10


def test_faust_s_own_ways_to_write_are_refused() -> None:
    made = table(Log())
    with pytest.raises(TypeError, match="put"):
        made[b"k"] = b"1:x"


async def test_rows_of_partitions_that_went_elsewhere_are_dropped() -> None:
    made = table(Log())
    made.restore(0, [record(0, b"k", b"1:x")])
    made.restore(1, [record(0, b"j", b"1:x")])
    await made.on_rebalance({Partition(TOPIC, 1)}, set(), set())  # type: ignore[arg-type]  # equal to Faust's
    assert made.size() == 1
    assert made.row(0, b"k") is None
