"""Rows in RocksDB, one database a partition: for more state than memory holds.

There is no write-ahead log and nothing is kept over a restart, so a database is a place to put rows, not a truth of
its own: see ``lane.store``. Buffers and block cache are the same few megabytes however many rows there are.
"""

import contextlib
import fcntl
import shutil
from collections.abc import ItemsView, Iterator, MutableMapping
from pathlib import Path
from typing import Any

from plumbing.errors import UsageError
from processors.lane.store import Rows, StoreError

MIB = 1 << 20
BLOCK_CACHE = 16 * MIB
"""Of all partitions together."""
WRITE_BUFFER = 8 * MIB
WRITE_BUFFERS = 2
ALL_WRITE_BUFFERS = 64 * MIB
MAX_OPEN_FILES = 256


class RocksStore:
    """Databases below ``folder``, which belongs to this process alone while it lives."""

    def __init__(self, folder: Path) -> None:
        """Take the folder and wipe what a former worker left. Raise UsageError when another worker has it."""
        try:
            import rocksdict  # noqa: PLC0415 - an extra that few need
        except ImportError as error:
            raise UsageError("RocksDB is not installed: install cfstream[rocksdb]") from error
        library: Any = rocksdict
        self._library = library
        self._databases: dict[int, Any] = {}
        self._folder = folder
        self._lock = _take(folder)
        for left in folder.iterdir():
            if left.is_dir():
                shutil.rmtree(left)
        self._cache = library.Cache(BLOCK_CACHE)
        self._buffers = library.WriteBufferManager(ALL_WRITE_BUFFERS, False)
        self._unlogged = library.WriteOptions()
        self._unlogged.disable_wal = True

    def open(self, partition: int) -> Rows:
        """Return an empty database."""
        self.drop(partition)
        with _told(self._path(partition)):
            database = self._library.Rdict(str(self._path(partition)), self._options())
            database.set_write_options(self._unlogged)
        self._databases[partition] = database
        return RocksRows(database, self._path(partition))

    def drop(self, partition: int) -> None:
        """Close a database and delete its files."""
        database = self._databases.pop(partition, None)
        if database is not None:
            with contextlib.suppress(Exception):  # on a full disk it cannot flush what is thrown away here
                database.close()
            shutil.rmtree(self._path(partition), ignore_errors=True)

    def close(self) -> None:
        """Drop all databases and leave the folder to others."""
        for partition in list(self._databases):
            self.drop(partition)
        self._lock.close()

    def _path(self, partition: int) -> Path:
        return self._folder / str(partition)

    def _options(self) -> Any:
        tables = self._library.BlockBasedOptions()
        tables.set_block_cache(self._cache)
        tables.set_cache_index_and_filter_blocks(True)
        tables.set_bloom_filter(10, False)
        options = self._library.Options(raw_mode=True)
        options.create_if_missing(True)
        options.set_block_based_table_factory(tables)
        options.set_write_buffer_size(WRITE_BUFFER)
        options.set_max_write_buffer_number(WRITE_BUFFERS)
        options.set_write_buffer_manager(self._buffers)
        options.set_max_open_files(MAX_OPEN_FILES)
        options.set_keep_log_file_num(1)
        return options


class _Items(ItemsView[bytes, bytes]):
    """Goes through key and value together; ItemsView would look each key up."""

    _mapping: "RocksRows"

    def __iter__(self) -> Iterator[tuple[bytes, bytes]]:
        return self._mapping.pairs()


class RocksRows(MutableMapping[bytes, bytes]):
    """One database as a mapping. Going through it sees the rows of the moment at which that began."""

    def __init__(self, database: Any, path: Path) -> None:
        self._database = database
        self._path = path
        self._count = 0

    def __getitem__(self, key: bytes) -> bytes:
        row: bytes | None = self.get(key)
        if row is None:
            raise KeyError(key)
        return row

    def get(self, key: bytes, default: Any = None) -> Any:
        """Return a row, else the default."""
        with _told(self._path):
            return self._database.get(key, default)

    def __setitem__(self, key: bytes, row: bytes) -> None:
        with _told(self._path):
            self._count += key not in self._database
            self._database[key] = row

    def __delitem__(self, key: bytes) -> None:
        with _told(self._path):
            if key not in self._database:
                raise KeyError(key)
            del self._database[key]
            self._count -= 1

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[bytes]:
        return (key for key, _row in self.pairs())

    def items(self) -> ItemsView[bytes, bytes]:
        """Return all rows, in the order of their keys."""
        return _Items(self)

    def pairs(self) -> Iterator[tuple[bytes, bytes]]:
        """Go through all rows."""
        with _told(self._path):
            pairs: Iterator[tuple[bytes, bytes]] = iter(self._database.items())
            return pairs


def _take(folder: Path) -> Any:
    folder.mkdir(parents=True, exist_ok=True)
    lock = (folder / "lock").open("w")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        lock.close()
        raise UsageError(f"another worker keeps its tables in {folder}: give each its own CFSTREAM_DATA_DIR") from error
    return lock


@contextlib.contextmanager
def _told(path: Path) -> Iterator[None]:
    """Turn what RocksDB raises - it has no class of its own - into a sentence."""
    try:
        yield
    except KeyError:
        raise
    except Exception as error:
        raise StoreError(f"the tables in {path} cannot be read or written ({error}): is the disk full?") from error
