"""How often Python looks for garbage in cycles.

A chunk or a page makes tens of thousands of dictionaries that all live until it is done. Python's own threshold, 700
new objects, has the collector walk over them again and again: 7 % of a worker's time, 10 % of a producer's.
"""

import gc

NEW_OBJECTS = 50_000
"""Between two looks at the young ones; some 10 MB, if all were garbage in cycles, which hardly any is."""


def collect_seldom() -> None:
    """Set the threshold for this process."""
    gc.set_threshold(NEW_OBJECTS, *gc.get_threshold()[1:])
