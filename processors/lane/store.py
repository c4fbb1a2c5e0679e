"""Where a table keeps the rows of its partitions: in memory, or on disk where memory is too small (``lane.rocks``).

The changelog alone is the truth. A store is empty at the start and filled from the changelog, so nothing that a
worker wrote to its own disk and not to Kafka can ever be believed.
"""

from collections.abc import MutableMapping
from typing import Protocol

from plumbing.errors import CfstreamError

Rows = MutableMapping[bytes, bytes]


class StoreError(CfstreamError):
    """A store cannot be read or written: the worker must end."""


class Store(Protocol):
    """Gives each partition its rows."""

    def open(self, partition: int) -> Rows:
        """Return an empty place for the rows of a partition. Raise StoreError when there is none."""
        ...

    def drop(self, partition: int) -> None:
        """Throw the rows of a partition away; they are used no more."""
        ...

    def close(self) -> None:
        """Throw all rows away; nothing is opened any more."""
        ...


class MemoryStore:
    """Rows in plain dictionaries."""

    def open(self, partition: int) -> Rows:  # noqa: ARG002 - the protocol's
        """Return a dictionary."""
        return {}

    def drop(self, partition: int) -> None:
        """Do nothing: it goes with the last reference."""

    def close(self) -> None:
        """Do nothing, as above."""
