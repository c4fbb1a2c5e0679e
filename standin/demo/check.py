"""Compares what the pipeline made of the feeds with what the Cloud Controller knows."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from schemas.tables import AppState
from standin.chat_room.room import Message
from standin.demo.view import differences

SHOWN = 3


@dataclass(frozen=True)
class Outcome:
    """The last line of a checked run, field by field as it is printed."""

    usage_events: int
    audit_events: int
    apps: int
    running_instances: int
    memory_mb: int
    alerts_sent: int
    alerts_received: int
    matches_source: bool
    rows_per_second: float
    seconds: float


def row_faults(feed: str, found: Counter[tuple[str, int]], wanted: set[tuple[str, int]]) -> list[str]:
    """Say which rows of a feed are missing, doubled or made up; an empty list means each is there once."""
    missing, foreign = wanted - found.keys(), found.keys() - wanted
    return [
        *_fault(feed, "are missing", missing),
        *doubled_faults(feed, found),
        *_fault(feed, "are not the source's", foreign),
    ]


def doubled_faults(feed: str, found: Counter[tuple[str, int]]) -> list[str]:
    """Say which rows of a feed are there more than once."""
    return _fault(feed, "are doubled", [identity for identity, count in found.items() if count > 1])


def _fault(feed: str, text: str, rows: Collection[tuple[str, int]]) -> list[str]:
    return [f"{feed}: {len(rows)} rows {text}, such as {min(rows)[0]}"] if rows else []


def state_faults(tables: Mapping[str, AppState], truth: Mapping[str, Any]) -> list[str]:
    """Say which apps differ in running instances or memory, and whether the sums do."""
    different = differences(tables, truth["apps"])
    faults = [
        f"app {each.app_guid}: {each.tables[0]} instances and {each.tables[1]} MB in the tables, "
        f"{each.source[0]} and {each.source[1]} MB at the source"
        for each in different[:SHOWN]
    ]
    if len(different) > SHOWN:
        faults.append(f"and {len(different) - SHOWN} apps more")
    tasks = sum(state["task_memory_mb"] for state in tables.values())
    if tasks != truth["task_memory_mb"]:
        faults.append(f"tasks: {tasks} MB in the tables, {truth['task_memory_mb']} MB at the source")
    return faults


def delivery_faults(sent: Counter[str], taken: Counter[str], messages: Iterable[Message]) -> list[str]:
    """Say which receiver got not what was sent to it, or not as much as the others, and what it refused."""
    faults = [
        f"alerts to {name}: {sent[name]} sent, {taken[name]} taken"
        for name in sorted(sent.keys() | taken.keys())
        if sent[name] != taken[name]
    ]
    if len(set(sent.values())) > 1:
        faults.append(f"alerts: not as many to each receiver: {dict(sorted(sent.items()))}")
    refused = {message.hook: message.refusals[0] for message in messages if message.refusals}
    return faults + [f"{name} refused a message: {reason}" for name, reason in sorted(refused.items())]
