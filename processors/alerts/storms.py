"""Storms: many apps that crash together on one cell, or in one space, org or foundation. No I/O, event time.

A storm spans partitions, so it cannot be decided where one app is decided. One reader sees the crashes of all
partitions and hands them over in event-time order, each stretch once it is complete up to a watermark. So the
outcome is a function of the rows alone, however they are spread over partitions and in whatever order those are read.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import islice
from math import ceil
from typing import Literal, NamedTuple

from plumbing.clock import SECOND, iso
from processors.alerts import templates
from processors.alerts.durations import words
from processors.alerts.matching import matches
from processors.alerts.messages import stable_id
from processors.alerts.rules import Rule
from processors.alerts.state import AppFacts
from schemas.records import Alert, AuditEvent, Micros

_NAMED_APPS = 5
_NAMED_CELLS = 3
_WHERE = {"cell": "on cell {}", "space": "in space {}", "org": "in org {}", "foundation": "in foundation {}"}


class Crashed(NamedTuple):
    """One crash, as storms see it. Sorted by time, then app: the order in which they are observed."""

    at: Micros
    app_guid: str
    app_name: str | None
    space_guid: str | None
    org_guid: str | None
    cell_id: str | None
    foundation: str


def crashed(row: AuditEvent) -> Crashed | None:
    """Return the crash of an ``app.crash`` row, None for any other and for one without an app."""
    if row["type"] != "app.crash" or row["app_guid"] is None:
        return None
    crash = row["crash"]
    cell = crash["cell_id"] if crash else None
    return Crashed(
        row["created_at"],
        row["app_guid"],
        row["target_name"],
        row["space_guid"],
        row["org_guid"],
        cell,
        row["foundation"],
    )


@dataclass
class _Scope:
    """One cell, space, org or foundation under one rule.

    ``apps``: newest crash of each app inside the window, oldest first. ``held_until``: before when enough apps
    have crashed together, as of the last crash; 0 where they never did.
    """

    rule: Rule
    foundation: str
    value: str
    org_guid: str | None
    apps: dict[str, Micros] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)
    cells: dict[str, str] = field(default_factory=dict)
    status: Literal["idle", "pending", "firing"] = "idle"
    since: Micros = 0
    held_until: Micros = 0
    silent_until: Micros = 0
    peak: int = 0
    crashes: int = 0

    def crash(self, crash: Crashed) -> None:
        """Take a crash, in order of time."""
        self.apps.pop(crash.app_guid, None)
        self.apps[crash.app_guid] = crash.at
        self.names[crash.app_guid] = crash.app_name or crash.app_guid
        self.cells[crash.app_guid] = crash.cell_id or ""
        self.crashes += 1
        self.peak = max(self.peak, len(self.apps))
        needed = ceil(self.rule.threshold)
        if len(self.apps) >= needed:
            nth = next(islice(reversed(self.apps.values()), needed - 1, None))
            until = nth + self.rule.window * SECOND
            if until > crash.at:
                self.held_until = until

    def expire(self, until: Micros) -> None:
        """Forget the apps whose newest crash has left the window."""
        oldest = until - self.rule.window * SECOND
        while self.apps and (app := next(iter(self.apps))) and self.apps[app] <= oldest:
            del self.apps[app], self.names[app], self.cells[app]


class Storms:
    """All scopes. Memory is bounded by the apps that crash within the longest window."""

    def __init__(self, rules: Iterable[Rule]) -> None:
        self._rules = tuple(rules)
        self._scopes: dict[tuple[str, str, str], _Scope] = {}

    def observe(self, crash: Crashed) -> list[Alert]:
        """Take the next crash in order; return what fires or resolves before or by it."""
        said: list[Alert] = []
        for rule in self._rules:
            scope = self._scope(rule, crash)
            if scope is not None:
                said += _pass(scope, crash.at - 1) + _take(scope, crash)
        return said

    def advance(self, until: Micros) -> list[Alert]:
        """Carry out what is due up to ``until``: no crash of that time or before is to come."""
        said: list[Alert] = []
        for key, scope in list(self._scopes.items()):
            said += _pass(scope, until)
            if scope.status == "idle" and not scope.apps and scope.silent_until <= until:
                del self._scopes[key]
        return sorted(said, key=lambda alert: (alert["as_of"], alert["id"]))

    def needed_from(self, now: Micros) -> Micros:
        """Return the event time from which the crashes must be read again to be in this state at ``now``."""
        window = max((rule.window for rule in self._rules), default=0) * SECOND
        begun = [scope.since for scope in self._scopes.values() if scope.status != "idle"]
        return min([now, *begun]) - window

    def _scope(self, rule: Rule, crash: Crashed) -> _Scope | None:
        value = {
            "cell": crash.cell_id,
            "space": crash.space_guid,
            "org": crash.org_guid,
            "foundation": crash.foundation,
        }[rule.by or "foundation"]
        if not value or not _wanted(rule, crash):
            return None
        key = (rule.name, crash.foundation, value)
        known = self._scopes.get(key)
        if known is None:
            org = crash.org_guid if rule.by in ("space", "org") else None
            known = self._scopes[key] = _Scope(rule, crash.foundation, value, org)
        return known


def _wanted(rule: Rule, crash: Crashed) -> bool:
    if rule.match.specificity == 0 and rule.exclude is None:
        return True
    facts: AppFacts = {
        "foundation": crash.foundation,
        "app_guid": crash.app_guid,
        "app_name": crash.app_name,
        "space_guid": crash.space_guid,
        "space_name": None,
        "org_guid": crash.org_guid,
        "instances": 0,
        "instance_memory_mb": None,
        "labels": {},
    }
    return matches(rule.match, facts) and not (rule.exclude is not None and matches(rule.exclude, facts))


def _take(scope: _Scope, crash: Crashed) -> list[Alert]:
    scope.expire(crash.at)
    scope.crash(crash)
    if scope.status == "idle" and scope.held_until > crash.at:
        scope.status, scope.since = "pending", crash.at
        scope.peak = scope.crashes = len(scope.apps)
    return _fire(scope, crash.at)


def _fire(scope: _Scope, until: Micros) -> list[Alert]:
    due = max(scope.since + scope.rule.for_ * SECOND, scope.silent_until)
    if scope.status != "pending" or due > until or due >= scope.held_until:
        return []
    scope.status = "firing"
    return [_alert(scope, "firing", due)]


def _pass(scope: _Scope, until: Micros) -> list[Alert]:
    said = _fire(scope, until)
    over = scope.held_until + scope.rule.resolve_after * SECOND
    if scope.status == "pending" and scope.held_until <= until:
        scope.status = "idle"
    elif scope.status == "firing" and over <= until:
        said.append(_alert(scope, "resolved", over))
        scope.status, scope.silent_until = "idle", over + scope.rule.cool_down * SECOND
    scope.expire(until)
    return said


def _alert(scope: _Scope, status: Literal["firing", "resolved"], as_of: Micros) -> Alert:
    rule = scope.rule
    by = rule.by or "foundation"
    labels = {
        "alertname": rule.name,
        "severity": rule.severity,
        "kind": "storm",
        "storm": by,
        "foundation": scope.foundation,
        "scope_guid": scope.value,
    }
    if by != "foundation":
        labels["cell_id" if by == "cell" else f"{by}_guid"] = scope.value
    if scope.org_guid:
        labels["org_guid"] = scope.org_guid
    worst = [scope.names[app] for app in reversed(scope.apps)]
    values = {
        "apps": scope.peak,
        "crashes": scope.crashes,
        "window": words(rule.window),
        "subject": scope.value,
        "foundation": scope.foundation,
        "severity": rule.severity,
        "rule": rule.name,
        "since": iso(scope.since),
        "space_guid": scope.value if by == "space" else None,
        "org_guid": scope.org_guid,
    }
    template = rule.summary or "{apps} apps crash " + _WHERE[by].format("{subject}")
    more = f" and {len(worst) - _NAMED_APPS} more" if len(worst) > _NAMED_APPS else ""
    return {
        "foundation": scope.foundation,
        "id": stable_id(scope.foundation, rule.name, scope.value, str(scope.since)),
        "rule": rule.name,
        "severity": rule.severity,
        "status": status,
        "starts_at": scope.since,
        "ends_at": as_of if status == "resolved" else None,
        "as_of": as_of,
        "app_guid": None,
        "app_name": None,
        "space_guid": scope.value if by == "space" else None,
        "space_name": None,
        "org_guid": scope.org_guid,
        "summary": templates.fill(template, values),
        "resolve_reason": "quiet" if status == "resolved" else None,
        "crashes": scope.crashes,
        "window_s": rule.window,
        "labels": labels,
        "annotations": {
            "since": iso(scope.since),
            "crashes": str(scope.crashes),
        }
        | ({"apps": ", ".join(worst[:_NAMED_APPS]) + more, "cells": _cells(scope)} if worst else {}),
    }


def _cells(scope: _Scope) -> str:
    """Name the cells with the most apps: a storm of a foundation may be the fault of one cell."""
    most = Counter(cell for cell in scope.cells.values() if cell).most_common(_NAMED_CELLS)
    return ", ".join(f"{cell} ({count} of {len(scope.apps)} apps)" for cell, count in most)
