"""A chunk or a tick in work: the states it has opened, and what it gives out."""

from dataclasses import dataclass, field

from processors.outputs import Outputs
from processors.state.snapshots import Baseline
from processors.usage.changes import Change
from schemas.records import Micros
from schemas.tables import AppState


@dataclass(slots=True)
class Opened:
    """A state in work.

    ``before``: its usage when it was opened; None where the work cannot change it. ``records``: how many records
    have changed it; ``timed``: whether time alone has.
    """

    state: AppState
    before: list[Change] | None = None
    records: int = 0
    timed: bool = False


@dataclass
class Work:
    """One piece of work on one partition."""

    partition: int
    states: dict[bytes, Opened] = field(default_factory=dict)
    outputs: Outputs = field(default_factory=Outputs)
    newest: Micros = 0
    bounds: dict[str, tuple[Micros, Baseline | None]] = field(default_factory=dict)
    """By foundation: since when facts are kept, and the newest finished snapshot."""
