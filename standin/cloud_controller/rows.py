"""The two kinds of rows that the Cloud Controller records, with the columns of its tables.

Times are microseconds UTC, cut to whole seconds as MySQL cuts them: the hardest case for a reader, because
many rows then share one time.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple


class Subject(NamedTuple):
    """What a usage row is about; one value is shared by all rows that say the same.

    A row of a process has ``process_guid``; rows of tasks and of staging have none.
    """

    app_guid: str
    app_name: str
    space_guid: str
    space_name: str
    org_guid: str
    process_guid: str | None = None
    process_type: str | None = None
    task_guid: str | None = None
    task_name: str | None = None
    buildpack_guid: str | None = None
    buildpack_name: str | None = None


class UsageRow(NamedTuple):
    """One row of ``app_usage_events``. ``id`` is the database's own order, never shown to clients."""

    id: int
    guid: str
    created_at: int
    visible_at: int
    subject: Subject
    state: str
    previous_state: str | None
    instances: int
    previous_instances: int | None
    memory_mb: int
    previous_memory_mb: int | None
    package_state: str | None
    previous_package_state: str | None


class Actor(NamedTuple):
    """Who did it, or to whom it was done."""

    guid: str
    type: str
    name: str
    username: str | None = None


class AuditRow(NamedTuple):
    """One row of ``events``; ``visible_at`` is when its transaction commits."""

    id: int
    guid: str
    created_at: int
    visible_at: int
    type: str
    actor: Actor
    target: Actor
    data: Mapping[str, Any]
    space_guid: str | None
    org_guid: str | None
