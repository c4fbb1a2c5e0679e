"""A past: apps that lived before anybody looked, with so many rows."""

import contextlib
import gc
import random
from collections.abc import Iterator
from typing import NamedTuple

from standin.cloud_controller import vocabulary
from standin.cloud_controller.clock import SECOND
from standin.cloud_controller.life import Life
from standin.cloud_controller.world import STARTED

DAY_S = 86_400
LARGE_ROWS = 100_000
SETTLING_IN = 0.2
"""The first apps are pushed in the first fifth of the time."""


class Past(NamedTuple):
    """How much past to make up. ``old_apps`` run since before all records: no row tells of them."""

    usage_rows: int
    apps: int
    span_s: float = 7 * DAY_S
    old_apps: int = 0
    orgs: int = 4


def found_orgs(life: Life, at: int, orgs: int) -> None:
    """Make organizations, each with the usual spaces, until there are so many."""
    for number in range(len(life.world.orgs), orgs):
        base = vocabulary.ORGS[number % len(vocabulary.ORGS)]
        name = base if number < len(vocabulary.ORGS) else f"{base}-{number}"
        org = life.ops.create_org(at, name)
        for space in vocabulary.SPACES:
            life.ops.create_space(at, org, space)


def add_old_apps(life: Life, chance: random.Random, at: int, count: int) -> None:
    """Let apps run that were started forty days before and never touched since."""
    born = at - 40 * DAY_S * SECOND
    spaces = list(life.world.spaces.values())
    for number in range(count):
        shape = vocabulary.processes(chance)
        app = life.ops.add_app(born, chance.choice(spaces), f"veteran-{number}", shape, "java_buildpack")
        app.state = STARTED
        for process in app.processes:
            process.state = STARTED


def write_past(life: Life, chance: random.Random, until: int, past: Past) -> None:
    """Live through the span that ends at ``until``; afterwards at least so many usage rows exist.

    Whatever the last deeds led to later than ``until`` stays on the agenda.
    """
    with _without_collector(large=past.usage_rows >= LARGE_ROWS):
        _live_through(life, chance, until, past)


def _live_through(life: Life, chance: random.Random, until: int, past: Past) -> None:
    ledger = life.ops.ledger
    start = until - int(past.span_s * SECOND)
    found_orgs(life, start, past.orgs)
    add_old_apps(life, chance, start, past.old_apps)
    first_part = (until - start) * SETTLING_IN
    for number in range(past.apps):
        at = start + int(first_part * number / past.apps)
        life.live_until(at)
        life.create(at)
    begun, goal = len(ledger.usage), past.usage_rows
    while len(ledger.usage) < goal:
        share = (len(ledger.usage) - begun) / (goal - begun)
        at = start + int(first_part + (until - start - first_part) * share)
        life.live_until(at)
        life.do_something(at)
        if len(life.world.apps) < past.apps:
            life.create(at)
    life.live_until(until)


@contextlib.contextmanager
def _without_collector(*, large: bool) -> Iterator[None]:
    """Keep the garbage collector from walking millions of rows that are no garbage, now and later."""
    if not large:
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
        gc.freeze()
