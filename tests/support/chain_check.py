"""What must hold of the topics and the tables after any history of kills. Pure: each says what is wrong, [] is good."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Published:
    """One record of an event topic, by what identifies and orders it."""

    partition: int
    offset: int
    key: str
    guid: str
    created_at: int

    @property
    def identity(self) -> tuple[str, int]:
        """What a consumer knows a row by."""
        return self.guid, self.created_at


def counted(published: Iterable[Published]) -> Counter[tuple[str, int]]:
    """Count the rows by identity."""
    return Counter(row.identity for row in published)


def order_faults(published: Iterable[Published], wanted: Iterable[tuple[str, str]]) -> list[str]:
    """Compare the order of each key's rows with that of the source. ``wanted``: (key, guid) in the source's order."""
    found: dict[str, list[str]] = defaultdict(list)
    source: dict[str, list[str]] = defaultdict(list)
    homes: dict[str, set[int]] = defaultdict(set)
    for row in sorted(published, key=lambda row: (row.partition, row.offset)):
        found[row.key].append(row.guid)
        homes[row.key].add(row.partition)
    for key, guid in wanted:
        source[key].append(guid)
    faults = [f"key {key} lies in partitions {sorted(there)}" for key, there in homes.items() if len(there) > 1]
    faults += [f"key {key}: not in the source's order" for key in source if found[key] != source[key]]
    return faults


def app_faults(tables: Mapping[str, Mapping[str, Any]], truth: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Compare every app known to either side: instances, memory, tasks, stagings. One that is unknown runs nothing."""
    figures = {
        "running_instances": "running_instances",
        "memory_mb": "memory_mb",
        "running_tasks": "task_instances",
        "task_memory_mb": "task_memory_mb",
        "running_stagings": "staging_instances",
        "staging_memory_mb": "staging_memory_mb",
    }
    faults = []
    for guid in sorted(tables.keys() | truth.keys()):
        for ours, theirs in figures.items():
            has, should = tables.get(guid, {}).get(ours, 0), truth.get(guid, {}).get(theirs, 0)
            if has != should:
                faults.append(f"app {guid}: {ours} {has}, the source says {should}")
    return faults
