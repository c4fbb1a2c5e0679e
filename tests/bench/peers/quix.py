"""The same with Quix Streams: stateful, RocksDB with a changelog topic, one topic for the result."""

import os
import sys
import tempfile
from pathlib import Path
from typing import Any

from quixstreams import Application, State  # type: ignore[import-not-found]  # lives in an environment of its own

sys.path.insert(0, str(Path(__file__).parent))
from common import Work  # type: ignore[import-not-found]  # as above

bootstrap, topic, out_topic, schema_file, rows = sys.argv[1:6]
work = Work(Path(schema_file).read_text("utf-8"), int(rows))
app = Application(
    broker_address=bootstrap,
    consumer_group=f"quix-{topic}",
    auto_offset_reset="earliest",
    consumer_extra_config={"isolation.level": "read_committed"},
    state_dir=tempfile.mkdtemp(),
    loglevel="ERROR",
)


def fold(frame: bytes, key: Any, _timestamp: int, _headers: Any) -> Any:
    """Decode; the state comes in the next step."""
    return key, work.row(frame)


def keep(pair: Any, state: State) -> bytes:
    """Fold into the state and return the sums."""
    key, row = pair
    held = work.fold(state.get("processes", {}), row)
    state.set("processes", held)
    return bytes(work.sums(key.decode(), held, row))


def count(_value: bytes) -> None:
    """End when every row has passed."""
    if work.report_when_done():
        os._exit(0)


frame = app.dataframe(app.topic(topic, key_deserializer="bytes", value_deserializer="bytes"))
frame = frame.apply(fold, metadata=True).apply(keep, stateful=True)
frame = frame.to_topic(app.topic(out_topic, key_serializer="bytes", value_serializer="bytes"))
frame.update(count)

if __name__ == "__main__":
    app.run()
