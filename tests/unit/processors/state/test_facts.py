"""Where a fact belongs in the history of its process."""

from itertools import permutations

from processors.state.facts import (
    CLOCKS_DIFFER,
    MOST_FACTS,
    ROW,
    SNAPSHOT,
    STARTED,
    STOPPED,
    explained,
    insert,
    level,
    seen_until,
)
from schemas.tables import Fact

SECOND = 1_000_000


def fact(
    at: int, instances: int = 1, source: int = ROW, state: str = STARTED, micros: int = 0, read_until: int = 0
) -> Fact:
    return Fact(
        at=at * SECOND + micros,
        source=source,
        state=state,
        instances=instances,
        memory_mb=64,
        place=0,
        read_until=read_until * SECOND,
    )


def history(*given: Fact, keep_from: int = 0) -> list[int]:
    facts: list[Fact] = []
    for one in given:
        insert(facts, one.copy(), keep_from)
    return [one["instances"] for one in facts]


def test_newest_time_holds_whatever_the_order_of_arrival() -> None:
    given = [fact(1, 1), fact(2, 2), fact(3, 3)]
    assert {tuple(history(*order)) for order in permutations(given)} == {(1, 2, 3)}


def test_of_two_rows_of_one_second_the_later_in_the_feed_holds() -> None:
    assert history(fact(5, 1), fact(5, 2)) == [1, 2]


def test_a_row_beats_a_snapshot_of_its_own_second_in_either_order_of_arrival() -> None:
    row, snap = fact(5, 1), fact(5, 2, SNAPSHOT, micros=900_000)
    assert history(row, snap) == history(snap, row) == [2, 1]


def test_a_snapshot_beats_an_older_row_that_comes_late() -> None:
    assert history(fact(5, 2, SNAPSHOT), fact(4, 1)) == [1, 2]


def test_the_same_row_again_says_nothing_new() -> None:
    facts: list[Fact] = []
    assert insert(facts, fact(5, 1), 0)
    assert not insert(facts, fact(5, 1), 0)


def test_a_row_of_closed_hours_finds_no_place() -> None:
    assert history(fact(10, 1), fact(20, 2), fact(4, 3), keep_from=5 * SECOND) == [1, 2]


def test_the_only_row_of_a_process_is_kept_however_old() -> None:
    assert history(fact(1, 3), keep_from=1000 * SECOND) == [3]


def test_facts_before_the_kept_time_go_but_the_one_that_holds_there() -> None:
    assert history(fact(1, 1), fact(2, 2), fact(3, 3), fact(9, 9), keep_from=4 * SECOND) == [3, 9]


def test_snapshots_that_repeat_what_is_known_do_not_pile_up() -> None:
    given = [fact(1, 2)] + [fact(at, 2, SNAPSHOT) for at in range(10, 200, 10)]
    assert len(history(*given)) == 2


def test_the_history_is_bounded_when_no_watermark_ever_comes() -> None:
    assert len(history(*(fact(at, at) for at in range(MOST_FACTS + 50)))) == MOST_FACTS


def test_a_stopped_process_runs_nothing_though_its_count_is_more() -> None:
    assert level(fact(1, 4, state=STOPPED)) == (0, 0)
    assert level(fact(1, 4)) == (4, 256)


def test_a_snapshot_ahead_of_the_row_that_follows_is_no_news() -> None:
    facts = [fact(1, 2), fact(10, 3, SNAPSHOT), fact(12, 3)]
    assert explained(facts, 1)
    assert not explained([fact(1, 2), fact(10, 3, SNAPSHOT), fact(12, 4)], 1)
    assert not explained([fact(1, 2), fact(10, 3, SNAPSHOT), fact(500, 3)], 1)


def test_a_snapshot_looks_ahead_as_far_as_it_was_read_and_no_farther() -> None:
    slow = [fact(1, 2), fact(10, 3, SNAPSHOT, read_until=900), fact(890, 3)]
    assert explained(slow, 1)
    quick = [fact(1, 2), fact(10, 3, SNAPSHOT, read_until=20), fact(100, 3)]
    assert not explained(quick, 1)
    assert seen_until(10 * SECOND, 900 * SECOND) == 900 * SECOND + CLOCKS_DIFFER


def test_a_row_in_another_place_explains_nothing() -> None:
    there = fact(12, 3)
    there["place"] = 1
    assert not explained([fact(1, 2), fact(10, 3, SNAPSHOT), there], 1)
