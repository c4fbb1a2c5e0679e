"""The pipeline's own troubles as alerts: a stale feed, a gap, workers behind, drift, dead letters. Pure.

Told what it sees (checkpoints, progress, dead letters, drift) and asked now and then what to say. Ages of feeds and the
lag of the tables are measured by our own monotonic clock; event times are the Cloud Controller's.
"""

from dataclasses import dataclass
from typing import Literal

from plumbing.clock import SECOND, iso
from processors.alerts.durations import words
from processors.alerts.messages import stable_id
from processors.notify.config import Watch
from processors.notify.table_lag import TableLag
from schemas.records import Alert, Gap, Micros

KIND = "pipeline"
_BEHIND = "worker-behind"
_TOLD_FOR_S = 3600
"""How long a gap, dead letters and drift are told after the last of them."""


@dataclass
class _Tail:
    written_at: Micros
    settled_until: Micros
    came_s: float
    gap: Gap | None


@dataclass
class _Count:
    """Things that were seen since the alert began, and when the last one came (monotonic seconds)."""

    number: int
    last_s: float
    note: str


@dataclass(frozen=True)
class _Trouble:
    foundation: str
    rule: str
    subject: str
    severity: str
    summary: str
    action: str


class PipelineWatch:
    """Knows what is wrong now and what was said before. ``partitions``: how many the workers share."""

    def __init__(self, settings: Watch, partitions: int = 1) -> None:
        self.partitions = partitions
        self._settings = settings
        self._tails: dict[tuple[str, str], _Tail] = {}
        self._tables: dict[str, TableLag] = {}
        self._counts: dict[tuple[str, str], _Count] = {}
        self._said: dict[tuple[str, str, str], Alert] = {}

    def checkpoint(
        self,
        foundation: str,
        feed: str,
        written_at: Micros,
        settled_until: Micros | None,
        gap: Gap | None,
        now_s: float,
    ) -> None:
        """Note a tail's checkpoint that came at ``now_s``."""
        self._tails[foundation, feed] = _Tail(written_at, settled_until or 0, now_s, gap)
        settled = min(tail.settled_until for (name, _), tail in self._tails.items() if name == foundation)
        self._tables_of(foundation).told(settled, now_s)

    def finished(self, foundation: str, feed: str) -> None:
        """Note that a tail was retired: it is not stale when it says no more."""
        self._tails.pop((foundation, feed), None)

    def applied(self, foundation: str, partition: int, applied_to: Micros) -> None:
        """Note how far the workers are in a partition."""
        self._tables_of(foundation).applied(partition, applied_to)

    def seen(self, rule: Literal["dead-letters", "drift"], foundation: str, note: str, now_s: float) -> None:
        """Note a dead letter or a difference from the Cloud Controller."""
        if not foundation:  # a dead letter may not say whose it is
            foundation = next((name for name, _ in self._tails), "")
        known = self._counts.get((foundation, rule))
        self._counts[foundation, rule] = _Count(known.number + 1 if known else 1, now_s, note)

    def resume(self, alerts: list[Alert], now_s: float) -> None:
        """Take over what an earlier notifier said and did not resolve; call once."""
        for alert in alerts:
            labels = alert["labels"]
            if labels.get("kind") != KIND:
                continue
            self._said[alert["foundation"], alert["rule"], labels.get("feed", "")] = alert
            if alert["rule"] == _BEHIND:
                self._tables_of(alert["foundation"]).late_since(now_s - self._settings.worker_behind - 1)
            if alert["rule"] in ("dead-letters", "drift"):
                self._counts[alert["foundation"], alert["rule"]] = _Count(alert["crashes"], now_s, "before")

    def look(self, now_s: float) -> list[Alert]:
        """Return what begins or ends."""
        if not self._settings.enabled:
            return []
        said = []
        troubles = {(one.foundation, one.rule, one.subject): one for one in self._troubles(now_s)}
        for key, one in troubles.items():
            if key not in self._said:
                self._said[key] = self._alert(one)
                said.append(self._said[key])
        for key in [key for key in self._said if key not in troubles]:
            begun = self._said.pop(key)
            at = max(self._source_now(begun["foundation"]), begun["as_of"])
            over = {"status": "resolved", "ends_at": at, "as_of": at, "resolve_reason": "quiet"}
            said.append(begun | over)  # type: ignore[arg-type] # keys of Alert
        return said

    def _troubles(self, now_s: float) -> list[_Trouble]:
        return [*self._feed_troubles(now_s), *self._worker_troubles(now_s), *self._counted(now_s)]

    def _feed_troubles(self, now_s: float) -> list[_Trouble]:
        found = []
        for (foundation, feed), tail in self._tails.items():
            if now_s - tail.came_s > self._settings.feed_stale_after:
                text = f"{feed} of {foundation}: no news for {words(self._settings.feed_stale_after)}, since "
                found.append(
                    _Trouble(foundation, "feed-stale", feed, "critical", text + iso(tail.written_at), _LOOK_AT_PRODUCER)
                )
            gap = tail.gap
            if gap is not None and self._source_now(foundation) - gap["found_at"] < _TOLD_FOR_S * SECOND:
                ends = f"{_or_start(gap['after_created_at'])} and {_or_start(gap['before_created_at'])}"
                text = f"{feed} of {foundation}: rows between {ends} were gone before they could be read"
                found.append(_Trouble(foundation, "feed-gap", feed, "critical", text, _GAP_ACTION))
        return found

    def _worker_troubles(self, now_s: float) -> list[_Trouble]:
        found = []
        for foundation, tables in self._tables.items():
            late = tables.look(self.partitions, now_s)
            if late is None or late.behind_s <= self._settings.worker_behind:
                continue
            since = f"for {words(self._settings.worker_behind)} and longer"
            if late.silent == late.partitions:
                text = f"No worker has applied anything of {foundation}, {since}"
            elif late.event_s is None:
                text = f"No worker has applied {late.silent} of {late.partitions} partitions of {foundation}, {since}"
            else:
                text = (
                    f"The tables of {foundation} are behind the feeds {since}, by {words(late.event_s)} of their time"
                )
            found.append(_Trouble(foundation, _BEHIND, "", "critical", text, _WORKER_ACTION))
        return found

    def _counted(self, now_s: float) -> list[_Trouble]:
        found = []
        for (foundation, rule), count in list(self._counts.items()):
            if now_s - count.last_s > _TOLD_FOR_S:
                del self._counts[foundation, rule]
                continue
            if rule == "drift":
                text = f"{count.number} apps of {foundation} differed from the Cloud Controller: {count.note}"
                found.append(_Trouble(foundation, rule, "", "warning", text, _DRIFT_ACTION))
            else:
                text = f"{count.number} records went to the dead letters: {count.note}"
                found.append(_Trouble(foundation, rule, "", "warning", text, _DEAD_ACTION))
        return found

    def _tables_of(self, foundation: str) -> TableLag:
        return self._tables.setdefault(foundation, TableLag(self._settings.worker_behind))

    def _source_now(self, foundation: str) -> Micros:
        return max((tail.written_at for (name, _), tail in self._tails.items() if name == foundation), default=0)

    def _alert(self, one: _Trouble) -> Alert:
        at = self._source_now(one.foundation)
        labels = {
            "alertname": one.rule,
            "kind": KIND,
            "severity": one.severity,
            "foundation": one.foundation,
            "scope_guid": f"{KIND}/{one.subject or one.rule}",
        }
        count = self._counts.get((one.foundation, one.rule))
        return {
            "foundation": one.foundation,
            "id": stable_id(one.foundation, one.rule, one.subject, str(at)),
            "rule": one.rule,
            "severity": one.severity,
            "status": "firing",
            "starts_at": at,
            "ends_at": None,
            "as_of": at,
            "app_guid": None,
            "app_name": None,
            "space_guid": None,
            "space_name": None,
            "org_guid": None,
            "summary": one.summary,
            "resolve_reason": None,
            "crashes": count.number if count else 0,
            "window_s": 0,
            "labels": labels | ({"feed": one.subject} if one.subject else {}),
            "annotations": {"since": iso(at), "action": one.action},
        }


_LOOK_AT_PRODUCER = "see the producer's log and /readyz; cfstream doctor checks each connection"
_GAP_ACTION = "the tables are made right by a snapshot; the rows themselves are lost to the topics"
_WORKER_ACTION = "see the workers' logs and lag; start more workers, up to the partitions"
_DRIFT_ACTION = "compare again with: cfstream reconcile"
_DEAD_ACTION = "see them with: cfstream dead-letters list"


def _or_start(moment: Micros | None) -> str:
    return iso(moment) if moment is not None else "the beginning"
