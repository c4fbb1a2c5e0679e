"""Our worker, whole: tables, totals, hours, dead letters and all. Prints rows and seconds from first chunk to last."""

import asyncio
import json
import sys
import time
from typing import Any

from plumbing import logs
from processors.run import run
from processors.settings import WorkerSettings
from processors.worker import Worker

began = ended = (0.0, 0.0)
seen = 0
real = Worker.process


async def timed(self: Worker, chunk: Any) -> None:
    """Note when the first chunk came and when the last was durable."""
    global began, ended, seen  # noqa: PLW0603 - one stopwatch for the process
    if not seen:
        began = time.monotonic(), time.process_time()
    await real(self, chunk)
    ended = time.monotonic(), time.process_time()
    seen += len(chunk.records)


if __name__ == "__main__":
    logs.configure("json", "error")
    Worker.process = timed  # type: ignore[method-assign]  # the stopwatch
    asyncio.run(run(WorkerSettings.load(), until_caught_up=True))
    report = {"rows": seen, "seconds": ended[0] - began[0], "cpu_seconds": ended[1] - began[1]}
    sys.stdout.write(json.dumps(report) + "\n")
