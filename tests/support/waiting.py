"""Waiting for what processes do in their own time."""

import time
from collections.abc import Callable
from typing import TypeVar

POLL_S = 0.05

T = TypeVar("T")


def until(look: Callable[[], T], *, within_s: float, what: str) -> T:
    """Return the first result that is true; look again and again. Fails after ``within_s``."""
    deadline = time.monotonic() + within_s
    while not (found := look()):
        assert time.monotonic() < deadline, f"not within {within_s} s: {what}"
        time.sleep(POLL_S)
    return found


def until_there_are(number: int, count: Callable[[], int], *, within_s: float, what: str) -> None:
    """Wait until what is counted has come to ``number``, or beyond it."""
    until(lambda: count() >= number, within_s=within_s, what=what)
