"""What the tables say against what the Cloud Controller says, app by app and in sum. Pure but for the reading."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from producer.api.errors import RefusedError
from producer.once import Once
from producer.snapshot import read
from schemas.records import ProcessSnapshot


@dataclass(frozen=True)
class Sums:
    """Started instances and running tasks, and their memory in MB."""

    instances: int = 0
    memory_mb: int = 0
    tasks: int = 0
    task_memory_mb: int = 0

    def plus(self, other: "Sums") -> "Sums":
        """Return both together."""
        return Sums(
            self.instances + other.instances,
            self.memory_mb + other.memory_mb,
            self.tasks + other.tasks,
            self.task_memory_mb + other.task_memory_mb,
        )


@dataclass(frozen=True)
class Drift:
    """An app on which both disagree; None where one does not know it."""

    app_guid: str
    app_name: str | None
    table: Sums
    source: Sums


def source_sums(records: Iterable[ProcessSnapshot]) -> dict[str, tuple[str | None, Sums]]:
    """Return name and sums by app of what the Cloud Controller says runs."""
    found: dict[str, tuple[str | None, Sums]] = {}
    for record in records:
        count, each = record["instance_count"] or 0, record["memory_mb_per_instance"] or 0
        sums = Sums(count, count * each) if record["kind"] == "process" else Sums(0, 0, count, count * each)
        _, known = found.get(record["app_guid"] or "", (None, Sums()))
        found[record["app_guid"] or ""] = (record["app_name"], known.plus(sums))
    return found


def table_sums(states: Iterable[Mapping[str, Any]], foundation: str) -> dict[str, tuple[str | None, Sums]]:
    """Return name and sums by app of the tables' records."""
    return {
        state["app_guid"]: (
            state["app_name"],
            Sums(state["running_instances"], state["memory_mb"], state["running_tasks"], state["task_memory_mb"]),
        )
        for state in states
        if state["foundation"] == foundation
    }


def drifts(table: Mapping[str, tuple[str | None, Sums]], source: Mapping[str, tuple[str | None, Sums]]) -> list[Drift]:
    """Return the apps on which both disagree, by guid."""
    nothing = (None, Sums())
    found = []
    for guid in sorted(set(table) | set(source)):
        ours, theirs = table.get(guid, nothing), source.get(guid, nothing)
        if ours[1] != theirs[1]:
            found.append(Drift(guid, theirs[0] or ours[0], ours[1], theirs[1]))
    return found


@dataclass(frozen=True)
class Count:
    """The Cloud Controller's own count: instances of started processes; memory in MB with that of running tasks."""

    instances: int
    memory_mb: int


def dissent(counts: tuple[Count | None, Count | None], sums: Sums) -> Count | None:
    """Return the Cloud Controller's own count where it is another than its lists say.

    ``counts``: from before and after the lists were read. Where they differ, things changed meanwhile, and nothing
    can be said; nor where the count may not be read.
    """
    before, after = counts
    if before is None or before != after:
        return None
    return None if before == Count(sums.instances, sums.memory_mb + sums.task_memory_mb) else before


@dataclass(frozen=True)
class Told:
    """What the Cloud Controller says: by app, in sum, and by its own count before and after."""

    by_app: dict[str, tuple[str | None, Sums]]
    counts: tuple[Count | None, Count | None]

    @property
    def sums(self) -> Sums:
        """All apps together."""
        total = Sums()
        for _, each in self.by_app.values():
            total = total.plus(each)
        return total


async def from_source(once: Once) -> Told:
    """Read what the Cloud Controller says runs, filtered as the feeds are. Raise ApiError."""
    filters = once.foundation.filters
    source = read.Source(
        api=once.access.api,
        patience=once.patience(),
        foundation=once.foundation.name,
        reason="request",
        settle_s=once.settings.settle_seconds,
    )
    before = await _count(source)
    at = await read.observed_at(source)
    records = [record async for record in read.records(source, "", at) if filters.wants(record)]
    # The count knows no filters.
    counts = (None, None) if filters.orgs or filters.spaces else (before, await _count(source))
    return Told(source_sums(records), counts)


async def _count(source: read.Source) -> Count | None:
    """Ask for the usage summary; None where the Cloud Controller has none, or not for this client."""
    try:
        answer = await source.patience.until_done(lambda: source.api.get("/v3/info/usage_summary"))
        summary = answer.body["usage_summary"]
        return Count(int(summary["started_instances"]), int(summary["memory_in_mb"]))
    except (RefusedError, KeyError, TypeError, ValueError):
        return None
