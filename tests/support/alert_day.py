"""A made-up day of 5,000 apps whose troubles are known: its rows, and what is to be told of them."""

import random
from collections import Counter
from typing import Any

from support.alert_rows import crash, facts, row

from processors.alerts.diego import restart_wait_s
from processors.alerts.state import AppFacts
from schemas.records import AuditEvent

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


def diego_loop(app: int, at_s: float, crashes: int) -> list[AuditEvent]:
    rows = []
    for count in range(1, crashes + 1):
        rows.append(crash_of(app, at_s))
        at_s += restart_wait_s(count) + 8
    return rows


def both(rule: str, subject: str, times: int = 1) -> Counter[Told]:
    return Counter({(rule, subject, "firing"): times, (rule, subject, "resolved"): times})


def day() -> tuple[list[AuditEvent], dict[int, int], Counter[Told]]:
    """Return the rows, the running instances by app (3 where not said), and what is told: rule, subject, status."""
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
    return rows, instances, expected
