"""From a decoded row to its app's state: opens the state, passes over what was applied before, and folds."""

from plumbing.clock import SECOND
from processors.book import AppBook
from processors.crashes import CrashWatch
from processors.decode import Row
from processors.metrics import WorkerMetrics
from processors.progress import ProgressBook
from processors.state import fold
from processors.state.facts import STOPPED
from processors.state.fold import Keep
from processors.state.record import new
from processors.state.snapshots import Baseline, apply_end_marker, apply_snapshot
from processors.usage.ledger import HOUR_S
from processors.usage.publisher import UsagePublisher
from processors.work import Bounds, Opened, Work
from schemas.records import Alert, Micros
from schemas.tables import AppState

HOUR = HOUR_S * SECOND


class Applier:
    """Applies rows to the states of a piece of work. Nothing is written here."""

    def __init__(
        self,
        *,
        book: AppBook,
        progress: ProgressBook,
        watch: CrashWatch,
        usage: UsagePublisher,
        keep: Keep,
        metrics: WorkerMetrics,
    ) -> None:
        self._book = book
        self._progress = progress
        self._watch = watch
        self._usage = usage
        self._keep = keep
        self._metrics = metrics

    def _open(self, work: Work, row: Row, foundation: str, *, uses: bool = True) -> Opened:
        entry = work.states.get(row.key)
        if entry is None:
            state = self._book.get(work.partition, row.key)
            if state is None:
                state = new(foundation, row.key.decode("utf-8", "replace"))
                state["version"] = self._book.gone(work.partition, row.key)
            entry = Opened(state, self._book.changes(work.partition, row.key, state) if uses else None)
            work.states[row.key] = entry
        return entry

    def usage(self, work: Work, row: Row) -> None:
        """Apply a usage row. Raise ImpossibleError, having changed nothing."""
        record = row.record
        if record["state"] not in fold.KNOWN:
            self._metrics.unknown_state(record["state"])
            return
        foundation, at = record["foundation"], record["created_at"]
        entry = work.states.get(row.key) or self._open(work, row, foundation)
        state = entry.state
        if row.offset <= state["usage_offset"]:
            self._metrics.replayed.inc()
            return
        bounds = work.bounds.get(foundation)
        if bounds is None:
            bounds = work.bounds[foundation] = self._bounds(work.partition, foundation, at)
        bounds.saw(at)
        if bounds.second > bounds.look_at:
            self._usage.saw(work.partition, foundation, bounds.second)
            work.closed |= self._usage.close_unwanted(work.partition, foundation)
            bounds.keep_from, bounds.look_at = self._usage.keep_from(work.partition, foundation), bounds.second + HOUR
        if fold.apply_usage(state, record, self._keep, keep_from=bounds.keep_from, baseline=bounds.baseline):
            entry.records += 1
            if record["state"] == STOPPED and state["crash"] is not None:
                work.outputs.alerts += self._stopped(state, at)
        state["usage_offset"] = row.offset

    def finish(self, work: Work) -> None:
        """Say how far time has come, once all rows of a piece of work are applied."""
        for foundation, bounds in work.bounds.items():
            for at in (bounds.second, bounds.highest):
                self._usage.saw(work.partition, foundation, at)

    def _bounds(self, partition: int, foundation: str, at: Micros) -> Bounds:
        keep_from = self._usage.keep_from(partition, foundation)
        return Bounds(keep_from, self._progress.baseline(partition, foundation), look_at=at + HOUR)

    def _stopped(self, state: AppState, at: Micros) -> list[Alert]:
        """Tell the rules of a stop, once no process of the app is started any more."""
        if any(process["facts"][-1]["state"] != STOPPED for process in state["processes"]):
            return []
        return self._watch.stopped(state, at)

    def audit(self, work: Work, row: Row) -> None:
        """Apply an audit event; only a crash or a deletion makes an app known.

        The topics interleave as they please: a deletion may come before the rows of the app that it deletes.
        """
        event = row.record
        if event["app_guid"] is None:
            return
        known = row.key in work.states or self._book.get(work.partition, row.key) is not None
        if not known and event["type"] not in (fold.CRASH, fold.DELETED):
            return
        entry = self._open(work, row, event["foundation"], uses=False)
        state = entry.state
        if row.offset <= state["audit_offset"]:
            self._metrics.replayed.inc()
            return
        if state["named_at"] == 0:
            state["app_name"] = state["app_name"] or event["target_name"]
            state["space_guid"] = state["space_guid"] or event["space_guid"]
            state["org_guid"] = state["org_guid"] or event["org_guid"]
        changed = fold.apply_audit(state, event)
        remembered, alerts = self._watch.observe(state, event)
        work.outputs.alerts += alerts
        state["audit_offset"] = row.offset
        if changed or remembered:
            entry.records += 1

    def snapshot(self, work: Work, row: Row) -> None:
        """Apply a record of a snapshot, or its end marker. Raise ImpossibleError, having changed nothing."""
        record = row.record
        if record["kind"] == "end":
            self._end_marker(work, row)
            return
        entry = self._open(work, row, record["foundation"])
        if row.offset <= entry.state["snapshot_offset"]:
            self._metrics.replayed.inc()
            return
        keep_from = self._usage.keep_from(work.partition, record["foundation"])
        if apply_snapshot(entry.state, record, keep_from=keep_from):
            entry.records += 1
        entry.state["snapshot_offset"] = row.offset

    def _end_marker(self, work: Work, row: Row) -> None:
        record = row.record
        foundation = record["foundation"]
        baseline = Baseline(record["observed_at"], record["read_until"] or 0)
        keep_from = self._usage.keep_from(work.partition, foundation)
        for key in {*self._book.keys(work.partition), *work.states}:
            entry = work.states.get(key)
            state = entry.state if entry is not None else self._book.get(work.partition, key)
            if state is None or state["foundation"] != foundation or row.offset <= state["snapshot_offset"]:
                continue
            before = self._book.changes(work.partition, key, state) if entry is None else entry.before
            if apply_end_marker(state, baseline, keep_from=keep_from):
                if entry is None:
                    entry = work.states[key] = Opened(state, before)
                entry.records += 1
                state["snapshot_offset"] = row.offset
        self._progress.set_baseline(work.partition, foundation, baseline, record["snapshot_id"])
