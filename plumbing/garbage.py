"""How often Python looks for garbage in cycles.

A chunk or a page makes tens of thousands of dictionaries that all live until it is done. Python's own threshold, 700
new objects, has the collector walk over them again and again: 7 % of a worker's time, 10 % of a producer's.
"""

import gc

NEW_OBJECTS = 50_000
"""Between two looks at the young ones: about one a page or chunk."""

OLDER = 2
"""Looks at the young before one at the middle-aged, and of those before one at the old. Ten would be Python's own, and
keep pages of 4 MB that a response holds in a cycle for as long."""


def collect_seldom() -> None:
    """Set the thresholds for this process."""
    gc.set_threshold(NEW_OBJECTS, OLDER, OLDER)
