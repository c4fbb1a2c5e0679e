"""A Faust table whose rows are bytes, by partition, and whose changelog is any compacted topic we name.

Faust assigns and recovers it. Writing goes by ``put`` with the partition named, so that timers may write too, and
by our own idempotent writer, so that ``durable`` means durable.
"""

import time
from collections.abc import Callable, ItemsView
from typing import Any

import faust
from faust.types import TP

from processors.lane.store import MemoryStore, Rows, Store
from processors.lane.writer import Writes

VERSION_HEADER = "version"
"""Tombstones have no value to hold a version: this header, decimal, holds it."""

MOST_GONE = 50_000
"""Tombstones of a partition whose versions are remembered, the newest; Kafka itself lets them go after a day."""


class StateTable(faust.Table[bytes, bytes]):
    """Rows of the partitions assigned to this worker.

    Each row carries a version that grows with what was applied to it. In recovery the higher version stays, so a
    record that a paused worker wrote after it had lost the partition changes nothing. Compaction keeps the last
    record though, so ``refresh`` writes each touched row once more while the old ones are still there.

    ``remembers_sources``: this table holds what was applied of the sources. Where it was never written nothing was,
    whatever the group has committed, and the sources are read from their beginning.
    """

    def __init__(
        self,
        app: Any,
        *,
        name: str,
        topic: str,
        writer: Writes,
        version: Callable[[bytes], int],
        remembers_sources: bool = False,
        store: Store | None = None,
        **more: Any,
    ) -> None:
        self._place: Store = store or MemoryStore()
        self.topic = topic
        self.remembers_sources = remembers_sources
        self._writer = writer
        self._version = version
        self._rows: dict[int, Rows] = {}
        self._gone: dict[int, dict[bytes, int]] = {}
        self._known_to: dict[int, int] = {}
        self._touched: dict[int, dict[bytes, float]] = {}
        self.restored = 0
        super().__init__(app, name=name, key_type=bytes, value_type=bytes, **more)

    def _changelog_topic_name(self) -> str:
        return self.topic

    # -- rows

    def row(self, partition: int, key: bytes) -> bytes | None:
        """Return a row, None where there is none."""
        rows = self._rows.get(partition)
        return None if rows is None else rows.get(key)

    def rows(self, partition: int) -> ItemsView[bytes, bytes]:
        """Return all rows of a partition."""
        return self._rows.get(partition, {}).items()

    def size(self) -> int:
        """Count the rows of all partitions of this worker."""
        return sum(map(len, self._rows.values()))

    def _opened(self, partition: int) -> Rows:
        rows = self._rows.get(partition)
        if rows is None:
            rows = self._rows[partition] = self._place.open(partition)
        return rows

    def close(self) -> None:
        """Throw all rows away: the worker has stopped."""
        self._rows.clear()
        self._place.close()

    def put(self, partition: int, key: bytes, row: bytes) -> None:
        """Set a row and hand it to the writer."""
        self._opened(partition)[key] = row
        self._touch(partition, key)
        self._writer.write(self.topic, key, row, partition=partition, delivered=self._follow(partition))

    def remove(self, partition: int, key: bytes) -> None:
        """Delete a row and hand a tombstone to the writer, one version above the row."""
        row = self._rows.get(partition, {}).pop(key, None)
        if row is None:
            return
        number = self._version(row) + 1
        version = str(number)
        self._bury(partition, key, number)
        self._touched.get(partition, {}).pop(key, None)
        self._writer.write(
            self.topic,
            key,
            None,
            partition=partition,
            headers=[(VERSION_HEADER, version)],
            delivered=self._follow(partition),
        )

    def gone(self, partition: int, key: bytes) -> int:
        """Return the version of a key's tombstone, 0 where none is known.

        A row that is set anew must have a higher version, else the next recovery would take it for older.
        """
        return self._gone.get(partition, {}).get(key, 0)

    def _bury(self, partition: int, key: bytes, version: int) -> None:
        gone = self._gone.setdefault(partition, {})
        gone[key] = max(version, gone.pop(key, 0))
        if len(gone) > MOST_GONE:
            del gone[next(iter(gone))]

    def _touch(self, partition: int, key: bytes) -> None:
        touched = self._touched.setdefault(partition, {})
        touched.pop(key, None)
        touched[key] = time.monotonic()

    def refresh(self, partition: int, *, older_than_s: float, most: int) -> int:
        """Hand rows last written over ``older_than_s`` ago to the writer once more, oldest first; return how many."""
        touched = self._touched.get(partition, {})
        limit = time.monotonic() - older_than_s
        due: list[bytes] = []
        for key, when in touched.items():
            if when > limit or len(due) >= most:
                break
            due.append(key)
        rows = self._rows.get(partition, {})
        for key in due:
            del touched[key]
            if key in rows:
                self._writer.write(self.topic, key, rows[key], partition=partition, delivered=self._follow(partition))
        return len(due)

    def _follow(self, partition: int) -> Callable[[int], None]:
        def delivered(offset: int) -> None:
            # Only an unbroken run of own writes: another worker may have written in between.
            if self._known_to.get(partition) == offset - 1:
                self._known_to[partition] = offset

        return delivered

    # -- recovery

    def restore(self, partition: int, records: list[Any]) -> None:
        """Apply changelog records in offset order; of two of one key the higher version stays, or the later one."""
        rows = self._opened(partition)
        gone = self._gone.setdefault(partition, {})
        version = self._version
        for record in records:
            key, value = record.key, record.value
            old = rows.get(key)
            if value is None:
                new = next((int(text) for name, text in record.headers if name == VERSION_HEADER), 0)
                if old is None or new >= version(old):
                    rows.pop(key, None)
                    self._bury(partition, key, new)
            elif (old is None or version(value) >= version(old)) and version(value) >= gone.get(key, 0):
                rows[key] = value
        self.restored += len(records)
        if records:
            self._known_to[partition] = records[-1].offset

    def persisted_offset(self, tp: TP) -> int | None:
        """Return the offset up to which this worker knows the changelog: recovery goes on from there."""
        return self._known_to.get(tp.partition)

    def apply_changelog_batch(self, batch: Any) -> None:
        """Do nothing: ``restore`` has done it; Faust's own loop only counts."""

    async def on_rebalance(
        self, assigned: set[TP], revoked: set[TP], newly_assigned: set[TP], generation_id: int = 0
    ) -> None:
        """Drop the rows of partitions that went elsewhere."""
        mine = {tp.partition for tp in assigned if tp.topic == self.topic}
        for partition in [number for number in self._rows if number not in mine]:
            for per_partition in (self._rows, self._gone, self._known_to, self._touched):
                per_partition.pop(partition, None)
            self._place.drop(partition)
        await super().on_rebalance(assigned, revoked, newly_assigned, generation_id)

    # -- Faust's other ways to write

    def on_key_set(self, key: bytes, value: bytes) -> None:  # noqa: ARG002 - Faust's signature
        """Refuse: ``put`` is the way."""
        raise TypeError("write with put(partition, key, row)")

    def on_key_del(self, key: bytes) -> None:  # noqa: ARG002 - Faust's signature
        """Refuse: ``remove`` is the way."""
        raise TypeError("delete with remove(partition, key)")
