"""One partition's share in the usage of spaces, organizations and a foundation, and the hours of its apps.

Plain memory, derived from the states alone and rebuilt after every assignment; whatever was not published before a
crash is published by the next owner. Nothing here is shared between partitions, so no two workers write one key.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from plumbing.clock import SECOND
from processors.usage.changes import NOTHING, Change, Level
from processors.usage.ledger import HOUR_S, Ledger, hour_of
from schemas.tables import AppState, Scope, UsageHour, UsageTotal

ScopeKey = tuple[Scope, str]


@dataclass(slots=True)
class _Group:
    """A space, an organization or the foundation, as far as this partition's apps make it up."""

    ledger: Ledger
    apps: int = 0
    name: str | None = None
    org_guid: str | None = None
    as_of: int = 0


@dataclass(slots=True)
class _App:
    """What an hour's closing needs of an app, without its record: the level, and the second of the newest change."""

    level: Level
    newest: int
    group: tuple[ScopeKey, ...]


@dataclass
class Shares:
    """Usage of one foundation in one partition.

    ``closed_to``: hours before are closed and published. ``kept_s``: how far back an hour may still be corrected.
    """

    foundation: str
    closed_to: int
    kept_s: int
    groups: dict[ScopeKey, _Group] = field(default_factory=dict)
    apps: dict[bytes, _App] = field(default_factory=dict)
    changed_apps: dict[bytes, int] = field(default_factory=dict)
    _totals: set[ScopeKey] = field(default_factory=set)
    _hours: dict[ScopeKey, int] = field(default_factory=dict)

    @property
    def first(self) -> int:
        """The first hour that may still be corrected; 0 while no hour is closed."""
        return max(0, self.closed_to - self.kept_s)

    def changed(self, key: bytes, state: AppState, before: list[Change], after: list[Change]) -> None:
        """Take note that an app's changes were ``before`` and are ``after``."""
        differences = Counter(after)
        differences.subtract(before)
        earliest: int | None = None
        first = self.first
        for change, count in differences.items():
            if not count:
                continue
            at = change.at
            for scope in _scopes(self.foundation, change.space_guid, change.org_guid):
                self._group(scope).ledger.add(at, change.by, count)
                self._mark(scope, at if at >= first else self.closed_to)
            if at >= first:
                earliest = at if earliest is None else min(earliest, at)
        level = _sum(after)
        newest = max((change.at for change in after), default=0)
        self._move(key, state, level, newest)
        if earliest is not None:
            self.changed_apps[key] = min(earliest, self.changed_apps.get(key, earliest))

    def _move(self, key: bytes, state: AppState, level: Level, newest: int) -> None:
        scopes = _scopes(self.foundation, state["space_guid"], state["org_guid"])
        before = self.apps.get(key)
        ran, runs = before is not None and before.level != NOTHING, level != NOTHING
        if ran and before is not None and (not runs or before.group != scopes):
            self._count(before.group, -1)
        if runs and (not ran or before is None or before.group != scopes):
            self._count(scopes, 1)
        for scope in scopes:
            group = self._group(scope)
            group.as_of = max(group.as_of, state["as_of"])
            if scope[0] == "space":
                group.name, group.org_guid = state["space_name"] or group.name, state["org_guid"] or group.org_guid
        self.apps[key] = _App(level, newest, scopes)

    def _count(self, scopes: Iterable[ScopeKey], by: int) -> None:
        for scope in scopes:
            self._group(scope).apps += by
            self._totals.add(scope)

    def _mark(self, scope: ScopeKey, at: int) -> None:
        self._totals.add(scope)
        self._hours[scope] = min(at, self._hours.get(scope, at))

    def _group(self, scope: ScopeKey) -> _Group:
        group = self.groups.get(scope)
        if group is None:
            group = self.groups[scope] = _Group(Ledger(self.first))
        return group

    def remove(self, key: bytes) -> None:
        """Forget an app that has left the table; nothing of it ran for longer than hours are corrected."""
        self.apps.pop(key, None)
        self.changed_apps.pop(key, None)

    def close(self, to: int) -> None:
        """Note that hours before ``to`` are published; hours that can no longer be corrected are summed up."""
        self.closed_to = to
        for group in self.groups.values():
            group.ledger.roll(self.first)

    # -- what to publish

    def take_changed_totals(self) -> list[ScopeKey]:
        """Return the groups whose totals changed since the last call."""
        taken = list(self._totals)
        self._totals.clear()
        return taken

    def take_changed_hours(self) -> dict[ScopeKey, int]:
        """Return the groups that changed since the last call, with the earliest second of it."""
        taken, self._hours = self._hours, {}
        return taken

    def earliest_hour(self, default: int) -> int:
        """Return the first hour in which anything changed."""
        ledgers = (group.ledger for group in self.groups.values())
        return min((hour for ledger in ledgers for hour in ledger.changed_hours()), default=default)

    def totals(self, scopes: Iterable[ScopeKey]) -> Iterator[UsageTotal]:
        """Yield the share in the totals of some groups."""
        for scope in scopes:
            group = self._group(scope)
            level = group.ledger.now()
            yield UsageTotal(
                foundation=self.foundation,
                scope=scope[0],
                guid=scope[1],
                name=group.name,
                org_guid=group.org_guid,
                apps=group.apps,
                running_instances=level.instances,
                memory_mb=level.memory_mb,
                running_tasks=level.tasks,
                task_memory_mb=level.task_memory_mb,
                as_of=group.as_of,
            )

    def group_hours(self, scope: ScopeKey, since: int, until: int) -> Iterator[UsageHour]:
        """Yield the hours of a group from the one of ``since`` to the one of ``until``, that one open."""
        ledger = self._group(scope).ledger
        for hour in range(max(hour_of(since), ledger.first), hour_of(until) + 1, HOUR_S):
            yield hour_record(self.foundation, scope, ledger, hour, until)

    def app_hours(self, key: bytes, app_changes: list[Change] | None, since: int, until: int) -> Iterator[UsageHour]:
        """Yield the hours of an app likewise.

        ``app_changes`` None: nothing has changed since the hour of ``since``; the open hour is then left out.
        """
        scope: ScopeKey = ("app", key.decode())
        ledger = Ledger(0)
        if app_changes is None:
            ledger.add(0, self.apps[key].level)
        else:
            for change in app_changes:
                ledger.add(change.at, change.by)
        last = hour_of(until) if app_changes is None else hour_of(until) + 1
        for hour in range(hour_of(since), last, HOUR_S):
            yield hour_record(self.foundation, scope, ledger, hour, until)


def hour_record(foundation: str, scope: ScopeKey, ledger: Ledger, hour: int, until: int) -> UsageHour:
    """Return one hour's record; an hour that is open at ``until`` is counted up to there, or to its newest change."""
    end = hour + HOUR_S
    if until < end and ledger.newest < end:
        end = max(until, ledger.newest if hour_of(ledger.newest) == hour else until)
    integral, level = ledger.hour(hour, end)
    return UsageHour(
        foundation=foundation,
        scope=scope[0],
        guid=scope[1],
        hour=hour * SECOND,
        until=end * SECOND,
        instance_seconds=integral.instances,
        memory_mb_seconds=integral.memory_mb,
        task_seconds=integral.tasks,
        task_memory_mb_seconds=integral.task_memory_mb,
        instances=level.instances,
        memory_mb=level.memory_mb,
        tasks=level.tasks,
        task_memory_mb=level.task_memory_mb,
    )


def _scopes(foundation: str, space_guid: str | None, org_guid: str | None) -> tuple[ScopeKey, ...]:
    scopes: list[ScopeKey] = [("foundation", foundation)]
    if space_guid is not None:
        scopes.append(("space", space_guid))
    if org_guid is not None:
        scopes.append(("org", org_guid))
    return tuple(scopes)


def _sum(changes: list[Change]) -> Level:
    instances = memory = tasks = task_memory = 0
    for change in changes:
        by = change.by
        instances += by.instances
        memory += by.memory_mb
        tasks += by.tasks
        task_memory += by.task_memory_mb
    return Level(instances, memory, tasks, task_memory)
