"""Groups and times: which receiver is to be told what, and when. Pure: each call is given ``now``.

    ingest(alert, place, now)   a record of the alerts topic; ``place`` is its partition and offset
    flush(now)                  the notifications that are due; each is in flight until it is settled
    settle(batch, arrived, now) its end: it arrived, or was given up
    due()                       when to flush next
    floors()                    by partition the lowest offset that is still needed: commit no further

Nothing is lost by a restart: the alerts are read again from the floors, the log's entries say what was told.
"""

from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from plumbing.clock import SECOND
from processors.notify import batch as batches
from processors.notify.aftermath import Aftermath
from processors.notify.batch import Batch
from processors.notify.config import AlertsConfig
from processors.notify.decide import Entry, after_success, to_tell
from processors.notify.flapping import Flaps
from processors.notify.history import HISTORY, Historian
from processors.notify.inhibition import Inhibitor
from processors.notify.routing import Options, routes_of
from processors.notify.silences import Silence, silenced_by
from schemas.records import Alert, Micros

_REMEMBERED = 20_000
_DAY = 86_400 * SECOND

Place = tuple[int, int]
GroupId = tuple[str, str]
"""Receiver and group key."""


@dataclass
class _Held:
    """An alert that fires, or whose all-clear is still to be told.

    ``clear``: its resolved record while it flaps, taken at ``clear_at`` when it has not come back by then.
    """

    alert: Alert
    place: Place | None
    groups: list[GroupId] = field(default_factory=list)
    clear: Alert | None = None
    clear_at: Micros = 0


@dataclass
class _Group:
    options: Options
    labels: dict[str, str]
    flush_at: Micros
    members: set[str] = field(default_factory=set)
    in_flight: Batch | None = None
    doubtful: frozenset[str] = frozenset()
    """What an attempt before the one in flight may have told: its end was never known."""


class Engine:
    """The notifier's whole state."""

    def __init__(self, config: AlertsConfig, entries: dict[GroupId, Entry] | None = None) -> None:
        self._config = config
        self.entries: dict[GroupId, Entry] = dict(entries or {})
        self.silences: dict[str, Silence] = {}
        self.historian = Historian(config.history.page_within)
        self._flaps = Flaps(config.flapping)
        self._aftermath = Aftermath(config.inhibit_rules, config.storm_hold)
        self._alerts: dict[str, _Held] = {}
        self._groups: dict[GroupId, _Group] = {}
        self._continues: dict[str, str] = {}
        self._history: dict[str, Place] = {}
        self._done: OrderedDict[str, Micros] = OrderedDict()
        self.changed: set[GroupId] = set()
        """Entries that differ from the log; the caller writes them and empties the set."""

    def ingest(self, alert: Alert, place: Place | None, now: Micros) -> None:
        """Take a record of the alerts topic. A repeat of what is known changes nothing but the text."""
        known = self._alerts.get(self._continues.get(alert["id"], alert["id"]))
        latest = max(self._done.get(alert["id"], 0), known.alert["as_of"] if known else 0)
        if alert["as_of"] < latest or (alert["as_of"] == latest and alert["status"] == "firing"):
            return  # a worker that starts again says the last things anew
        if known is None and not self._announced(alert):
            if self.historian.holds(alert):
                if place is not None and alert["id"] in self.historian.waiting():
                    self._history.setdefault(alert["id"], place)
                return
            if alert["status"] == "resolved":
                return  # nobody was told that it fired
        if alert["status"] == "resolved":
            self._resolve(alert, place, known, now)
        else:
            self._fire(alert, self._history.pop(alert["id"], place), known, now)

    def flush(self, now: Micros) -> list[Batch]:
        """Return what is to be sent now; write the attempt of each to the log before it is sent."""
        self._release(now)
        due = [(key, group) for key, group in self._groups.items() if group.flush_at <= now and not group.in_flight]
        if not due:
            return []
        firing = [held.alert["labels"] for held in self._alerts.values() if held.alert["status"] == "firing"]
        inhibitor = Inhibitor(self._config.inhibit_rules, firing)
        ready = []
        for key, group in due:
            batch = self._notification(key, group, inhibitor, now)
            group.flush_at = now + group.options.group_interval_s * SECOND
            if batch is not None:
                group.in_flight = batch
                ready.append(batch)
        return ready

    def settle(self, batch: Batch, *, arrived: bool, now: Micros) -> Entry:
        """End a notification and return its entry. What was given up is told again while it fires."""
        key = (batch.receiver, batch.group_key)
        entry = self.entries.get(key, Entry())
        group = self._groups.get(key)
        if arrived:
            entry = after_success(entry, batch.told, batch.told.resolved, now)
        else:
            doubtful = (group.doubtful if group else frozenset()) - batch.told.resolved
            entry = replace(entry, announced=entry.announced - batch.told.resolved, attempt=doubtful or None)
        self.entries[key] = entry
        if group is not None:
            group.in_flight = None
            notices = {alert["id"]: alert for alert in batch.alerts if alert["rule"] == HISTORY}
            for notice in notices.values():
                self.historian.told(notice["foundation"], notice["as_of"])
            self._leave(key, group, batch.told.resolved | notices.keys())
        return entry

    def due(self) -> Micros | None:
        """Return when a group is next to be looked at; None where there is none that waits."""
        return min((group.flush_at for group in self._groups.values() if not group.in_flight), default=None)

    @property
    def in_flight(self) -> int:
        """How many notifications are not settled yet."""
        return sum(group.in_flight is not None for group in self._groups.values())

    def floors(self) -> dict[int, int]:
        """Return by partition the lowest offset of an alert that is not done with."""
        floors: dict[int, int] = {}
        places = [held.place for held in self._alerts.values() if held.place is not None]
        for partition, offset in (*places, *self._history.values()):
            floors[partition] = min(offset, floors.get(partition, offset))
        return floors

    def forget_orphans(self) -> None:
        """Drop the log's entries without a group. Call once, when the topics were read to their ends."""
        orphans = [key for key in self.entries if key not in self._groups]
        for key in orphans:
            del self.entries[key]
        self.changed.update(orphans)

    def alerts(self) -> list[Alert]:
        """Return the alerts that fire or wait for their all-clear."""
        return [held.alert for held in self._alerts.values()]

    def _announced(self, alert: Alert) -> bool:
        keys = (_group_id(options, alert["labels"]) for options in self._routes(alert))
        return any(alert["id"] in self.entries[key].maybe_announced for key in keys if key in self.entries)

    def _routes(self, alert: Alert) -> Iterable[Options]:
        return (options for options in routes_of(self._config.route, alert["labels"]) if options.receiver)

    def _fire(self, alert: Alert, place: Place | None, known: _Held | None, now: Micros) -> None:
        if self._flaps.fired(alert):
            alert = alert | {"annotations": alert["annotations"] | {"flapping": self._flaps.text()}}
            before = known or self._same_series(alert)
            if before is not None:
                # It comes back while its all-clear is held: for those who were told it never went away.
                self._continues[alert["id"]] = before.alert["id"]
                alert, known = alert | {"id": before.alert["id"]}, before
        if known is not None:
            known.alert, known.clear = alert | {"starts_at": known.alert["starts_at"]}, None
            return
        held = _Held(alert, place)
        self._alerts[alert["id"]] = held
        self._join(held, now)

    def _resolve(self, alert: Alert, place: Place | None, known: _Held | None, now: Micros) -> None:
        if known is None:
            known = _Held(alert, place)
            self._alerts[alert["id"]] = known
            self._join(known, now)
            return
        first = known.alert
        # The labels stay those it was announced with: names may have changed since, its group must not.
        cleared = alert | {"id": first["id"], "labels": first["labels"], "starts_at": first["starts_at"]}
        if self._flaps.flaps(alert):
            known.clear, known.clear_at = cleared, now + self._flaps.hold
        else:
            known.alert = cleared
            self._aftermath.ended(cleared)

    def _same_series(self, alert: Alert) -> _Held | None:
        for held in self._alerts.values():
            same = held.alert["rule"] == alert["rule"] and held.alert["app_guid"] == alert["app_guid"]
            if same and held.clear and held.alert["labels"].get("index") == alert["labels"].get("index"):
                return held
        return None

    def _join(self, held: _Held, now: Micros) -> None:
        labels = held.alert["labels"]
        for options in self._routes(held.alert):
            key = _group_id(options, labels)
            group = self._groups.get(key)
            if group is None:
                group = _Group(options, options.group_labels(labels), now + options.group_wait_s * SECOND)
                self._groups[key] = group
            group.members.add(held.alert["id"])
            held.groups.append(key)
        if not held.groups:
            del self._alerts[held.alert["id"]]

    def _leave(self, key: GroupId, group: _Group, ids: Iterable[str]) -> None:
        for alert_id in ids:
            group.members.discard(alert_id)
            held = self._alerts.get(alert_id)
            if held is not None and key in held.groups:
                held.groups.remove(key)
                if not held.groups:
                    self._finish(held.alert)
        if not group.members:
            del self._groups[key]
            self.changed.add(key)
            self.entries.pop(key, None)

    def _finish(self, alert: Alert) -> None:
        del self._alerts[alert["id"]]
        self._done[alert["id"]] = alert["as_of"]
        self._aftermath.forget(alert["foundation"], self.historian.reached(alert["foundation"]))
        if len(self._done) > _REMEMBERED:
            self._done.popitem(last=False)
            self._continues = {id_: first for id_, first in self._continues.items() if first in self._alerts}
            self._flaps.forget(alert["as_of"] - _DAY)

    def _release(self, now: Micros) -> None:
        news, summaries = self.historian.release()
        for alert in news:
            self._fire(alert, self._history.pop(alert["id"], None), None, now)
        if summaries:
            waiting = self.historian.waiting()
            self._history = {id_: place for id_, place in self._history.items() if id_ in waiting}
        for summary in summaries:
            self._fire(summary, None, None, now)

    def _notification(self, key: GroupId, group: _Group, inhibitor: Inhibitor, now: Micros) -> Batch | None:
        options = group.options
        if any(mute.holds(now) for mute in self._config.mute_times if mute.name in options.mute_times):
            return None
        members = {id_: self._alerts[id_] for id_ in group.members}
        for held in members.values():
            if held.clear is not None and held.clear_at <= now:
                held.alert, held.clear = held.clear, None
                self._aftermath.ended(held.alert)
        resolved = frozenset(id_ for id_, held in members.items() if held.alert["status"] == "resolved")
        firing = frozenset(
            id_ for id_ in members if id_ not in resolved and not self._muted(members[id_], inhibitor, now)
        )
        entry = self.entries.get(key, Entry())
        receiver = self._config.by_name[options.receiver or ""]
        told = to_tell(
            entry,
            firing,
            resolved,
            now=now,
            repeat_interval_s=options.repeat_interval_s,
            send_resolved=receiver.send_resolved,
        )
        untold = resolved - (told.resolved if told else frozenset())
        announced = entry.announced - untold
        if told is None:
            if announced != entry.announced:
                self.entries[key] = replace(entry, announced=announced)
                self.changed.add(key)
            self._leave(key, group, untold)
            return None
        self._leave(key, group, untold)
        group.doubtful = (entry.attempt or frozenset()) - untold
        self.entries[key] = replace(entry, announced=announced, attempt=(entry.maybe_announced | told.firing) - untold)
        self.changed.add(key)
        alerts = [members[id_].alert for id_ in (*told.firing, *told.resolved)]
        return batches.make(receiver.name, key[1], group.labels, alerts, told, entry.sequence, now)

    def _muted(self, held: _Held, inhibitor: Inhibitor, now: Micros) -> bool:
        labels = held.alert["labels"]
        return (
            inhibitor.inhibits(labels)
            or self._aftermath.hides(held.alert, self.historian.reached(held.alert["foundation"]))
            or silenced_by(self.silences.values(), labels, now) is not None
        )


def _group_id(options: Options, labels: dict[str, str]) -> GroupId:
    parts = (f'{name}="{value}"' for name, value in sorted(options.group_labels(labels).items()))
    return options.receiver or "", f"{options.path}:{{{','.join(parts)}}}"
