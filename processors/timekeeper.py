"""Moves the worker's event time on: to a watermark, once everything published before it is applied.

A tail's checkpoint says: every row up to W is published. Where the sources end is looked up *after* W was read, so
whoever has applied a partition up to there has applied every row up to W. No wall clock takes part: history, a fast
simulated clock and a lagging feed behave alike.
"""

import asyncio
import time
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass

import structlog
from confluent_kafka import KafkaException
from faust.types import TP

from plumbing.clock import SECOND, Clock, iso
from processors.checkpoints import Checkpoints
from processors.lane.app import LaneApp
from processors.metrics import WorkerMetrics
from processors.standstill import InDoubtError
from processors.usage.roller import Roller
from processors.worker import Worker
from schemas.records import Micros

_log = structlog.get_logger(__name__)


LOOK_S = 0.25
"""Between two looks whether all is applied."""

TELL_S = 600.0
"""Between two words about a tail that holds time."""


Ends = Callable[[Collection[TP]], Mapping[tuple[str, int], int]]
"""Tells where partitions end, with what is not committed yet; see ``plumbing.ends``. Blocks."""


@dataclass(frozen=True)
class _Goal:
    """Watermarks, and the positions to be applied before they hold."""

    watermarks: dict[str, Micros]
    ends: dict[TP, int]


class Timekeeper:
    """Looks every ``interval_s``; ``run`` returns when ``until_caught_up`` was asked for and reached."""

    def __init__(
        self,
        *,
        app: LaneApp,
        worker: Worker,
        checkpoints: Checkpoints,
        ends: Ends,
        roller: Roller,
        metrics: WorkerMetrics,
        clock: Clock,
        interval_s: float,
    ) -> None:
        self._app = app
        self._worker = worker
        self._checkpoints = checkpoints
        self._ends = ends
        self._roller = roller
        self._metrics = metrics
        self._clock = clock
        self._interval_s = interval_s
        self._goals: dict[int, _Goal] = {}
        self._reached: dict[int, dict[str, Micros]] = {}
        self._generation: object = None
        self._told_at = float("-inf")

    async def run(self, *, until_caught_up: bool) -> None:
        """Advance time for ever, or until all partitions of this worker have reached a goal set after the start."""
        await self._checkpoints.read_to_end()
        while True:
            await self._checkpoints.refresh()
            self._worker.vouched(self._checkpoints.newest())
            if self.ready:
                with suppress(InDoubtError):
                    if await self._round(to_end=until_caught_up) and until_caught_up:
                        return
            await asyncio.sleep(min(self._interval_s, LOOK_S) if until_caught_up else self._interval_s)

    async def _round(self, *, to_end: bool) -> bool:
        """Advance time once, write what follows from it, and say whether all partitions have reached their goals."""
        done = await self._advance()
        sources = self.sources()
        for number in sources:
            await self._worker.close_overdue_hours(number)
            await self._worker.publish_totals(number)
            await self._worker.refresh(number)
        if 0 in sources:
            await self._roller.step(to_end=to_end and done)
        else:
            self._roller.stand_down()
        return done

    @property
    def ready(self) -> bool:
        """Whether this worker has an assignment and its tables are recovered."""
        return bool(self._app.tables.actives_ready and not self._app.rebalancing and self._app.lane.flow_active)

    def sources(self) -> dict[int, list[TP]]:
        """Return the source partitions of this worker, by number."""
        found: dict[int, list[TP]] = {}
        names = set(self._worker.sources)
        for tp in self._app.lane.assignment():
            if tp.topic in names:
                found.setdefault(tp.partition, []).append(tp)
        return found

    async def _advance(self) -> bool:
        generation = self._app.consumer_generation_id
        if generation != self._generation:
            self._generation = generation
            self._goals.clear()
            self._reached.clear()
        sources = self.sources()
        missing = [number for number in sources if number not in self._goals]
        if missing:
            watermarks = self._checkpoints.watermarks()
            try:
                ends = await asyncio.to_thread(self._ends, [tp for number in missing for tp in sources[number]])
            except KafkaException as error:
                _log.warning("the ends of the sources are not known yet: time stands still", error=error.args[0].str())
                return False
            for number in missing:
                self._goals[number] = _Goal(watermarks, {tp: ends[tp] for tp in sources[number]})
        position = self._app.lane.tracker.position
        all_reached = True
        for number, goal in list(self._goals.items()):
            if not all((position(tp) or 0) >= end for tp, end in goal.ends.items()):
                all_reached = False
                continue
            del self._goals[number]
            for foundation, watermark in goal.watermarks.items():
                if watermark > self._reached.setdefault(number, {}).get(foundation, 0):
                    await self._worker.tick(number, foundation, watermark)
                    self._reached[number][foundation] = watermark
        self._measure()
        return all_reached and self.ready and self._app.consumer_generation_id == generation

    def _measure(self) -> None:
        """Report by foundation how old the event time is up to which every row is applied, in the slowest partition."""
        slowest: dict[str, Micros] = {}
        for reached in self._reached.values():
            for foundation, until in reached.items():
                slowest[foundation] = min(until, slowest.get(foundation, until))
        now = self._clock.now()
        rows = self._metrics.applied()
        if rows:
            _log.info("rows applied", rows=rows, until={name: iso(until) for name, until in slowest.items()})
        for foundation, until in slowest.items():
            self._metrics.lag_seconds.labels(foundation).set((now - until) / SECOND)
        self._tell_of_silent_tails()

    def _tell_of_silent_tails(self) -> None:
        if time.monotonic() < self._told_at + TELL_S:
            return
        for tail, since in self._checkpoints.silent().items():
            self._told_at = time.monotonic()
            foundation, _, feed = tail.partition("/")
            _log.warning(
                "time stands still: nothing was heard of a tail; start its producer, or retire the feed",
                tail=tail,
                since=iso(since),
                command=f"cfstream producer retire --foundation {foundation} --feed {feed}",
            )
