"""Compares the tables of a worker without Kafka with the independent reckoning."""

from typing import Any

from support import usage_oracle
from support.usage_rows import HOUR, SECOND
from support.worker_world import World


def expected_and_found(world: World, rows: list[Any], until: int) -> list[tuple[str, Any, Any]]:
    """Return what differs: apps, totals of three scopes, and every closed hour unless the worker keeps none."""
    totals, hours = world.rolled()
    wanted = usage_oracle.running(rows)
    found = {
        ("app", app): (s["running_instances"], s["memory_mb"], s["running_tasks"], s["task_memory_mb"])
        for app, s in world.states_by_app().items()
    } | {
        key: (t["running_instances"], t["memory_mb"], t["running_tasks"], t["task_memory_mb"])
        for key, t in totals.items()
    }
    nothing = (0, 0, 0, 0)
    differ = [
        (str(key), wanted.get(key, nothing), found.get(key, nothing))
        for key in wanted.keys() | found.keys()
        if wanted.get(key, nothing) != found.get(key, nothing)
    ]
    wanted_hours = {} if world.hours == "off" else usage_oracle.hours(rows, until)
    found_hours = {
        (h["scope"], h["guid"], h["hour"] // SECOND): (
            h["instance_seconds"],
            h["memory_mb_seconds"],
            h["task_seconds"],
            h["task_memory_mb_seconds"],
        )
        for h in hours.values()
        if h["hour"] + HOUR <= until * SECOND // HOUR * HOUR
    }
    return differ + [
        (str(where), wanted_hours.get(where, nothing), found_hours.get(where, nothing))
        for where in wanted_hours.keys() | found_hours.keys()
        if wanted_hours.get(where, nothing) != found_hours.get(where, nothing)
    ]
