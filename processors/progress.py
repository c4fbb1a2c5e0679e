"""What a partition must remember beside its apps: the newest finished snapshot, and how far its time has come."""

from collections.abc import Iterator, Mapping

from processors.lane.table import StateTable
from processors.state.snapshots import Baseline
from schemas.codec import Codec, Encoder
from schemas.tables import PartitionProgress


def new(foundation: str) -> PartitionProgress:
    """Return the progress of a partition that has seen nothing of a foundation."""
    return PartitionProgress(
        version=0,
        foundation=foundation,
        baseline_at=None,
        baseline_id=None,
        baseline_read_until=0,
        checked_at=None,
        applied_to=None,
        hours_to=None,
        source_ids={},
    )


class ProgressBook:
    """Progress by partition and foundation; changes are kept until ``write`` hands them to the table's writer."""

    def __init__(self, table: StateTable, codec: Codec, encode: Encoder) -> None:
        self._table = table
        self._codec = codec
        self._encode = encode
        self._known: dict[tuple[int, str], PartitionProgress] = {}
        self._changed: set[tuple[int, str]] = set()
        self._source_ids: Mapping[str, str] = {}

    def get(self, partition: int, foundation: str) -> PartitionProgress:
        """Return the progress; to change it, call ``change``."""
        progress = self._known.get((partition, foundation))
        if progress is None:
            row = self._table.row(partition, foundation.encode())
            progress = new(foundation) if row is None else self._read(row)
            self._known[partition, foundation] = progress
        return progress

    def remember(self, source_ids: Mapping[str, str]) -> None:
        """Keep the ids of the source topics, as they are then, with whatever is written from now on."""
        self._source_ids = source_ids

    def source_ids(self, partition: int) -> dict[str, str]:
        """Return the ids of the source topics from which a partition's tables were made, as far as they are known."""
        known: dict[str, str] = {}
        for foundation in self.foundations(partition):
            known |= self.get(partition, foundation)["source_ids"]
        return known

    def foundations(self, partition: int) -> Iterator[str]:
        """Go through the foundations that a partition has seen."""
        for key, _row in self._table.rows(partition):
            yield key.decode()

    def baseline(self, partition: int, foundation: str) -> Baseline | None:
        """Return the newest finished snapshot."""
        progress = self.get(partition, foundation)
        at = progress["baseline_at"]
        return None if at is None else Baseline(at, progress["baseline_read_until"])

    def set_baseline(self, partition: int, foundation: str, baseline: Baseline, snapshot_id: str) -> None:
        """Note a finished snapshot, unless a newer one is known."""
        progress = self.get(partition, foundation)
        if baseline.at > (progress["baseline_at"] or 0):
            if progress["baseline_at"] is None:
                progress["checked_at"] = baseline.at  # before the first one nothing was known that could differ
            progress["baseline_at"], progress["baseline_id"] = baseline.at, snapshot_id
            # A slow one before it may have seen farther ahead: what it saw is judged when its rows have come.
            progress["baseline_read_until"] = max(baseline.read_until, progress["baseline_read_until"])
            self.change(partition, foundation)

    def change(self, partition: int, foundation: str) -> None:
        """Note that a progress was changed."""
        self._changed.add((partition, foundation))

    def write(self, partition: int) -> bool:
        """Hand the changes of a partition to the writer; return whether there were any."""
        changed = [pair for pair in self._changed if pair[0] == partition]
        for pair in changed:
            progress = self._known[pair]
            progress["version"] += 1
            progress["source_ids"] = {**progress["source_ids"], **self._source_ids}
            self._table.put(partition, pair[1].encode(), self._encode(progress))
            self._changed.discard(pair)
        return bool(changed)

    def reset(self) -> None:
        """Forget what was read: the rows may have changed under it."""
        self._known.clear()
        self._changed.clear()

    def _read(self, row: bytes) -> PartitionProgress:
        progress: PartitionProgress = self._codec.decode(row)  # type: ignore[assignment]  # the topic holds no other
        return progress
