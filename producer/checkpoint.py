"""What a tail knows of itself, and its form in the checkpoint topic. Pure."""

from dataclasses import dataclass, field, replace

from plumbing.clock import END_OF_TIME
from producer.feeds.position import Position
from producer.feeds.seen import Seen
from schemas.records import Checkpoint, Gap

BACKFILL = ".backfill"
"""Behind a feed's name: the backfill of that feed."""


@dataclass(frozen=True)
class TailState:
    """Everything that must survive a restart. Changes only together with the rows that it stands for."""

    position: Position = field(default_factory=Position)
    rows: int = 0
    sequence: int = 0
    epoch: int = 0
    gap: Gap | None = None
    gaps: int = 0
    snapshot_pending: str | None = None
    begins_at: int | None = None
    begins_after_guid: str | None = None
    ends_at: int | None = None
    finished: bool = False
    api_version: str | None = None
    retired: bool = False

    def with_gap(self, gap: Gap, position: Position, *, owed: str | None) -> "TailState":
        """Return the state behind a gap, with the snapshot that is owed after it. A reseed begins a new epoch."""
        return replace(
            self,
            position=position,
            gap=gap,
            gaps=self.gaps + 1,
            epoch=self.epoch + (gap["kind"] == "reseed"),
            snapshot_pending=owed,
        )


def key(foundation: str, feed: str) -> str:
    """Return the key of a tail's records in the checkpoint topic."""
    return f"{foundation}/{feed}"


def to_record(state: TailState, foundation: str, feed: str, written_at: int) -> Checkpoint:
    """Return the record of a state; ``written_at`` by the server's clock, microseconds UTC."""
    position = state.position
    return {
        "foundation": foundation,
        "feed": feed,
        "written_at": written_at,
        # A backfill says nothing of now, and must not hold the time of its foundation.
        "settled_until": position.settled_until if state.ends_at is None else END_OF_TIME,
        "cursor_guid": position.guid,
        "cursor_created_at": position.created_at,
        "floor": position.floor,
        "begins_at": state.begins_at,
        "begins_after_guid": state.begins_after_guid,
        "ends_at": state.ends_at,
        "finished": state.finished,
        "seen": position.seen.texts(),
        "rows": state.rows,
        "sequence": state.sequence,
        "api_version": state.api_version,
        "epoch": state.epoch,
        "gap": state.gap,
        "gaps": state.gaps,
        "snapshot_pending": state.snapshot_pending,
        "retired": state.retired,
    }


def from_record(record: Checkpoint) -> TailState:
    """Return the state that a record stands for. A cursor row is taken for a reseeded one until it is looked at.

    A backfill's record carries no watermark of its own rows: it is known again with the next page.
    Whoever reads a retired tail's record is about to run it: the state is not retired.
    """
    return TailState(
        position=Position(
            guid=record["cursor_guid"],
            created_at=record["cursor_created_at"],
            settled_until=record["settled_until"] if record["ends_at"] is None else None,
            seen=Seen.of_texts(record["seen"]),
            floor=record["floor"],
            reseeded=record["cursor_guid"] is not None,
        ),
        rows=record["rows"],
        sequence=record["sequence"],
        epoch=record["epoch"],
        gap=record["gap"],
        gaps=record["gaps"],
        snapshot_pending=record["snapshot_pending"],
        begins_at=record["begins_at"],
        begins_after_guid=record["begins_after_guid"],
        ends_at=record["ends_at"],
        finished=record["finished"],
        api_version=record["api_version"],
    )
