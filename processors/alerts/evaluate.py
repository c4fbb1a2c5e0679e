"""The state machine of an app's alerts, in event time. Pure: state in, state and alerts out.

Called by the fold of the worker, in the order of the log:

    observe(rules, state, facts, row)        each audit event of the app
    cleared(rules, state, facts, at, why)    the app was "stopped", "restarted", "deleted" or "restaged"
    tick(rules, state, facts, watermark)     all rows up to that time are applied; nothing else moves time
    due(rules, state, facts)                 when the next tick would change anything, None: never

``app.crash`` counts a crash; its twin ``audit.app.process.crash`` only adds what Diego counted. A deadline that lies
before a row's time is carried out before the row, at the deadline's own time; one at the very time of a row after it:
a crash then keeps its alert, and an app stopped in the second in which it would have been quiet long enough resolves
as stopped, for that is what happened. A tick comes after all rows of its time. So the outcome depends on the log alone:
where ticks fall, how rows are batched and how often they are replayed changes nothing, ids included.

A late row takes its place in the windows and is judged at the newest crash known.
"""

from collections.abc import Iterable
from typing import Literal

from plumbing.clock import SECOND
from processors.alerts import crash_rows, messages, windows
from processors.alerts.conditions import Reading, concerns, readings
from processors.alerts.crash_rows import Change
from processors.alerts.matching import applicable
from processors.alerts.rules import Rule, Rules
from processors.alerts.state import AppFacts, CrashAlert, CrashState, RecentCrash
from schemas.records import Alert, AuditEvent, Micros

Outcome = tuple[CrashState, list[Alert]]
_REFRESH_FROM = 8


def observe(rules: Rules, state: CrashState, facts: AppFacts, row: AuditEvent) -> Outcome:
    """Apply one audit event of the app, in log order. Rows that are about neither crash nor deploy change nothing."""
    if row["type"] == crash_rows.COUNTED:
        return _crashed(rules, state, facts, row)
    if row["type"] == crash_rows.TWIN:
        return _twin(rules, state, facts, row)
    change = crash_rows.CHANGES.get(row["type"])
    if change is None:
        return state, []
    after, alerts = cleared(rules, state, facts, row["created_at"], change)
    if row["type"] in crash_rows.DEPLOYS and row["created_at"] >= (state["deployed_at"] or 0):
        after = after.copy()
        after["deployed_at"], after["deployed_by"] = row["created_at"], row["type"]
    return after, alerts


def cleared(rules: Rules, state: CrashState, facts: AppFacts, at: Micros, reason: Change) -> Outcome:
    """Forget the crashes up to ``at`` and resolve what they had set off; idempotent, and late calls are harmless."""
    if at <= (state["cleared_at"] or 0) or state["last_at"] is None:
        return state, []
    machine = _Machine(rules, state, facts)
    machine.advance(at, tick=False)
    machine.clear(at, reason)
    return machine.outcome()


def tick(rules: Rules, state: CrashState, facts: AppFacts, watermark: Micros) -> Outcome:
    """Carry out what is due up to the watermark. Returns the same state object when nothing is."""
    moment = due(rules, state, facts)
    if moment is None or moment > watermark:
        return state, []
    machine = _Machine(rules, state, facts)
    machine.advance(watermark, tick=True)
    return machine.outcome()


def due(rules: Rules, state: CrashState, facts: AppFacts) -> Micros | None:
    """Return the event time of the next deadline, None where no alert is pending, firing or cooling."""
    if not state["alerts"]:
        return None
    machine = _Machine(rules, state, facts)
    return min((moment for alert in state["alerts"] if (moment := machine.deadline(alert)) is not None), default=None)


def _crashed(rules: Rules, state: CrashState, facts: AppFacts, row: AuditEvent) -> Outcome:
    at = row["created_at"]
    crash = crash_rows.recent(row)
    if at <= (state["cleared_at"] or 0):
        return state | {"total": state["total"] + 1}, []
    machine = _Machine(rules, state, facts)
    machine.advance(at, tick=False)
    before = machine.state
    machine.state = (
        before
        | crash_rows.last_fields(before, row)
        | {  # type: ignore[assignment] # last_fields gives fields of this very TypedDict
            "total": before["total"] + 1,
            "recent": windows.insert(before["recent"], crash, rules.longest_window_s),
            "indexes": windows.crashed(before["indexes"], crash["index"], at),
        }
    )
    machine.count(crash)
    machine.arm()
    return machine.outcome()


def _twin(rules: Rules, state: CrashState, facts: AppFacts, row: AuditEvent) -> Outcome:
    details = row["crash"]
    at = row["created_at"]
    if (
        details is None
        or details["index"] is None
        or details["crash_count"] is None
        or at <= (state["cleared_at"] or 0)
    ):
        return state, []
    machine = _Machine(rules, state, facts)
    machine.advance(at, tick=False)
    indexes = windows.noted(machine.state["indexes"], details["index"], at, details["crash_count"])
    machine.state = machine.state.copy()
    machine.state["indexes"] = indexes
    if at == state["last_at"]:  # else its crash is still to come, and the rules look then
        machine.state["last_version"] = details["version"] or machine.state["last_version"]
        machine.arm()
    return machine.outcome()


class _Machine:
    """One step's working copy: the state, what the rules read from it, and the alerts said so far."""

    def __init__(self, rules: Rules, state: CrashState, facts: AppFacts) -> None:
        self.state = state
        self._facts = facts
        self._rules = {rule.name: rule for rule in applicable(rules.of_apps, facts)}
        self._said: list[Alert] = []

    def outcome(self) -> Outcome:
        return self.state, self._said

    def deadline(self, alert: CrashAlert) -> Micros | None:
        """When this alert next changes by itself."""
        rule = self._rules.get(alert["rule"])
        if rule is None:
            return alert["since"]
        if alert["status"] == "cooling":
            return alert["cool_until"] or 0
        reading = self._reading(rule, alert["subject"])
        if alert["status"] == "firing":
            return _quiet_at(rule, alert, reading)
        return min(_fires_at(rule, alert), reading.holds_until if reading else 0)

    def advance(self, until: Micros, *, tick: bool) -> None:
        """Carry out deadlines in order of time, up to ``until``.

        A row at ``until`` may keep a condition alive, so at that very moment a row lets alerts fire but not end; a
        tick, after which no such row can come, does both.
        """
        alerts = list(self.state["alerts"])
        while True:
            open_now = (
                (moment, n)
                for n, alert in enumerate(alerts)
                if (moment := self.deadline(alert)) is not None
                and (moment < until or (moment == until and (tick or self._fires(alert, moment))))
            )
            moment, n = min(open_now, default=(until, -1))
            if n < 0:
                break
            after = self._step(alerts.pop(n), moment, until)
            if after is not None:
                alerts.append(after)
        if alerts != self.state["alerts"]:
            self.state = self.state.copy()
            self.state["alerts"] = alerts

    def count(self, crash: RecentCrash) -> None:
        """Count a crash to the alerts it concerns; say a firing one anew when its count has doubled."""
        alerts = []
        for alert in self.state["alerts"]:
            rule = self._rules.get(alert["rule"])
            if rule is None or alert["status"] == "cooling" or not concerns(rule, alert["subject"], crash):
                alerts.append(alert)
                continue
            counted = alert.copy()
            counted["crashes"] += 1
            counted["last_at"] = max(alert["last_at"], crash["at"])
            alerts.append(counted)
            doubled = counted["crashes"] >= _REFRESH_FROM and counted["crashes"].bit_count() == 1
            if counted["status"] == "firing" and doubled:
                self._say(rule, counted, "firing", counted["last_at"])
        self.state["alerts"] = alerts

    def arm(self) -> None:
        """Begin what holds now, at the newest crash, and fire what need not wait."""
        now = self.state["last_at"]
        if now is None:
            return
        alerts = {(alert["rule"], alert["subject"]): alert for alert in self.state["alerts"]}
        for rule in self._rules.values():
            for reading in readings(rule, self.state, self._facts):
                key = (rule.name, reading.subject)
                known = alerts.get(key)
                if reading.holds_until > now and (known is None or known["status"] == "cooling"):
                    alerts[key] = self._begin(rule, reading, now, known)
        self.state = self.state.copy()
        self.state["alerts"] = list(alerts.values())
        self.advance(now, tick=False)

    def clear(self, at: Micros, reason: Change) -> None:
        state = self.state.copy()
        state["cleared_at"] = at
        state["recent"] = [crash for crash in state["recent"] if crash["at"] > at]
        state["indexes"] = [index for index in state["indexes"] if index["last_at"] > at]
        self.state = state
        alerts = []
        for alert in state["alerts"]:
            if alert["status"] == "cooling" or alert["since"] > at:
                alerts.append(alert)
            elif alert["status"] == "firing":
                self._resolve(self._rules.get(alert["rule"]), alert, at, reason)
        state["alerts"] = alerts
        self.arm()

    def _begin(self, rule: Rule, reading: Reading, now: Micros, cooling: CrashAlert | None) -> CrashAlert:
        return {
            "rule": rule.name,
            "subject": reading.subject,
            "status": "pending",
            "since": now,
            "id": messages.alert_id(self._facts, rule.name, reading.subject, now),
            "last_at": reading.last_at,
            "crashes": reading.count,
            "cool_until": cooling["cool_until"] if cooling else None,
        }

    def _fires(self, alert: CrashAlert, moment: Micros) -> bool:
        rule = self._rules.get(alert["rule"])
        if rule is None or alert["status"] != "pending":
            return False
        reading = self._reading(rule, alert["subject"])
        return reading is not None and _fires_at(rule, alert) <= moment and _fires_at(rule, alert) < reading.holds_until

    def _step(self, alert: CrashAlert, moment: Micros, until: Micros) -> CrashAlert | None:
        rule = self._rules.get(alert["rule"])
        if rule is None:
            if alert["status"] == "firing":
                self._resolve(None, alert, until, "rule removed")
            return None
        if alert["status"] == "cooling":
            return None
        if alert["status"] == "firing":
            self._resolve(rule, alert, moment, "quiet")
            cool_until = moment + rule.cool_down * SECOND
            cooling: CrashAlert = alert | {"status": "cooling", "last_at": moment, "cool_until": cool_until}
            return cooling if rule.cool_down else None
        if self._fires(alert, moment):
            self._say(rule, alert, "firing", moment)
            return alert | {"status": "firing", "cool_until": None}
        cool_until = alert["cool_until"] or 0
        return alert | {"status": "cooling"} if cool_until > moment else None

    def _reading(self, rule: Rule, subject: str) -> Reading | None:
        found: Iterable[Reading] = readings(rule, self.state, self._facts)
        return next((reading for reading in found if reading.subject == subject), None)

    def _say(self, rule: Rule, alert: CrashAlert, status: Literal["firing"], at: Micros) -> None:
        self._said.append(messages.alert(rule, alert, self.state, self._facts, status=status, as_of=at))

    def _resolve(self, rule: Rule | None, alert: CrashAlert, at: Micros, reason: str) -> None:
        self._said.append(
            messages.alert(rule, alert, self.state, self._facts, status="resolved", as_of=at, reason=reason)
        )


def _fires_at(rule: Rule, alert: CrashAlert) -> Micros:
    return max(alert["since"] + rule.for_ * SECOND, alert["cool_until"] or 0)


def _quiet_at(rule: Rule, alert: CrashAlert, reading: Reading | None) -> Micros | None:
    quiet_s = reading.quiet_s if reading else rule.resolve_after
    if quiet_s is None:
        return None
    return max(alert["last_at"] + quiet_s * SECOND, reading.holds_until if reading else 0)
