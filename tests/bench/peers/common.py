"""The work that the peers are given: decode a usage row, keep its app's processes, write the app's sums as Avro.

Needs nothing but fastavro, so that it runs in the peers' own environments.
"""

import json
import os
import time
from io import BytesIO
from typing import Any

import fastavro

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


class Work:
    """The fold as a poller would write it, and a stopwatch."""

    def __init__(self, schema: str, rows: int) -> None:
        self._usage = fastavro.parse_schema(json.loads(schema))
        self._state = fastavro.parse_schema(STATE)
        self._rows = rows
        self._began = 0.0
        self.seen = 0

    def row(self, frame: bytes) -> dict[str, Any]:
        """Decode one frame; the first starts the clock."""
        if not self._began:
            self._began = time.monotonic()
        self.seen += 1
        return fastavro.schemaless_reader(BytesIO(frame[5:]), self._usage, None)  # type: ignore[return-value]

    def fold(self, state: dict[str, Any], row: dict[str, Any]) -> dict[str, Any]:
        """Return the state with one row applied."""
        if row["state"] in ("STARTED", "STOPPED"):
            count = row["instance_count"] if row["state"] == "STARTED" else 0
            state[row["process_guid"] or ""] = [count, row["memory_mb_per_instance"], row["created_at"]]
        return state

    def sums(self, app: str, state: dict[str, Any], row: dict[str, Any]) -> bytes:
        """Encode an app's sums."""
        out = BytesIO()
        record = {
            "app_guid": app,
            "running_instances": sum(process[0] for process in state.values()),
            "memory_mb": sum(process[0] * process[1] for process in state.values()),
            "as_of": row["created_at"],
        }
        fastavro.schemaless_writer(out, self._state, record)
        return out.getvalue()

    def report_when_done(self) -> bool:
        """Print rows and seconds once every row was seen; return whether that is so."""
        if self.seen < self._rows:
            return False
        report = json.dumps({"rows": self.seen, "seconds": time.monotonic() - self._began})
        os.write(1, f"\n{report}\n".encode())  # Faust takes sys.stdout for its log
        return True
