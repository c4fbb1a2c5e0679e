"""How often Python looks for garbage in cycles.

A chunk or a page makes tens of thousands of dictionaries that all live until it is done. Python's own threshold, 700
new objects, has the collector walk over them again and again: 7 % of a worker's time, 10 % of a producer's.
"""

import gc

NEW_OBJECTS = 50_000
"""Between two looks at the young ones: about one a page or chunk."""


def collect_seldom(older: int = 2) -> None:
    """Set the thresholds for this process.

    ``older``: looks at the young before one at the middle-aged, and of those before one at the old. Python's own is
    ten, which lets a page of 4 MB that a response holds in a cycle live as long.
    """
    gc.set_threshold(NEW_OBJECTS, older, older)
