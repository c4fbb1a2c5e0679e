"""An app's usage as a step function of time: the moments at which it changes, by place, and by how much."""

from typing import NamedTuple

from processors.state.facts import explained, level, second
from schemas.tables import AppState


class Level(NamedTuple):
    """What runs: instances and their memory, tasks and theirs. Also the difference of two such."""

    instances: int = 0
    memory_mb: int = 0
    tasks: int = 0
    task_memory_mb: int = 0


NOTHING = Level()


class Change(NamedTuple):
    """From second ``at`` on, ``by`` more runs in this place."""

    at: int
    space_guid: str | None
    org_guid: str | None
    by: Level


def changes(state: AppState) -> list[Change]:
    """Return the changes of an app, in no order. The sum of all is what runs now; what expired counts until then."""
    found: list[Change] = []
    places = [(place["space_guid"], place["org_guid"]) for place in state["places"]]
    for process in state["processes"]:
        facts = process["facts"]
        held, held_place = (0, 0), 0
        for index, fact in enumerate(facts):
            now, place = level(fact), fact["place"]
            if (now == held and (place == held_place or now == (0, 0))) or explained(facts, index):
                continue
            at = second(fact["at"])
            if place == held_place or held == (0, 0):
                found.append(Change(at, *places[place], Level(now[0] - held[0], now[1] - held[1])))
            else:
                found.append(Change(at, *places[held_place], Level(-held[0], -held[1])))
                found.append(Change(at, *places[place], Level(*now)))
            held, held_place = now, place
    for task in state["tasks"]:
        started, stopped = task["started_at"], task["stopped_at"]
        if started is None or (stopped is not None and stopped <= started):
            continue
        memory = task["memory_mb"]
        found.append(Change(second(started), *places[task["place"]], Level(0, 0, 1, memory)))
        if stopped is not None:
            found.append(Change(second(stopped), *places[task["place"]], Level(0, 0, -1, -memory)))
    return found
