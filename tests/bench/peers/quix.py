"""The same with Quix Streams: stateful, RocksDB with a changelog topic, one topic for the result."""

import os
import sys
import tempfile
from pathlib import Path

from quixstreams import Application, State  # type: ignore[import-not-found]  # lives in an environment of its own

sys.path.insert(0, str(Path(__file__).parent))
from common import Work  # type: ignore[import-not-found]  # as above

bootstrap, topic, out_topic, kind, rows = sys.argv[1:6]
work = Work(kind, int(rows))
app = Application(
    broker_address=bootstrap,
    consumer_group=f"quix-{out_topic}",
    auto_offset_reset="earliest",
    consumer_extra_config={"isolation.level": "read_committed"},
    state_dir=tempfile.mkdtemp(),
    loglevel="ERROR",
)


def keep(frame: bytes, state: State) -> bytes:
    """Decode, fold into the state and return the record."""
    row = work.row(frame)
    held = work.fold(state.get("app", {}), row)
    state.set("app", held)
    return bytes(work.encode(held, row))


def count(_value: bytes) -> None:
    """End when every row has passed."""
    if work.watch.report_when_done():
        os._exit(0)


frame = app.dataframe(app.topic(topic, key_deserializer="bytes", value_deserializer="bytes"))
frame = frame.apply(keep, stateful=True)
frame = frame.to_topic(app.topic(out_topic, key_serializer="bytes", value_serializer="bytes"))
frame.update(count)

if __name__ == "__main__":
    app.run()
