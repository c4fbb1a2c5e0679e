"""The made-up day of 5,000 apps through a real worker and the notifier's watch for storms: each alert, and no other."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.alert_day import APPS, DAY_S, day, facts_of
from support.alert_rows import T0
from support.command import clean_environment
from support.notifier_world import World, world
from support.usage_rows import usage
from support.waiting import until

from plumbing.clock import SECOND
from processors.alerts import evaluate
from processors.alerts.rules import Rules
from processors.alerts.state import CrashState, empty
from processors.alerts.storms import Storms, crashed
from schemas.records import Alert, AuditEvent

END = T0 + (DAY_S + 7200) * SECOND
WITHIN_S = 120
Said = set[tuple[str, str, int]]


@pytest.fixture
def notified(kafka: str, registry_url: str, tmp_path: Path) -> Iterator[World]:
    with world(kafka, registry_url, tmp_path) as made:
        yield made


def by_the_rules(rows: list[AuditEvent], instances: dict[int, int]) -> tuple[Said, set[str]]:
    """Return what the rules say of the rows (id, status and time of each alert), and the ids of storms."""
    rules = Rules()
    storms = Storms(rules.storms)
    facts = {f"app-{app}": facts_of(app, instances.get(app, 3)) for app in range(APPS)}
    states: dict[str, CrashState] = {}
    said: list[Alert] = []
    for event in rows:
        guid = event["app_guid"] or ""
        if (crash := crashed(event)) is not None:
            said += storms.observe(crash)
        states[guid], alerts = evaluate.observe(rules, states.get(guid, empty()), facts[guid], event)
        said += alerts
    for guid, state in states.items():
        said += evaluate.tick(rules, state, facts[guid], END)[1]
    said += storms.advance(END)
    of_storms = {one["id"] for one in said if one["app_guid"] is None}
    return {(one["id"], one["status"], one["as_of"]) for one in said}, of_storms


def test_a_day_of_five_thousand_apps_through_real_processes(notified: World, tmp_path: Path) -> None:
    rows, instances, _ = day()
    rows.sort(key=lambda event: (event["created_at"], event["app_guid"] or ""))
    expected, of_storms = by_the_rules(rows, instances)
    for app in range(APPS):
        guid, count = f"app-{app}", instances.get(app, 3)
        begun = usage("STARTED", 0, guid, process=guid, instances=count)
        notified.put(notified.topics.usage, guid, begun | {"created_at": T0 - 3600 * SECOND})
    receiver = {"name": "a", "type": "webhook", "url": "/a", "per_second": 100}
    notified.configure(receivers=[receiver], route={"receiver": "a"}, watch={"enabled": False})
    notified.checkpoint(T0, "app-usage-events")
    work(notified, tmp_path)  # what runs is known before anything crashes
    notified.crashes(rows, END)
    notified.checkpoint(END, "app-usage-events")
    work(notified, tmp_path)
    notified.start()
    storms = {one for one in expected if one[0] in of_storms}
    until(lambda: told(notified) >= storms, within_s=WITHIN_S, what="the storms are in the topic")
    assert told(notified) == expected
    assert len(expected) > 100


def work(notified: World, folder: Path) -> None:
    """Let a worker apply all there is."""
    own = {"CFSTREAM_DATA_DIR": str(folder), "CFSTREAM_WORKER_GROUP": f"{notified.topics.prefix}workers"}
    environment = clean_environment(notified.environment | own)
    command = [sys.executable, "-m", "cfstream", "processors", "run", "--until-caught-up"]
    done = subprocess.run(command, env=environment, capture_output=True, timeout=WITHIN_S, check=False)
    assert done.returncode == 0, done.stderr[-2000:]


def told(notified: World) -> Said:
    return {(one["id"], one["status"], one["as_of"]) for one in notified.read(notified.topics.alerts)}
