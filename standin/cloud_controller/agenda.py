"""Things that will happen, in the order of their time."""

import heapq
from collections.abc import Callable

Deed = Callable[[int], None]


class Agenda:
    """A queue of deeds by time; deeds of one time happen in the order they were noted."""

    def __init__(self) -> None:
        self._queue: list[tuple[int, int, Deed]] = []
        self._noted = 0

    def __len__(self) -> int:
        return len(self._queue)

    def note(self, at: int, deed: Deed) -> None:
        """Let ``deed(at)`` happen at that time."""
        self._noted += 1
        heapq.heappush(self._queue, (at, self._noted, deed))

    def next_time(self) -> int | None:
        """Return when the next deed is due."""
        return self._queue[0][0] if self._queue else None

    def run_next(self) -> None:
        """Do the next deed, whenever it is due; it may note others."""
        at, _, deed = heapq.heappop(self._queue)
        deed(at)

    def shift(self, by_us: int) -> None:
        """Put everything off by that long."""
        self._queue = [(at + by_us, number, deed) for at, number, deed in self._queue]

    def clear(self) -> None:
        """Forget everything."""
        self._queue.clear()
