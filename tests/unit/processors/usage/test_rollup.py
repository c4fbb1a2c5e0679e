"""Sums over the partitions' shares."""

from processors.usage.rollup import RollUp
from schemas.tables import UsageHour, UsagePartial, UsageTotal

SECOND = 1_000_000
HOUR = 3600 * SECOND


def total(partition: int, instances: int, as_of: int = 1, name: str = "a") -> UsagePartial:
    share = UsageTotal(
        foundation="f",
        scope="space",
        guid="s",
        name=name,
        org_guid="o",
        apps=1,
        running_instances=instances,
        memory_mb=instances * 10,
        running_tasks=0,
        task_memory_mb=0,
        as_of=as_of,
    )
    return UsagePartial(partition=partition, closed_to=None, total=share, hour=None)


def hour(partition: int, seconds: int, level: int, until: int) -> UsagePartial:
    share = UsageHour(
        foundation="f",
        scope="space",
        guid="s",
        hour=0,
        until=until * SECOND,
        instance_seconds=seconds,
        memory_mb_seconds=0,
        task_seconds=0,
        task_memory_mb_seconds=0,
        instances=level,
        memory_mb=0,
        tasks=0,
        task_memory_mb=0,
    )
    return UsagePartial(partition=partition, closed_to=None, total=None, hour=share)


def closed(partition: int, to: int) -> UsagePartial:
    return UsagePartial(partition=partition, closed_to=to, total=None, hour=None)


def test_a_total_is_the_sum_of_the_newest_share_of_each_partition() -> None:
    rollup = RollUp(2, HOUR)
    rollup.take("space/s/0", total(0, 5))
    rollup.take("space/s/1", total(1, 2, as_of=9, name="newer"))
    rollup.take("space/s/0", total(0, 3))
    (found,) = rollup.changed_totals()
    assert (found["running_instances"], found["memory_mb"], found["apps"]) == (5, 50, 2)
    assert (found["name"], found["as_of"]) == ("newer", 9)
    assert list(rollup.changed_totals()) == []


def test_shares_of_an_open_hour_are_brought_to_the_same_moment() -> None:
    rollup = RollUp(2, HOUR)
    rollup.take("space/s/1970-01-01T00/0", hour(0, 100, 2, until=100))
    rollup.take("space/s/1970-01-01T00/1", hour(1, 900, 1, until=600))
    ((key, found),) = rollup.changed_hours()
    assert key == "space/s/1970-01-01T00"
    assert (found["instance_seconds"], found["until"], found["instances"]) == (100 + 2 * 500 + 900, 600 * SECOND, 3)


def test_shares_are_dropped_when_every_partition_has_closed_the_hour_for_long_enough() -> None:
    rollup = RollUp(2, HOUR)
    rollup.take("space/s/1970-01-01T00/0", hour(0, 1, 1, 3600))
    rollup.take("closed/f/0", closed(0, 10 * HOUR))
    assert rollup.expired() == []
    rollup.take("closed/f/1", closed(1, HOUR))
    assert rollup.expired() == []
    rollup.take("closed/f/1", closed(1, 3 * HOUR))
    assert rollup.expired() == ["space/s/1970-01-01T00/0"]
    list(rollup.changed_hours())
    rollup.take("space/s/1970-01-01T00/0", None)
    assert rollup.expired() == []
    assert list(rollup.changed_hours()) == []
