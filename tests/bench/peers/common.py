"""The work that the peers are given, and a stopwatch.

It is the worker's own: decode a usage row, fold it into its app's state with the same pure functions, work out the
sums, and encode the state as the same Avro record, with fastavro as people do. What a peer does with state and record
is its framework's way. ``sums`` is less work: a state of three numbers a process, a record of four fields.

Needs nothing but fastavro, so that it runs in the peers' own environments.
"""

import json
import os
import sys
import time
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import fastavro

sys.path.insert(0, str(Path(__file__).parents[3]))
from processors.state import fold, record
from schemas import avro

HELD = 6 * 3600 * 1_000_000
"""Facts older than this are let go, as the worker does."""

STATE = {
    "type": "record",
    "name": "State",
    "fields": [
        {"name": "app_guid", "type": "string"},
        {"name": "running_instances", "type": "long"},
        {"name": "memory_mb", "type": "long"},
        {"name": "as_of", "type": "long"},
    ],
}

Row = dict[str, Any]
State = dict[str, Any]


class Watch:
    """Counts rows from the first one on, in seconds of the clock and of this process's CPU."""

    def __init__(self, rows: int) -> None:
        self._rows = rows
        self._began: tuple[float, float] | None = None
        self.seen = 0

    def row(self) -> None:
        """Count one."""
        if self._began is None:
            self._began = time.monotonic(), time.process_time()
        self.seen += 1

    def report_when_done(self) -> bool:
        """Print the report once every row was seen; return whether that is so."""
        if self.seen < self._rows or self._began is None:
            return False
        took, cpu = time.monotonic() - self._began[0], time.process_time() - self._began[1]
        report = json.dumps({"rows": self.seen, "seconds": took, "cpu_seconds": cpu})
        os.write(1, f"\n{report}\n".encode())  # Faust takes sys.stdout for its log
        return True


class Work:
    """``fold`` takes an app's state (empty at first) and returns the new one, ``encode`` makes the record of it."""

    fold: Callable[[State, Row], State]
    encode: Callable[[State, Row], bytes]

    def __init__(self, kind: str, rows: int) -> None:
        self.watch = Watch(rows)
        self._usage = avro.parsed("AppUsageEvent")
        self._schema = avro.parsed("AppState") if kind == "same" else fastavro.parse_schema(STATE)
        self._keep = fold.Keep()
        if kind == "same":
            self.fold, self.encode = self._fold, self._state
        else:
            self.fold, self.encode = self._fold_sums, self._sums

    def row(self, frame: bytes) -> Row:
        """Decode one frame; the first starts the clock."""
        self.watch.row()
        return fastavro.schemaless_reader(BytesIO(frame[5:]), self._usage, None)  # type: ignore[return-value]

    def _fold(self, state: State, row: Any) -> State:
        held: Any = state or record.new(row["foundation"], row["app_guid"])
        if fold.apply_usage(held, row, self._keep, keep_from=row["created_at"] - HELD):
            record.settle(held, 1)
        return held  # type: ignore[no-any-return]  # a state is a dictionary

    def _state(self, state: State, _row: Row) -> bytes:
        return self._written(state)

    @staticmethod
    def _fold_sums(state: State, row: Row) -> State:
        if row["state"] in ("STARTED", "STOPPED"):
            count = row["instance_count"] if row["state"] == "STARTED" else 0
            state[row["process_guid"] or ""] = [count, row["memory_mb_per_instance"], row["created_at"]]
        return state

    def _sums(self, state: State, row: Row) -> bytes:
        sums = {
            "app_guid": row["app_guid"],
            "running_instances": sum(process[0] for process in state.values()),
            "memory_mb": sum(process[0] * process[1] for process in state.values()),
            "as_of": row["created_at"],
        }
        return self._written(sums)

    def _written(self, value: Any) -> bytes:
        out = BytesIO()
        fastavro.schemaless_writer(out, self._schema, value)
        return out.getvalue()
