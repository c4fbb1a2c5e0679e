"""Which crashes behind a committed offset are not judged again."""

import pytest
from support.alert_rows import T0, crash

from processors.alerts.storms import Crashed, crashed
from processors.notify.marks import Mark, parse


def at(at_s: float, foundation: str = "f") -> Crashed:
    found = crashed(crash(at_s) | {"foundation": foundation})
    assert found is not None
    return found


MARK = Mark(10, 20, {"f": T0})


def test_what_was_read_and_is_not_needed_was_judged() -> None:
    assert MARK.judged(at(0), 10)
    assert not MARK.judged(at(1), 10)
    assert MARK.judged(at(1, "other"), 10)


def test_what_was_not_read_was_not_judged() -> None:
    assert not MARK.judged(at(0), 20)
    assert not MARK.judged(at(0), 9), "before the committed offset: the topic is another, or was reset"


@pytest.mark.parametrize("text", ["", "x", "[]", "7", '{"read": 1}', '{"begin": 0, "read": 9, "needed": []}'])
def test_a_text_that_is_no_mark_calls_nothing_judged(text: str) -> None:
    assert not parse(text).judged(at(0), 0)


def test_a_mark_is_read_as_it_was_written() -> None:
    assert parse(MARK.text()) == MARK


def test_a_mark_that_kafka_would_refuse_is_left_out() -> None:
    assert Mark(0, 1, {f"foundation-{number}": T0 for number in range(200)}).text() == ""
