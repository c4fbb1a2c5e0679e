"""The table of apps as decoded states: read through a cache, written as Avro."""

from collections.abc import Iterator

from processors.lane.table import StateTable
from processors.usage.changes import Change, changes
from schemas.codec import Codec, Encoder
from schemas.tables import AppState

CACHED = 4_000
"""Decoded states kept. A decoded state takes some ten times the room of its row, so most stay rows."""


class AppBook:
    """States by partition and app guid.

    A state handed out is live: whoever changes it must ``put`` it, or end the worker.
    """

    def __init__(self, table: StateTable, codec: Codec, encode: Encoder) -> None:
        self._table = table
        self._codec = codec
        self._encode = encode
        self._cache: dict[tuple[int, bytes], AppState] = {}
        self._changes: dict[tuple[int, bytes], list[Change]] = {}

    def get(self, partition: int, key: bytes) -> AppState | None:
        """Return a state, None for an app that the table does not hold."""
        state = self._cache.get((partition, key))
        if state is not None:
            return state
        row = self._table.row(partition, key)
        if row is None:
            return None
        state = self._read(row)
        self._keep(partition, key, state)
        return state

    def gone(self, partition: int, key: bytes) -> int:
        """Return the version of an app's tombstone, 0 where none is known: the app's next state goes on from it."""
        return self._table.gone(partition, key)

    def changes(self, partition: int, key: bytes, state: AppState) -> list[Change]:
        """Return the usage of a state as it was last written."""
        known = self._changes.get((partition, key))
        return changes(state) if known is None else known

    def items(self, partition: int) -> Iterator[tuple[bytes, AppState]]:
        """Go through all states of a partition; does not fill the cache. The table must not change meanwhile."""
        for key, row in self._table.rows(partition):
            yield key, self._cache.get((partition, key)) or self._read(row)

    def keys(self, partition: int) -> list[bytes]:
        """Return the keys of a partition."""
        return [key for key, _row in self._table.rows(partition)]

    def put(self, partition: int, key: bytes, state: AppState, usage: list[Change]) -> None:
        """Write a state, and keep its usage."""
        self._table.put(partition, key, self._encode(state))
        self._keep(partition, key, state)
        self._changes[partition, key] = usage

    def remove(self, partition: int, key: bytes) -> None:
        """Write a tombstone."""
        self._cache.pop((partition, key), None)
        self._changes.pop((partition, key), None)
        self._table.remove(partition, key)

    def reset(self) -> None:
        """Forget the decoded states: the rows may have changed under them."""
        self._cache.clear()
        self._changes.clear()

    def _keep(self, partition: int, key: bytes, state: AppState) -> None:
        at = (partition, key)
        self._cache.pop(at, None)
        self._cache[at] = state
        if len(self._cache) > CACHED:
            # The one that was neither decoded nor written for longest; apps at work are always among the others.
            oldest = next(iter(self._cache))
            del self._cache[oldest]
            self._changes.pop(oldest, None)

    def _read(self, row: bytes) -> AppState:
        state: AppState = self._codec.decode(row)  # type: ignore[assignment]  # the topic holds AppState alone
        return state
