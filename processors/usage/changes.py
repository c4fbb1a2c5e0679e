"""An app's usage as a step function of time: the moments at which it changes, by place, and by how much."""

from typing import NamedTuple

from plumbing.clock import SECOND
from processors.state.facts import ROW, STARTED, explained
from schemas.tables import AppState, Process


class Level(NamedTuple):
    """What runs: instances and their memory, tasks and theirs. Also the difference of two such."""

    instances: int = 0
    memory_mb: int = 0
    tasks: int = 0
    task_memory_mb: int = 0


NOTHING = Level()

Where = tuple[str | None, str | None]
"""Guids of a space and its organization."""

Change = tuple[int, Where, int, int, int, int]
"""From this second on, in this place: so many more instances, MB, tasks, MB of tasks. A bare tuple, for there are
many and they are made and compared for each chunk."""


def changes(state: AppState) -> list[Change]:
    """Return the changes of an app, in a fixed order. The sum of all is what runs now."""
    found: list[Change] = []
    places: list[Where] = [(place["space_guid"], place["org_guid"]) for place in state["places"]]
    for process in state["processes"]:
        _of_process(process, places, found)
    for task in state["tasks"]:
        started, stopped = task["started_at"], task["stopped_at"]
        if started is None:
            continue
        memory, where = task["memory_mb"], places[task["place"]]
        found.append((started // SECOND, where, 0, 0, 1, memory))
        if stopped is not None:
            # One that ended at once adds nothing, but leaves a trace: what was published of it must be published anew.
            found.append((max(stopped, started) // SECOND, where, 0, 0, -1, -memory))
    return found


def _of_process(process: Process, places: list[Where], found: list[Change]) -> None:
    facts = process["facts"]
    held_instances = held_memory = held_place = 0
    for index, fact in enumerate(facts):
        if fact["state"] == STARTED:
            instances = fact["instances"]
            memory = instances * fact["memory_mb"]
        else:
            instances = memory = 0
        place = fact["place"]
        moved = place != held_place and (instances or memory) and (held_instances or held_memory)
        if instances == held_instances and memory == held_memory and not moved:
            continue
        if fact["source"] != ROW and explained(facts, index):
            continue
        at = fact["at"] // SECOND
        if moved:
            found.append((at, places[held_place], -held_instances, -held_memory, 0, 0))
            found.append((at, places[place], instances, memory, 0, 0))
        else:
            where = places[place if instances or memory else held_place]
            found.append((at, where, instances - held_instances, memory - held_memory, 0, 0))
        held_instances, held_memory, held_place = instances, memory, place


def differences(before: list[Change], after: list[Change]) -> tuple[list[Change], list[Change]]:
    """Return what only ``before`` has and what only ``after`` has, but for equal changes in between."""
    start, ends = 0, (len(before), len(after))
    shorter = min(ends)
    while start < shorter and before[start] == after[start]:
        start += 1
    tail = 0
    while tail < shorter - start and before[ends[0] - 1 - tail] == after[ends[1] - 1 - tail]:
        tail += 1
    return before[start : ends[0] - tail], after[start : ends[1] - tail]


def total(changes_: list[Change]) -> Level:
    """Return what runs after all changes."""
    instances = memory = tasks = task_memory = 0
    for change in changes_:
        instances += change[2]
        memory += change[3]
        tasks += change[4]
        task_memory += change[5]
    return Level(instances, memory, tasks, task_memory)
