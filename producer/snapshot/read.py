"""What the Cloud Controller says runs now: started processes and running tasks, joined with their apps and spaces.

``/v3/processes`` knows no state: whether a process runs is its app's state, so apps and spaces are read too.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any, Literal

from plumbing.clock import SECOND
from producer.api.client import CloudController
from producer.api.patience import Patience
from producer.feeds.dialect import page_of
from producer.parse.fields import part, time_or_none
from producer.publish.batch import Filters
from producer.snapshot.listing import everything
from schemas.records import Label, ProcessSnapshot

Reason = Literal["first-start", "gap", "reseed", "schedule", "request"]


@dataclass(frozen=True, slots=True)
class App:
    """What a process needs of its app."""

    name: str | None
    started: bool
    space_guid: str | None
    labels: tuple[Label, ...] = ()


@dataclass(frozen=True, slots=True)
class Source:
    """Where to read, and what all records of the snapshot share."""

    api: CloudController
    patience: Patience
    foundation: str
    reason: Reason
    settle_s: float
    filters: Filters = field(default_factory=Filters)


async def server_time(source: Source) -> int:
    """Return the server's clock, microseconds UTC."""
    answer = await source.patience.until_done(lambda: source.api.get("/v3/processes", {"per_page": 1}))
    page_of(answer.body, answer.server_time)
    return answer.server_time


async def observed_at(source: Source) -> int:
    """Return the time as of which a snapshot that begins now holds: the server's clock less the settle delay.

    A row recorded before now may be in a transaction that ends after the snapshot was read. Such a row must count as
    newer than the snapshot, which has not seen what it says.
    """
    return await server_time(source) - int(source.settle_s * SECOND)


async def records(source: Source, snapshot_id: str, at: int) -> AsyncIterator[ProcessSnapshot]:
    """Yield a record for each started process and each running task.

    An app that is started or deleted while this reads may be in or not: its own row is newer and says it. So each
    record tells when its page was read.
    """
    spaces = {
        row["guid"]: (row.get("name"), _related(row, "organization")) async for row, _ in _list(source, "/v3/spaces")
    }
    apps = {
        row["guid"]: App(row.get("name"), row.get("state") == "STARTED", _related(row, "space"), _labels(row))
        async for row, _ in _list(source, "/v3/apps")
    }
    common = (source, snapshot_id, at)
    async for row, read_at in _list(source, "/v3/processes"):
        app_guid = _related(row, "app")
        app = apps.get(app_guid or "")
        if app is None or not app.started:
            continue
        record = _record(*common, read_at, "process", app_guid, app, spaces)
        record["process_guid"] = row["guid"]
        record["process_type"] = row.get("type")
        record["instance_count"] = row.get("instances")
        record["memory_mb_per_instance"] = row.get("memory_in_mb")
        yield record
    async for row, read_at in _list(source, "/v3/tasks", states="RUNNING"):
        app_guid = _related(row, "app")
        record = _record(*common, read_at, "task", app_guid, apps.get(app_guid or ""), spaces)
        record["task_guid"] = row["guid"]
        record["task_name"] = row.get("name")
        record["instance_count"] = 1
        record["memory_mb_per_instance"] = row.get("memory_in_mb")
        record["started_at"] = time_or_none(row.get("created_at"))
        yield record


def end_marker(source: Source, snapshot_id: str, at: int, read_until: int, total: int) -> ProcessSnapshot:
    """Return the record that stands last on every partition; ``read_until``: when everything was read."""
    record = _record(source, snapshot_id, at, read_until, "end", None, None, {})
    record["total_records"] = total
    return record


def _list(source: Source, path: str, **params: str) -> AsyncIterator[tuple[dict[str, Any], int]]:
    return everything(source.api, source.patience, path, params)


def _labels(row: dict[str, Any]) -> tuple[Label, ...]:
    labels = part(part(row, "metadata"), "labels")
    return tuple(Label(name=name, value=value) for name, value in sorted(labels.items()) if isinstance(value, str))


def _related(row: dict[str, Any], name: str) -> str | None:
    guid = part(part(part(row, "relationships"), name), "data").get("guid")
    return guid if isinstance(guid, str) else None


def _record(
    source: Source,
    snapshot_id: str,
    at: int,
    read_until: int,
    kind: Literal["process", "task", "end"],
    app_guid: str | None,
    app: App | None,
    spaces: dict[str, tuple[str | None, str | None]],
) -> ProcessSnapshot:
    space_guid = None if app is None else app.space_guid
    space_name, org_guid = spaces.get(space_guid or "", (None, None))
    return {
        "foundation": source.foundation,
        "snapshot_id": snapshot_id,
        "reason": source.reason,
        "kind": kind,
        "observed_at": at,
        "app_guid": app_guid,
        "app_name": None if app is None else app.name,
        "process_guid": None,
        "process_type": None,
        "task_guid": None,
        "task_name": None,
        "instance_count": None,
        "memory_mb_per_instance": None,
        "started_at": None,
        "space_guid": space_guid,
        "space_name": space_name,
        "org_guid": org_guid,
        "labels": [] if app is None else list(app.labels),
        "total_records": None,
        "read_until": read_until,
    }
