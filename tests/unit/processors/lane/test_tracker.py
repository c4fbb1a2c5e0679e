"""What may be committed: the end of the acknowledged prefix of what was delivered."""

from hypothesis import given
from hypothesis import strategies as st

from processors.lane.tracker import Tracker

TP = ("t", 0)


def tracker(*chunks: tuple[int, int]) -> Tracker:
    made = Tracker()
    made.start(TP, 0)
    for last, end in chunks:
        made.delivered(TP, last, end)
    return made


def test_nothing_is_committed_before_the_first_chunk_is_done() -> None:
    made = tracker((4, 5), (9, 10))
    made.done(TP, 9)
    assert made.to_commit(TP) is None


def test_the_end_of_the_done_prefix_is_committed_once() -> None:
    made = tracker((4, 5), (9, 10), (14, 15))
    made.done(TP, 9)
    made.done(TP, 4)
    assert made.to_commit(TP) == 10
    assert made.to_commit(TP) is None


def test_offsets_that_nobody_is_given_belong_to_the_chunk_before_them() -> None:
    made = tracker((4, 8), (20, 22))
    made.done(TP, 4)
    assert made.to_commit(TP) == 8


def test_a_trailing_marker_is_committed_although_no_record_follows() -> None:
    made = tracker((4, 5))
    made.passed(TP, 7)
    assert made.to_commit(TP) is None
    made.done(TP, 4)
    assert made.to_commit(TP) == 7
    made.passed(TP, 9)
    assert made.to_commit(TP) == 9


def test_an_aborted_range_at_offset_0_is_passed() -> None:
    made = tracker()
    made.passed(TP, 6)
    assert made.to_commit(TP) == 6


def test_only_the_oldest_chunk_that_is_not_done_is_fit_for_work() -> None:
    made = tracker((4, 5), (9, 10))
    assert made.is_next(TP, 4)
    assert not made.is_next(TP, 9)
    made.done(TP, 4)
    assert made.is_next(TP, 9)


def test_a_chunk_given_out_before_a_rebalance_is_not_known_after_it() -> None:
    made = tracker((4, 5), (9, 10))
    made.forget([TP])
    assert not made.done(TP, 4)
    assert not made.is_next(TP, 4)
    assert made.pending == 0
    made.start(TP, 0)
    made.delivered(TP, 9, 10)
    assert not made.is_next(TP, 4)


@given(st.lists(st.integers(1, 4), max_size=20), st.randoms())
def test_whatever_the_order_of_acknowledgement_all_is_committed_and_never_too_much(
    gaps: list[int], random: object
) -> None:
    chunks = []
    end = 0
    for gap in gaps:
        chunks.append((end, end + gap))
        end += gap
    made = tracker(*chunks)
    order = list(chunks)
    random.shuffle(order)  # type: ignore[attr-defined]  # hypothesis gives a Random
    done: set[tuple[int, int]] = set()
    held = 0
    for chunk in order:
        made.done(TP, chunk[0])
        done.add(chunk)
        held = made.to_commit(TP) or held
        prefix = 0
        for last, chunk_end in chunks:
            if (last, chunk_end) not in done:
                break
            prefix = chunk_end
        assert held == prefix
    assert held == end
    assert made.pending == 0
