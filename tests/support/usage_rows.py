"""Rows of the feeds and records of snapshots, with all fields, for tests of the workers."""

from support.alert_rows import details

from schemas.records import AppUsageEvent, AuditEvent, ProcessSnapshot

SECOND = 1_000_000
HOUR = 3600 * SECOND
T0 = 1_767_600_000 * SECOND
"""2026-01-05T08:00:00Z, the beginning of an hour."""


def usage(
    state: str,
    at: int,
    app: str = "app-1",
    *,
    process: str | None = "",
    instances: int | None = 1,
    memory: int | None = 256,
    task: str | None = None,
    space: str | None = "space-1",
    org: str | None = "org-1",
    name: str | None = None,
    foundation: str = "f",
) -> AppUsageEvent:
    """Return a usage row of second ``at`` after T0; the process is the app's own unless one is given."""
    whole = T0 + at * SECOND
    about_process = not state.startswith(("TASK", "STAGING"))
    return AppUsageEvent(
        foundation=foundation,
        guid=f"{app}-{state}-{at}",
        created_at=whole,
        updated_at=None,
        state=state,
        previous_state=None,
        app_guid=app,
        app_name=name or f"name of {app}",
        process_guid=(process or app) if about_process else None,
        process_type="web" if about_process else None,
        space_guid=space,
        space_name=None if space is None else f"name of {space}",
        org_guid=org,
        buildpack_guid=None,
        buildpack_name=None,
        task_guid=task,
        task_name=task,
        memory_mb_per_instance=memory,
        previous_memory_mb_per_instance=None,
        instance_count=instances,
        previous_instance_count=None,
        package_state=None,
        previous_package_state=None,
        actor_username=None,
    )


def snapshot(
    kind: str,
    at: int,
    app: str | None = "app-1",
    *,
    process: str | None = None,
    task: str | None = None,
    instances: int = 1,
    memory: int = 256,
    started_at: int | None = None,
    snapshot_id: str = "s-1",
    read_until: int | None = None,
    labels: dict[str, str] | None = None,
) -> ProcessSnapshot:
    """Return a record of a snapshot observed half a second after second ``at``, read at second ``read_until``."""
    return ProcessSnapshot(
        foundation="f",
        snapshot_id=snapshot_id,
        reason="request",
        kind=kind,  # type: ignore[typeddict-item]  # a literal of the caller
        observed_at=T0 + at * SECOND + SECOND // 2,
        app_guid=app,
        app_name=None if app is None else f"name of {app}",
        process_guid=process or app if kind == "process" else None,
        process_type="web" if kind == "process" else None,
        task_guid=task,
        task_name=task,
        instance_count=None if kind == "end" else instances,
        memory_mb_per_instance=None if kind == "end" else memory,
        started_at=None if started_at is None else T0 + started_at * SECOND,
        space_guid=None if kind == "end" else "space-1",
        space_name=None if kind == "end" else "name of space-1",
        org_guid=None if kind == "end" else "org-1",
        total_records=0 if kind == "end" else None,
        read_until=None if read_until is None else T0 + read_until * SECOND,
        labels=[{"name": name, "value": value} for name, value in sorted((labels or {}).items())],
    )


def audit(kind: str, at: int, app: str = "app-1", *, index: int = 0) -> AuditEvent:
    """Return an audit event about an app."""
    crash = None
    if kind.endswith("crash"):
        crash = details(index)
    return AuditEvent(
        foundation="f",
        guid=f"{kind}-{app}-{at}-{index}",
        created_at=T0 + at * SECOND,
        updated_at=None,
        timestamp=None,
        type=kind,
        actor_guid=app,
        actor_type="app",
        actor_name=f"name of {app}",
        target_guid=app,
        target_type="app",
        target_name=f"name of {app}",
        space_guid="space-1",
        org_guid="org-1",
        app_guid=app,
        data="{}",
        crash=crash,
    )
