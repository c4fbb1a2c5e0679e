"""What a tail tells: metrics by the closed list, and one log line a page."""

import structlog

from plumbing.clock import SECOND, iso
from producer.checkpoint import TailState
from producer.feeds.position import Step
from producer.metrics import Metrics
from producer.publish.batch import Batch
from producer.snapshot.take import Snapshot
from schemas.records import Gap

log = structlog.get_logger()


class Report:
    """The reports of one tail. ``settle_s`` is taken off the lag, which would never be less."""

    def __init__(self, metrics: Metrics, foundation: str, feed: str, settle_s: float) -> None:
        self._metrics = metrics
        self._foundation = foundation
        self._labels = {"foundation": foundation, "feed": feed}
        self._settle_s = settle_s
        self.log = log.bind(**self._labels)

    def running(self, *, here: bool) -> None:
        """Say whether this process runs the tail."""
        self._metrics.running.labels(**self._labels).set(here)

    def committed(self, batch: Batch, step: Step, snapshot: Snapshot | None) -> None:
        """Count a transaction."""
        metrics, labels = self._metrics, self._labels
        metrics.committed.labels(**labels).inc()
        metrics.rows.labels(**labels).inc(len(batch.messages))
        metrics.filtered.labels(**labels).inc(batch.filtered)
        metrics.late.labels(**labels).inc(step.late)
        if batch.dead:
            metrics.dead.labels(**labels).inc(len(batch.dead))
            self.log.warning("rows that could not be read went to the dead letters", rows=len(batch.dead))
        if snapshot is not None:
            metrics.snapshots.labels(foundation=self._foundation, reason=snapshot.reason).inc()
            self.log.info(
                "snapshot published",
                reason=snapshot.reason,
                records=snapshot.records,
                observed_at=iso(snapshot.observed_at),
            )

    def page(self, state: TailState, step: Step, server_time: int) -> None:
        """Tell what a page brought and how far the tail is behind."""
        metrics, labels = self._metrics, self._labels
        metrics.duplicates.labels(**labels).inc(step.duplicates)
        metrics.held.labels(**labels).set(step.held)
        watermark = state.position.settled_until
        if watermark is not None:
            behind_s = (server_time - watermark) / SECOND - self._settle_s
            metrics.lag.labels(**labels).set(max(0.0, behind_s))
            metrics.watermark.labels(**labels).set(watermark / SECOND)
        if step.rows:
            self.log.info(
                "page committed",
                rows=len(step.rows),
                until=_time(step.newest),
                held=step.held,
                caught_up=step.ended,
            )

    def doubt(self, reason: str) -> None:
        """Count a transaction in doubt and the producer made anew after it."""
        self._metrics.doubtful.labels(**self._labels).inc()
        self._metrics.rebuilds.labels(**self._labels).inc()
        self.log.warning("transaction in doubt: new producer, checkpoint read back", reason=reason)

    def gap(self, gap: Gap) -> None:
        """Say a gap loudly, with both ends."""
        self._metrics.gaps.labels(**self._labels).inc()
        self.log.error(
            "gap in the feed: rows were gone before they could be read",
            kind=gap["kind"],
            after=gap["after_guid"],
            after_time=_time(gap["after_created_at"]),
            before=gap["before_guid"],
            before_time=_time(gap["before_created_at"]),
        )


def _time(moment: int | None) -> str | None:
    return None if moment is None else iso(moment)
