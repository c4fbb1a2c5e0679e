"""Sums over the partitions' shares."""

from support.usage_partials import SECOND, closed, hour, total

from processors.usage.rollup import RollUp

HOUR = 3600 * SECOND


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
