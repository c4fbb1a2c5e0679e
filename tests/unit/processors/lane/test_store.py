"""A store in memory and one in RocksDB hold the same; what a worker left on its disk is never believed."""

import contextlib
import resource
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.worker_world import Log

from plumbing.errors import UsageError
from processors.lane.app import LaneSettings, add_table, create_app
from processors.lane.rocks import RocksStore
from processors.lane.store import MemoryStore, Store, StoreError
from processors.lane.table import StateTable
from processors.lane.tracker import Partition

KEYS = st.sampled_from([b"a", b"b", b"c", b""])
STEPS = st.lists(st.tuples(KEYS, st.none() | st.binary(max_size=20)), max_size=30)


@pytest.fixture(params=["memory", "rocksdb"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    return MemoryStore() if request.param == "memory" else RocksStore(tmp_path / "tables")


@pytest.fixture
def rocks(tmp_path: Path) -> Iterator[RocksStore]:
    with contextlib.closing(RocksStore(tmp_path)) as store:
        yield store


@pytest.fixture
def table(store: Store) -> Iterator[StateTable]:
    app = create_app(LaneSettings(group="g", bootstrap_servers="127.0.0.1:1"))
    made = add_table(
        app, name="t", topic="log", partitions=2, writer=Log(), version=lambda row: int(row.split(b":")[0]), store=store
    )
    yield made
    made.close()


@settings(deadline=None, max_examples=30, suppress_health_check=[HealthCheck.too_slow])
@given(STEPS)
def test_rows_in_rocksdb_are_those_of_a_dictionary(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[bytes, bytes | None]]
) -> None:
    with contextlib.closing(RocksStore(tmp_path_factory.mktemp("tables"))) as store:
        rows, model = store.open(0), dict[bytes, bytes]()
        for key, value in steps:
            if value is None:
                assert rows.pop(key, None) == model.pop(key, None)
            else:
                rows[key] = model[key] = value
            assert (rows.get(key), key in rows, len(rows)) == (model.get(key), key in model, len(model))
        assert dict(rows.items()) == dict(rows) == model
        assert list(rows) == sorted(model)


def test_a_missing_key_is_told_as_a_dictionary_does(rocks: RocksStore) -> None:
    rows = rocks.open(0)
    with pytest.raises(KeyError):
        rows[b"k"]
    with pytest.raises(KeyError):
        del rows[b"k"]


def test_rows_may_change_while_somebody_goes_through_them(rocks: RocksStore) -> None:
    rows = rocks.open(0)
    rows[b"a"] = b"1"
    for key, row in rows.items():
        rows[key + b"x"] = row
        del rows[key]
    assert dict(rows.items()) == {b"ax": b"1"}


async def test_a_partition_that_went_elsewhere_and_came_back_is_empty(table: StateTable) -> None:
    table.put(0, b"k", b"1:x")
    table.put(1, b"j", b"1:x")
    await table.on_rebalance({Partition("log", 1)}, set(), set())  # type: ignore[arg-type]  # equal to Faust's
    assert (table.size(), table.row(0, b"k"), table.row(1, b"j")) == (1, None, b"1:x")
    table.put(0, b"other", b"1:y")
    assert dict(table.rows(0)) == {b"other": b"1:y"}


def test_what_a_killed_worker_left_on_its_disk_is_wiped_unread(tmp_path: Path) -> None:
    dies = (
        "import os, sys\n"
        "from pathlib import Path\n"
        "from processors.lane.rocks import RocksStore\n"
        "store = RocksStore(Path(sys.argv[1]))\n"
        "store.open(0)[b'never in Kafka'] = b'1:x'\n"
        "store._databases[0].flush()\n"
        "os.kill(os.getpid(), 9)\n"
    )
    died = subprocess.run([sys.executable, "-c", dies, str(tmp_path)], check=False, capture_output=True)
    assert (died.returncode, died.stderr) == (-9, b"")
    assert list((tmp_path / "0").glob("*.sst"))
    with contextlib.closing(RocksStore(tmp_path)) as store:
        assert [path.name for path in tmp_path.iterdir()] == ["lock"]
        assert len(store.open(0)) == 0


def test_two_workers_never_share_a_folder(tmp_path: Path) -> None:
    with contextlib.closing(RocksStore(tmp_path)), pytest.raises(UsageError, match="its own CFSTREAM_DATA_DIR"):
        RocksStore(tmp_path)
    RocksStore(tmp_path).close()


@pytest.fixture
def small_files() -> Iterator[Callable[[int], None]]:
    """Limit the size of files written: to RocksDB as good as a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    yield lambda size: resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_full_disk_is_an_error_with_a_sentence(rocks: RocksStore, small_files: Callable[[int], None]) -> None:
    rows = rocks.open(0)
    rows[b"k"] = b"1:x"
    small_files(100_000)
    many = {b"%d" % number: bytes(range(256)) * 400 for number in range(2000)}
    with pytest.raises(StoreError, match="is the disk full"):
        rows.update(many)
