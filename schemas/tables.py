"""The rows of the workers' tables, as plain dictionaries; times in microseconds UTC, memory in MB.

The ``avsc`` files are the contract and describe each field; a test holds both equal.
"""

from typing import Any, Literal, TypedDict

from schemas.records import Label, Micros


class Fact(TypedDict):
    """What was said of a process as of one moment."""

    at: Micros
    source: int
    state: str
    instances: int
    memory_mb: int
    place: int
    read_until: Micros


class Process(TypedDict):
    """One process of an app."""

    guid: str
    type: str | None
    state: str
    instances: int
    memory_mb: int
    as_of: Micros
    facts: list[Fact]


class Task(TypedDict):
    """One task of an app."""

    guid: str
    name: str | None
    memory_mb: int
    started_at: Micros | None
    stopped_at: Micros | None
    stopped_by: int
    seen_at: Micros | None
    place: int


class Staging(TypedDict):
    """One staging row."""

    at: Micros
    started: bool
    memory_mb: int


class Place(TypedDict):
    """A space and its organization."""

    space_guid: str | None
    org_guid: str | None


class AppState(TypedDict):
    """What is known of one app; see ``avsc/AppState.avsc``."""

    version: int
    foundation: str
    app_guid: str
    app_name: str | None
    space_guid: str | None
    space_name: str | None
    org_guid: str | None
    as_of: Micros
    state: str
    running_instances: int
    memory_mb: int
    running_tasks: int
    task_memory_mb: int
    running_stagings: int
    staging_memory_mb: int
    crashes: int
    last_crash_at: Micros | None
    deleted_at: Micros | None
    processes: list[Process]
    tasks: list[Task]
    stagings: list[Staging]
    places: list[Place]
    labels: list[Label]
    labels_at: Micros
    named_at: Micros
    usage_offset: int
    audit_offset: int
    snapshot_offset: int
    revised_from: Micros | None
    crash: dict[str, Any] | None


class PartitionProgress(TypedDict):
    """How far one partition is for one foundation; see ``avsc/PartitionProgress.avsc``."""

    version: int
    foundation: str
    baseline_at: Micros | None
    baseline_id: str | None
    baseline_read_until: Micros
    checked_at: Micros | None
    applied_to: Micros | None
    hours_to: Micros | None
    source_ids: dict[str, str]


Scope = Literal["app", "space", "org", "foundation"]


class UsageTotal(TypedDict):
    """What runs now in a space, an organization or a foundation; see ``avsc/UsageTotal.avsc``."""

    foundation: str
    scope: Scope
    guid: str
    name: str | None
    org_guid: str | None
    apps: int
    running_instances: int
    memory_mb: int
    running_tasks: int
    task_memory_mb: int
    as_of: Micros


class UsageHour(TypedDict):
    """Usage of an app, space, organization or foundation in one hour; see ``avsc/UsageHour.avsc``."""

    foundation: str
    scope: Scope
    guid: str
    hour: Micros
    until: Micros
    instance_seconds: int
    memory_mb_seconds: int
    task_seconds: int
    task_memory_mb_seconds: int
    instances: int
    memory_mb: int
    tasks: int
    task_memory_mb: int


class UsagePartial(TypedDict):
    """The share of one partition in a total or an hour; see ``avsc/UsagePartial.avsc``."""

    partition: int
    closed_to: Micros | None
    total: UsageTotal | None
    hour: UsageHour | None


class Drift(TypedDict):
    """One process or task of which the tables and the Cloud Controller disagreed; see ``avsc/Drift.avsc``."""

    foundation: str
    snapshot_id: str
    observed_at: Micros
    kind: str
    app_guid: str
    app_name: str | None
    space_guid: str | None
    org_guid: str | None
    process_guid: str | None
    task_guid: str | None
    tables_instances: int
    tables_memory_mb: int
    source_instances: int
    source_memory_mb: int
    since: Micros | None
