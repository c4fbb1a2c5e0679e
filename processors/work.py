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


@dataclass(slots=True)
class Bounds:
    """What the usage rows of one foundation are judged by.

    ``keep_from``: since when facts are kept, looked up anew at the first row later than ``look_at``. ``baseline``: the
    newest finished snapshot. ``highest``, ``second``: the two latest times of rows in this work.
    """

    keep_from: Micros
    baseline: Baseline | None
    look_at: Micros
    highest: Micros = 0
    second: Micros = 0

    def saw(self, at: Micros) -> None:
        """Take note of a row's time."""
        if at > self.highest:
            self.second, self.highest = self.highest, at
        elif at > self.second:
            self.second = at


@dataclass
class Work:
    """One piece of work on one partition."""

    partition: int
    states: dict[bytes, Opened] = field(default_factory=dict)
    outputs: Outputs = field(default_factory=Outputs)
    bounds: dict[str, Bounds] = field(default_factory=dict)
    """By foundation."""
    closed: bool = False
    """Hours were closed on the way: facts of before may be missing in these states."""
