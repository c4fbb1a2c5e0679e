"""The ledger against plain summing over every second."""

from hypothesis import given
from hypothesis import strategies as st

from processors.usage.changes import Change, Level
from processors.usage.ledger import HOUR_S, Ledger, hour_of

WHERE = (None, None)
changes = st.lists(
    st.tuples(st.integers(0, 4 * HOUR_S - 1), st.integers(-3, 3), st.integers(-64, 64), st.integers(-1, 1)), max_size=12
)


def change(at: int, instances: int, memory: int, tasks: int) -> Change:
    return (at, WHERE, instances, memory, tasks, tasks * 10)


@given(changes)
def test_each_hour_is_the_sum_over_its_seconds(given_: list[tuple[int, int, int, int]]) -> None:
    ledger = Ledger(0)
    for one in given_:
        ledger.add(change(*one))
    for hour in range(0, 4 * HOUR_S, HOUR_S):
        integral, level = ledger.hour(hour, hour + HOUR_S)
        instances = sum(one[1] * (hour + HOUR_S - max(one[0], hour)) for one in given_ if one[0] < hour + HOUR_S)
        assert integral.instances == instances
        assert level.memory_mb == sum(one[2] for one in given_ if one[0] < hour + HOUR_S)
    assert ledger.now().tasks == sum(one[3] for one in given_)


@given(changes, changes)
def test_what_is_taken_away_leaves_no_trace(
    kept: list[tuple[int, int, int, int]], gone: list[tuple[int, int, int, int]]
) -> None:
    one, other = Ledger(0), Ledger(0)
    for item in kept:
        one.add(change(*item))
        other.add(change(*item))
    for item in gone:
        one.add(change(*item))
    for item in gone:
        one.add(change(*item), -1)
    for hour in range(0, 4 * HOUR_S, HOUR_S):
        assert one.hour(hour, hour + HOUR_S) == other.hour(hour, hour + HOUR_S)


@given(changes, st.integers(0, 3))
def test_rolling_up_the_past_changes_no_later_hour(given_: list[tuple[int, int, int, int]], hours: int) -> None:
    whole, rolled = Ledger(0), Ledger(0)
    for one in given_:
        whole.add(change(*one))
        rolled.add(change(*one))
    first = hours * HOUR_S
    rolled.roll(first)
    for hour in range(first, 4 * HOUR_S, HOUR_S):
        assert rolled.hour(hour, hour + HOUR_S) == whole.hour(hour, hour + HOUR_S)


def test_an_open_hour_is_counted_up_to_a_moment() -> None:
    ledger = Ledger(0)
    ledger.add(change(600, 2, 128, 0))
    integral, level = ledger.hour(0, 900)
    assert integral == Level(600, 38_400, 0, 0)
    assert level == Level(2, 128, 0, 0)
    assert hour_of(7201) == 7200
