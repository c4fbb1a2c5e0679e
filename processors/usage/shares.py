"""One partition's share in the usage of spaces, organizations and a foundation, and the hours of its apps.

Plain memory, derived from the states alone and rebuilt after every assignment; whatever was not published before a
crash is published by the next owner. Nothing here is shared between partitions, so no two workers write one key.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from plumbing.clock import SECOND
from processors.usage.changes import NOTHING, Change, Level, Where, differences, total
from processors.usage.ledger import HOUR_S, Ledger, hour_of
from schemas.records import Micros
from schemas.tables import AppState, Scope, UsageHour, UsageTotal

ScopeKey = tuple[Scope, str]

NEVER = 1 << 60


@dataclass(slots=True)
class _Group:
    """A space, an organization or the foundation, as far as this partition's apps make it up.

    ``mark``: the earliest second that changed since the hours were last taken.
    """

    scope: ScopeKey
    ledger: Ledger
    apps: int = 0
    name: str | None = None
    org_guid: str | None = None
    as_of: int = 0
    mark: int | None = None

    def changed(self, at: int) -> None:
        """Note a second from which on hours are to be published."""
        if self.mark is None or at < self.mark:
            self.mark = at


@dataclass(slots=True)
class _App:
    """What an hour's closing needs of an app, without its record: the level, and the second of the newest change."""

    level: Level
    newest: int
    where: Where


@dataclass(slots=True)
class _Inherited:
    """What another worker may have been publishing when its partition was given to this one.

    ``since``: the hour that was open then. ``apps``, ``groups``: the earliest second of each that was published anew.
    """

    since: int
    apps: dict[bytes, int]
    groups: dict[ScopeKey, int]


@dataclass
class Shares:
    """Usage of one foundation in one partition.

    ``closed_to``: hours before are closed and published. ``kept_s``: how far back an hour may still be corrected.
    ``newest_row``: time up to which at least two usage rows have come, microseconds; ``highest``: the newest of all.
    ``hours`` False: nobody wants them; what runs now is all that is kept.
    """

    foundation: str
    closed_to: int
    kept_s: int
    hours: bool = True
    newest_row: int = 0
    highest: int = 0
    groups: dict[ScopeKey, _Group] = field(default_factory=dict)
    apps: dict[bytes, _App] = field(default_factory=dict)
    changed_apps: dict[bytes, int] = field(default_factory=dict)
    _inherited: "_Inherited | None" = None
    _totals: set[ScopeKey] = field(default_factory=set)
    _at: dict[Where, tuple[_Group, ...]] = field(default_factory=dict)
    _wheres: dict[Where, Where] = field(default_factory=dict)

    def saw(self, at: int) -> None:
        """Note the time of a usage row. One row alone moves no time: its clock may have been wrong by years."""
        if at > self.highest:
            self.newest_row, self.highest = max(self.newest_row, self.highest), at
        else:
            self.newest_row = max(self.newest_row, at)

    @property
    def first(self) -> int:
        """The first hour that may still be corrected; 0 while no hour is closed, and never where nobody wants any."""
        return self.kept_from if self.hours else NEVER

    @property
    def kept_from(self) -> int:
        """The second from which on an app's past is kept."""
        return max(0, self.closed_to - self.kept_s)

    def changed(self, key: bytes, state: AppState, before: list[Change], after: list[Change]) -> Micros | None:
        """Take note that an app's changes were ``before`` and are ``after``.

        Return the earliest time of a change that was ever taken back and whose hour may still be corrected: the state
        is to remember it until then. The changes that are left say nothing of its hour, should another worker take the
        app over before this one has published it.
        """
        gone, come = differences(before, after)
        taken_back = self._add(gone, -1)
        marks = taken_back + self._add(come, 1)
        for where, level in _settled(gone, come, self.first).items():
            # What a chunk lets go of an app's past leaves the level as it was; an app just recovered is all news.
            if not before or level != NOTHING:
                self._add_to(where, (self.first - 1, where, *level), 1, self.closed_to)
        if marks:
            self._app_changed(key, min(marks))
        self._move(key, state, after)
        revised_from = state["revised_from"]
        if revised_from is not None and revised_from >= self.first * SECOND:
            taken_back.append(revised_from // SECOND)
        return min(taken_back) * SECOND if taken_back else None

    def recovered(self, key: bytes, state: AppState, after: list[Change]) -> None:
        """Take note of an app whose hours another worker has published, all but those of its last moments perhaps."""
        revised_from = self.changed(key, state, [], after)
        if revised_from is not None:
            self._app_changed(key, revised_from // SECOND)
            for place in state["places"]:
                for group in self._groups((place["space_guid"], place["org_guid"])):
                    group.changed(revised_from // SECOND)

    def take_over(self) -> None:
        """Note, once all apps are recovered, what is to be published a second time; see ``renew``."""
        marks = {scope: group.mark for scope, group in self.groups.items() if group.mark is not None}
        self._inherited = _Inherited(self.closed_to, dict(self.changed_apps), marks)

    def renew(self) -> None:
        """Mark anew what was published since the take-over: a last word of the other worker may lie behind it.

        To be called when nothing of that worker can be under way any more.
        """
        inherited, self._inherited = self._inherited, None
        if inherited is None:
            return
        self._totals.update(self.groups)
        for key, second in inherited.apps.items():
            if key in self.apps:
                self._app_changed(key, second)
        for scope, second in inherited.groups.items():
            self.groups[scope].changed(second)
        if self.hours and inherited.since:
            for key, app in self.apps.items():
                if app.level != NOTHING or app.newest >= inherited.since:
                    self._app_changed(key, inherited.since)
            for group in self.groups.values():
                group.changed(inherited.since)

    def _app_changed(self, key: bytes, at: int) -> None:
        self.changed_apps[key] = min(at, self.changed_apps.get(key, at))

    def _add(self, changes: list[Change], sign: int) -> list[int]:
        """Add the changes whose hours may still be corrected; return their times."""
        first, marks = self.first, []
        for change in changes:
            if change[0] >= first:
                self._add_to(change[1], change, sign, change[0])
                marks.append(change[0])
        return marks

    def _add_to(self, where: Where, change: Change, sign: int, mark: int) -> None:
        for group in self._groups(where):
            group.ledger.add(change, sign)
            group.changed(mark)
            self._totals.add(group.scope)

    def _move(self, key: bytes, state: AppState, after: list[Change]) -> None:
        where: Where = (state["space_guid"], state["org_guid"])
        level = total(after)
        before = self.apps.get(key)
        ran, runs = before is not None and before.level != NOTHING, level != NOTHING
        if ran and before is not None and (not runs or before.where != where):
            self._count(before.where, -1)
        if before is None:
            # New, or a table just recovered: what a predecessor published of these places may be out of date.
            for place in state["places"]:
                self._totals.update(group.scope for group in self._groups((place["space_guid"], place["org_guid"])))
        if runs and (not ran or before is None or before.where != where):
            self._count(where, 1)
        as_of = state["as_of"]
        for group in self._groups(where):
            group.as_of = max(group.as_of, as_of)
            if group.scope[0] == "space":
                group.name = state["space_name"] or group.name
                group.org_guid = state["org_guid"] or group.org_guid
        # One tuple for all apps of a place, one for all that run nothing: there are many apps.
        where = before.where if before is not None and before.where == where else self._wheres.setdefault(where, where)
        level = NOTHING if level == NOTHING else level
        self.apps[key] = _App(level, max([change[0] for change in after], default=0), where)

    def _count(self, where: Where, by: int) -> None:
        for group in self._groups(where):
            group.apps += by
            self._totals.add(group.scope)

    def _groups(self, where: Where) -> tuple[_Group, ...]:
        groups = self._at.get(where)
        if groups is None:
            scopes: list[ScopeKey] = [("foundation", self.foundation)]
            if where[0] is not None:
                scopes.append(("space", where[0]))
            if where[1] is not None:
                scopes.append(("org", where[1]))
            groups = self._at[where] = tuple(self._group(scope) for scope in scopes)
        return groups

    def _group(self, scope: ScopeKey) -> _Group:
        group = self.groups.get(scope)
        if group is None:
            group = self.groups[scope] = _Group(scope, Ledger(self.first))
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
        taken = {}
        for scope, group in self.groups.items():
            if group.mark is not None:
                taken[scope], group.mark = group.mark, None
        return taken

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
            ledger.add((0, (None, None), *self.apps[key].level))
        else:
            for change in app_changes:
                ledger.add(change)
        last = hour_of(until) if app_changes is None else hour_of(until) + 1
        for hour in range(hour_of(since), last, HOUR_S):
            yield hour_record(self.foundation, scope, ledger, hour, until)


def _settled(gone: list[Change], come: list[Change], first: int) -> dict[Where, Level]:
    """Return by place what the changes before ``first`` amount to."""
    found: dict[Where, Level] = {}
    for sign, changes in ((-1, gone), (1, come)):
        for at, where, instances, memory, tasks, task_memory in changes:
            if at < first:
                held = found.get(where, NOTHING)
                found[where] = Level(
                    held[0] + sign * instances,
                    held[1] + sign * memory,
                    held[2] + sign * tasks,
                    held[3] + sign * task_memory,
                )
    return found


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
