"""Which chunks of which partition were delivered, which of them are done, and so what may be committed.

Only what was delivered counts. Offsets that nobody is ever given - transaction markers, aborted ranges, records
that compaction took - lie between two chunks and belong to the one before them, so gaps need no bookkeeping.
"""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple


class Partition(NamedTuple):
    """A topic and one of its partitions; equal to the tuples that Faust and aiokafka use."""

    topic: str
    partition: int


@dataclass(slots=True)
class _Delivered:
    last: int
    """Offset of the last record of the chunk; the chunk is known by it."""
    end: int
    """Position after the chunk, past what nobody is given."""
    done: bool = False


@dataclass(slots=True)
class _Line:
    pending: deque[_Delivered] = field(default_factory=deque)
    end: int | None = None
    committed: int | None = None


class Tracker:
    """Tracks delivered chunks by partition; every step is O(1). Not thread-safe."""

    def __init__(self) -> None:
        self._lines: dict[tuple[str, int], _Line] = {}
        self._pending = 0

    @property
    def pending(self) -> int:
        """Chunks delivered and not done, over all partitions."""
        return self._pending

    def partitions(self) -> list[tuple[str, int]]:
        """Return the partitions that may have something to commit."""
        return list(self._lines)

    def start(self, partition: tuple[str, int], position: int) -> None:
        """Forget what was delivered of a partition: it will be delivered anew from ``position``."""
        self.forget([partition])
        self._lines[partition] = _Line(end=position, committed=position)

    def forget(self, partitions: Iterable[tuple[str, int]]) -> None:
        """Drop partitions; chunks of theirs that are still in work are no longer known."""
        for partition in partitions:
            line = self._lines.pop(partition, None)
            if line is not None:
                self._pending -= sum(not chunk.done for chunk in line.pending)

    def delivered(self, partition: tuple[str, int], last: int, end: int) -> None:
        """Note a chunk given out: ``last`` is its last offset, ``end`` the position after it."""
        self._lines[partition].pending.append(_Delivered(last, end))
        self._pending += 1

    def passed(self, partition: tuple[str, int], end: int) -> None:
        """Note that nothing is to be given out before position ``end``: only markers or aborted records were there."""
        line = self._lines[partition]
        if line.pending:
            line.pending[-1].end = end
        else:
            line.end = end

    def is_next(self, partition: tuple[str, int], last: int) -> bool:
        """Say whether a chunk is the oldest one of its partition that is not done: the only one fit to be worked on."""
        line = self._lines.get(partition)
        if line is None:
            return False
        return next((chunk.last == last for chunk in line.pending if not chunk.done), False)

    def done(self, partition: tuple[str, int], last: int) -> bool:
        """Note that a chunk is done; False when it is not known, for it was delivered before a rebalance or seek."""
        line = self._lines.get(partition)
        if line is None:
            return False
        for chunk in line.pending:
            if chunk.last == last and not chunk.done:
                chunk.done = True
                self._pending -= 1
                while line.pending and line.pending[0].done:
                    line.end = line.pending.popleft().end
                return True
        return False

    def position(self, partition: tuple[str, int]) -> int | None:
        """Return the position up to which everything is done, None for a partition that is not ours."""
        line = self._lines.get(partition)
        return None if line is None else line.end

    def to_commit(self, partition: tuple[str, int]) -> int | None:
        """Return the position to commit, or None when it has not moved since the last call."""
        line = self._lines.get(partition)
        if line is None or line.end is None or line.end == line.committed:
            return None
        line.committed = line.end
        return line.end
