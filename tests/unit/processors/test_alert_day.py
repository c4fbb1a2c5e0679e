"""A made-up day of 5,000 apps whose troubles are known: what is told equals what was expected, no more, no fewer."""

import random
from collections import Counter

from support.alert_day import APPS, DAY_S, Told, crash_of, day, facts_of
from support.alert_rows import T0

from plumbing.clock import SECOND
from processors.alerts import evaluate
from processors.alerts.rules import Rules
from processors.alerts.state import CrashState, empty
from processors.alerts.storms import Storms, crashed
from processors.notify.config import AlertsConfig
from processors.notify.engine import Engine
from schemas.records import Alert, AuditEvent


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


def test_a_day_of_five_thousand_apps() -> None:
    rows, instances, expected = day()
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
