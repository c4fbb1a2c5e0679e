"""A Faust agent as everybody writes it: one event at a time, a table, a topic for the result."""

import os
import sys
import tempfile
from pathlib import Path
from typing import Any

import faust

sys.path.insert(0, str(Path(__file__).parent))
from common import Work  # type: ignore[import-not-found]  # run as a script, beside this file

bootstrap, topic, out_topic, kind, rows = sys.argv[1:6]
work = Work(kind, int(rows))
app = faust.App(
    f"faust-{out_topic}",
    broker=f"kafka://{bootstrap}",
    store="memory://",
    web_enabled=False,
    topic_disable_leader=True,
    topic_partitions=4,
    table_standby_replicas=0,
    datadir=tempfile.mkdtemp(),
)
source = app.topic(topic, key_type=bytes, value_type=bytes, key_serializer="raw", value_serializer="raw")
out = app.topic(out_topic, key_type=bytes, value_type=bytes, key_serializer="raw", value_serializer="raw")
states = app.Table("states", default=dict, key_type=str, partitions=4)


@app.agent(source)
async def fold(stream: Any) -> None:
    """Fold one event at a time."""
    async for event in stream.events():
        row = work.row(event.value)
        app_guid = event.key.decode()
        state = work.fold(states[app_guid], row)
        states[app_guid] = state
        await out.send(key=event.key, value=work.encode(state, row))
        if work.watch.report_when_done():
            os._exit(0)


if __name__ == "__main__":
    sys.argv = [sys.argv[0], "worker", "-l", "error", "--without-web"]
    app.main()
