"""The records on the topics, as plain dictionaries that fastavro reads and writes.

Times are whole microseconds since the epoch, UTC (Avro ``timestamp-micros``); memory is in MB.
The ``avsc`` files beside this module are the contract and describe each field; a test holds both equal.
"""

from typing import Literal, TypedDict

Micros = int
"""Microseconds since the epoch, UTC."""


class AppUsageEvent(TypedDict):
    """One row of the app usage events feed; see ``avsc/AppUsageEvent.avsc``."""

    foundation: str
    guid: str
    created_at: Micros
    updated_at: Micros | None
    state: str
    previous_state: str | None
    app_guid: str | None
    app_name: str | None
    process_guid: str | None
    process_type: str | None
    space_guid: str | None
    space_name: str | None
    org_guid: str | None
    buildpack_guid: str | None
    buildpack_name: str | None
    task_guid: str | None
    task_name: str | None
    memory_mb_per_instance: int | None
    previous_memory_mb_per_instance: int | None
    instance_count: int | None
    previous_instance_count: int | None
    package_state: str | None
    previous_package_state: str | None
    actor_username: str | None


class Crash(TypedDict):
    """The typed crash fields of an audit event."""

    instance: str | None
    index: int | None
    cell_id: str | None
    exit_description: str | None
    reason: str | None
    exit_status: str | None
    crash_count: int | None
    crash_timestamp_ns: int | None
    version: str | None


class AuditEvent(TypedDict):
    """One row of the audit events feed; see ``avsc/AuditEvent.avsc``."""

    foundation: str
    guid: str
    created_at: Micros
    updated_at: Micros | None
    timestamp: Micros | None
    type: str
    actor_guid: str | None
    actor_type: str | None
    actor_name: str | None
    target_guid: str | None
    target_type: str | None
    target_name: str | None
    space_guid: str | None
    org_guid: str | None
    app_guid: str | None
    data: str | None
    crash: Crash | None


class Label(TypedDict):
    """One label of an app."""

    name: str
    value: str


class ProcessSnapshot(TypedDict):
    """One started process, one running task, or the end marker of a partition."""

    foundation: str
    snapshot_id: str
    reason: str
    kind: Literal["process", "task", "end"]
    observed_at: Micros
    app_guid: str | None
    app_name: str | None
    process_guid: str | None
    process_type: str | None
    task_guid: str | None
    task_name: str | None
    instance_count: int | None
    memory_mb_per_instance: int | None
    started_at: Micros | None
    space_guid: str | None
    space_name: str | None
    org_guid: str | None
    total_records: int | None
    read_until: Micros | None
    labels: list[Label]


class Gap(TypedDict):
    """Rows that were pruned or purged before they could be read: both ends."""

    kind: str
    after_guid: str | None
    after_created_at: Micros | None
    before_guid: str | None
    before_created_at: Micros | None
    found_at: Micros


class Checkpoint(TypedDict):
    """Where a tail stands; see ``avsc/Checkpoint.avsc``."""

    foundation: str
    feed: str
    written_at: Micros
    settled_until: Micros | None
    cursor_guid: str | None
    cursor_created_at: Micros | None
    floor: Micros | None
    begins_at: Micros | None
    begins_after_guid: str | None
    ends_at: Micros | None
    finished: bool
    seen: list[str]
    rows: int
    sequence: int
    api_version: str | None
    epoch: int
    gap: Gap | None
    gaps: int
    snapshot_pending: str | None
    retired: bool


class DeadLetter(TypedDict):
    """Something that could not be read or delivered, whole, with the reason."""

    foundation: str | None
    feed: str
    stage: str
    reason: str
    failed_at: Micros
    position: str
    api_version: str | None
    key: bytes | None
    body: bytes


class Alert(TypedDict):
    """A rule began to fire or was resolved; see ``avsc/Alert.avsc``."""

    foundation: str
    id: str
    rule: str
    severity: str
    status: Literal["firing", "resolved"]
    starts_at: Micros
    ends_at: Micros | None
    as_of: Micros
    app_guid: str | None
    app_name: str | None
    space_guid: str | None
    space_name: str | None
    org_guid: str | None
    summary: str
    resolve_reason: str | None
    crashes: int
    window_s: int
    labels: dict[str, str]
    annotations: dict[str, str]
