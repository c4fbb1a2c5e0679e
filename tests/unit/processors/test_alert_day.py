"""A made-up day of 5,000 apps whose troubles are known: what is told equals what was expected, no more, no fewer."""

import random
from collections import Counter
from typing import Any

from support.alert_rows import T0, crash, facts, row

from plumbing.clock import SECOND
from processors.alerts import evaluate
from processors.alerts.diego import restart_wait_s
from processors.alerts.rules import Rules
from processors.alerts.state import AppFacts, CrashState, empty
from processors.alerts.storms import Storms, crashed
from processors.notify.config import AlertsConfig
from processors.notify.engine import Engine
from schemas.records import Alert, AuditEvent

APPS, SPACES, ORGS, CELLS = 5000, 100, 10, 200
DAY_S = 86_400
Told = tuple[str, str, str]


def about(app: int, event: AuditEvent) -> AuditEvent:
    guid = f"app-{app}"
    place = {"space_guid": f"space-{app % SPACES}", "org_guid": f"org-{app % ORGS}"}
    return event | {"app_guid": guid, "target_guid": guid, "target_name": guid} | place  # type: ignore[return-value] # keys of AuditEvent


def crash_of(app: int, at_s: float, index: int = 0, cell: str | None = None, **given: Any) -> AuditEvent:
    return about(app, crash(int(at_s), index, cell_id=cell or f"cell-{(app * 7 + index) % CELLS}", **given))


def facts_of(app: int, instances: int) -> AppFacts:
    return facts(
        app_guid=f"app-{app}",
        app_name=f"app-{app}",
        space_guid=f"space-{app % SPACES}",
        space_name=None,
        org_guid=f"org-{app % ORGS}",
        instances=instances,
    )


class Player:
    """Rows in order of time through rules, storms and the notifier's engine, on one clock."""

    def __init__(self, instances: dict[int, int]) -> None:
        self._rules = Rules()
        self._storms = Storms(self._rules.storms)
        self._states: dict[str, CrashState] = {}
        self._due: dict[str, int] = {}
        self._facts = {f"app-{app}": facts_of(app, instances.get(app, 3)) for app in range(APPS)}
        receiver = {"name": "chat", "type": "webhook", "url": "https://chat.example/x"}
        self.engine = Engine(AlertsConfig.model_validate({"receivers": [receiver], "route": {"receiver": "chat"}}))
        self.messages = 0
        self.told: Counter[Told] = Counter()
        self.notes: dict[Told, dict[str, str]] = {}

    def play(self, rows: list[AuditEvent], until_s: int) -> None:
        rows = sorted(rows, key=lambda event: (event["created_at"], event["app_guid"] or ""))
        position = 0
        for at_s in range(0, until_s + 1, 10):
            now = T0 + at_s * SECOND
            said: list[Alert] = []
            while position < len(rows) and rows[position]["created_at"] <= now:
                said += self._observe(rows[position])
                position += 1
            said += self._tick(now)
            for alert in said:
                self.engine.ingest(alert, None, now)
            self._send(now)

    def _observe(self, event: AuditEvent) -> list[Alert]:
        guid = event["app_guid"] or ""
        one = crashed(event)
        said = self._storms.observe(one) if one else []
        state, alerts = evaluate.observe(self._rules, self._states.get(guid, empty()), self._facts[guid], event)
        self._keep(guid, state)
        return said + alerts

    def _keep(self, guid: str, state: CrashState) -> None:
        self._states[guid] = state
        self._due.pop(guid, None)
        due = evaluate.due(self._rules, state, self._facts[guid])
        if due is not None:
            self._due[guid] = due

    def _tick(self, now: int) -> list[Alert]:
        said = self._storms.advance(now)
        for guid in [guid for guid, due in self._due.items() if due <= now]:
            state, alerts = evaluate.tick(self._rules, self._states[guid], self._facts[guid], now)
            self._keep(guid, state)
            said += alerts
        return said

    def _send(self, now: int) -> None:
        due = self.engine.due()
        if due is None or due > now:
            return
        for batch in self.engine.flush(now):
            self.messages += 1
            repeat = self.engine.entries[batch.receiver, batch.group_key].announced
            for alert in batch.alerts:
                if alert["status"] == "resolved" or alert["id"] not in repeat:
                    one = (alert["rule"], alert["app_guid"] or alert["labels"]["scope_guid"], alert["status"])
                    self.told[one] += 1
                    self.notes[one] = alert["annotations"] | {"reason": alert["resolve_reason"] or ""}
            self.engine.settle(batch, arrived=True, now=now)


def diego_loop(app: int, at_s: float, crashes: int) -> list[AuditEvent]:
    rows = []
    for count in range(1, crashes + 1):
        rows.append(crash_of(app, at_s))
        at_s += restart_wait_s(count) + 8
    return rows


def both(rule: str, subject: str, times: int = 1) -> Counter[Told]:
    return Counter({(rule, subject, "firing"): times, (rule, subject, "resolved"): times})


def test_a_day_of_five_thousand_apps() -> None:
    chance = random.Random(2026)
    noisy = range(1000, APPS)
    rows = [crash_of(app, chance.randrange(DAY_S - 7200), chance.randrange(3)) for app in noisy]
    rows += [about(app, row(chance.randrange(DAY_S), "audit.app.droplet.mapped")) for app in range(900, 1000)]
    instances: dict[int, int] = {}
    expected: Counter[Told] = Counter()

    for app in range(20):  # crash loops of one instance that thin out to one crash in 16 minutes
        rows += diego_loop(app, chance.randrange(40_000), chance.randrange(4, 16))
        instances[app] = 1
        expected += both("crash-loop", f"app-{app}")
    for app in range(100, 110):  # a deploy that brings all instances down, until the next one mends it
        at_s = chance.randrange(1000, 60_000)
        rows.append(about(app, row(at_s, "audit.app.droplet.mapped")))
        rows += [crash_of(app, at_s + 60 + index, index) for index in range(3)]
        rows.append(about(app, row(at_s + 400, "audit.app.droplet.mapped")))
        expected += both("all-instances-down", f"app-{app}")
    for app in range(200, 205):  # comes and goes six times in 90 minutes
        at_s = chance.randrange(1000, 60_000)
        rows += [crash_of(app, at_s + burst * 900 + n, n) for burst in range(6) for n in range(3)]
        instances[app] = 50
        expected += both("crash-rate", f"app-{app}", 3)
    for app in range(300, 305):  # out of memory, once
        rows.append(crash_of(app, chance.randrange(60_000), exit_description="Exited with status 137 (out of memory)"))
        expected += both("out-of-memory", f"app-{app}")
    for n in range(8):  # a small cell falls over
        rows.append(crash_of(400 + n * 11, 70_000 + n / 2, cell="cell-small"))
    expected += both("cell-storm", "cell-small")
    for app in range(500, 800):  # a large one
        rows.append(crash_of(app, 75_000 + chance.random() * 4, cell="cell-large"))
    expected += both("foundation-storm", "f")

    player = Player(instances)
    player.play(rows, DAY_S + 7200)
    assert player.told == expected
    assert player.messages <= expected.total()
    assert player.notes["foundation-storm", "f", "firing"]["cells"].startswith("cell-large")
    for app in range(100, 110):
        assert "crashing since the deploy" in player.notes["all-instances-down", f"app-{app}", "firing"]["deploy"]
        assert player.notes["all-instances-down", f"app-{app}", "resolved"]["reason"] == "restaged"
    assert player.engine.alerts() == []
    assert player.engine.entries == {}


def test_ten_thousand_crashes_in_a_minute_are_a_handful_of_messages() -> None:
    chance = random.Random(5)
    rows = [crash_of(app, 600 + chance.random() * 60, index) for app in range(APPS) for index in range(2)]
    player = Player(dict.fromkeys(range(APPS), 2))
    player.play(rows, 4000)
    assert 1 <= player.messages <= 5
    assert {told[0] for told in player.told} <= {"foundation-storm"}
