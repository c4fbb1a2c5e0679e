"""Is the worker ready, is it alive, how far is it: for probes and metrics.

Ready comes from recovery. Alive comes from progress: a consumer that has died without a word has records waiting
and applies none, while everything else looks well; a recovery that has died so restores none, and never ends.
"""

import asyncio
import time

import structlog
from faust.types import TP

from processors.lane.app import LaneApp
from processors.lane.table import StateTable
from processors.metrics import WorkerMetrics
from processors.timekeeper import Timekeeper

_log = structlog.get_logger(__name__)

LOOK_S = 2.0


class Probes:
    """Looks at the worker every ``LOOK_S``; ``live`` and ``ready`` may be called from another thread."""

    def __init__(
        self, *, app: LaneApp, states: StateTable, timekeeper: Timekeeper, metrics: WorkerMetrics, stalled_s: float
    ) -> None:
        self._app = app
        self._states = states
        self._timekeeper = timekeeper
        self._metrics = metrics
        self._stalled_s = stalled_s
        self._ready = False
        self._looked = self._moved = self._got_on = self._recovering_since = time.monotonic()
        self._waiting = 0
        self._restored = 0
        self._positions: dict[TP, int | None] = {}

    def ready(self) -> str | None:
        """Return why the worker is not ready; None when its tables are recovered."""
        return None if self._ready else "the tables are being recovered, or partitions are being assigned"

    def live(self) -> str | None:
        """Return why the worker should be restarted, None when it should not."""
        now = time.monotonic()
        if now - self._looked > self._stalled_s:
            return f"the event loop has not run for {now - self._looked:.0f} s"
        if not self._ready:
            still_s = now - self._got_on
            return f"not ready, and nothing was restored for {still_s:.0f} s" if still_s > self._stalled_s else None
        if self._waiting and now - self._moved > self._stalled_s:
            return f"{self._waiting} offsets wait and none was applied for {now - self._moved:.0f} s"
        return None

    def rebalance_began(self) -> None:
        """Start the clock of the recovery."""
        self._ready = False
        self._recovering_since = time.monotonic()

    def recovered(self) -> None:
        """Stop the clock of the recovery."""
        took = time.monotonic() - self._recovering_since
        self._metrics.recovery_seconds.set(took)
        self._metrics.restored.set(self._states.restored)
        _log.info("tables recovered", apps=self._states.size(), seconds=round(took, 2))

    async def watch(self) -> None:
        """Look for ever."""
        while True:
            try:
                await self._look()
            except Exception as error:  # noqa: BLE001 - a look that fails is no reason to stop; a lasting one ages
                _log.debug("could not look at the worker", error=str(error))
            await asyncio.sleep(LOOK_S)

    async def _look(self) -> None:
        self._looked = time.monotonic()
        if self._app.crashed or not self._app.started:
            self._ready = False
            return
        self._ready = self._timekeeper.ready
        if self._ready or self._states.restored != self._restored:
            self._got_on, self._restored = self._looked, self._states.restored
        self._metrics.apps.set(self._states.size())
        self._metrics.skipped.set(sum(self._app.lane.skipped.values()))
        sources = [tp for tps in self._timekeeper.sources().values() for tp in tps]
        positions = {tp: self._app.lane.tracker.position(tp) for tp in sources}
        if positions != self._positions:
            self._moved, self._positions = self._looked, positions
        if not self._ready or not sources:
            return
        ends = await self._app.lane.ends(sources)
        lags: dict[str, int] = {}
        for tp, end in ends.items():
            lags[tp.topic] = lags.get(tp.topic, 0) + max(0, end - (positions[tp] or 0))
        for topic, lag in lags.items():
            self._metrics.lag_records.labels(topic).set(lag)
        self._waiting = sum(lags.values())
