"""A lane's application without Kafka: what its consumer's thread would ask is answered by hand, or not at all."""

import asyncio
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pytest
from faust.types import TP
from mode import Service
from support.worker_world import Log

from processors.lane.app import LaneApp, LaneSettings, LaneTransport, add_table, create_app
from processors.lane.consumer import LaneConsumer

SOURCE = TP("source", 0)


class Thread(Service):
    """The consumer's thread as far as recovery asks it. ``silent``: the question that is never answered.

    ``dropped_out``: what is raised to whoever asks whether the worker is still in its group.
    """

    silent = ""
    dropped_out: BaseException | None = None

    async def _asked(self, name: str) -> None:
        if name == self.silent:
            await asyncio.Event().wait()

    async def highwaters(self, *partitions: TP) -> Mapping[TP, int]:
        await self._asked("highwaters")
        return dict.fromkeys(partitions, 0)

    async def earliest_offsets(self, *partitions: TP) -> Mapping[TP, int]:
        await self._asked("earliest_offsets")
        return dict.fromkeys(partitions, 0)

    async def seek_wait(self, partitions: Mapping[TP, int]) -> None:  # noqa: ARG002 - Faust's signature
        await self._asked("seek_wait")

    async def resume(self, partitions: Iterable[TP], anew: Any) -> dict[TP, int]:  # noqa: ARG002 - the lane's signature
        await self._asked("resume")
        return dict.fromkeys(partitions, 0)

    async def refuse_dropped_out(self) -> None:
        if self.dropped_out is not None:
            raise self.dropped_out

    def assignment(self) -> set[TP]:
        return {SOURCE}


class Consumer(LaneConsumer):
    """The lane's own consumer with that thread."""

    def _new_consumer_thread(self) -> Any:
        return Thread()


def lane_app(folder: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[LaneApp, Thread]:
    """Return an application with one table, ready for ``app.tables.recovery`` or ``app.lane`` to be started."""
    monkeypatch.setattr(LaneTransport, "Consumer", Consumer)
    app = create_app(LaneSettings(group="g", bootstrap_servers="127.0.0.1:1", data_dir=folder))
    add_table(app, name="t", topic="log", partitions=1, writer=Log(), version=lambda _row: 1)
    app.finalize()
    thread: Any = app.lane._thread
    return app, thread
