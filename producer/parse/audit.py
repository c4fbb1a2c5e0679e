"""A row of the audit events feed to its record; v3 and v2 give equal records.

Only in v2: timestamp (the event's own time). v2's names: actee (target), metadata (data), organization_guid.
"""

from typing import Any

import orjson

from producer.parse.fields import Row, RowError, lenient_long, lenient_text, part, time_of, time_or_none
from producer.parse.privacy import Privacy, redact_urls, without_personal
from schemas.records import AuditEvent, Crash

CRASH_TYPES = frozenset({"app.crash", "audit.app.process.crash", "audit.app.crash"})
"""``app.crash`` and its twin; the third is a name that some documents use."""


def from_v3(row: Row, foundation: str, keep: Privacy) -> AuditEvent:
    """Return the record of a v3 resource. Raise KeyError, TypeError or ValueError where it cannot be read.

    actor, target, space, organization and data may be null or ``{}``.
    """
    actor = part(row, "actor")
    target = part(row, "target")
    return _record(
        foundation,
        keep,
        guid=row["guid"],
        created_at=row["created_at"],
        updated_at=row.get("updated_at"),
        timestamp=None,
        event_type=row["type"],
        actor=(actor.get("guid"), actor.get("type"), actor.get("name")),
        target=(target.get("guid"), target.get("type"), target.get("name")),
        space_guid=part(row, "space").get("guid"),
        org_guid=part(row, "organization").get("guid"),
        data=row.get("data"),
    )


def from_v2(row: Row, foundation: str, keep: Privacy) -> AuditEvent:
    """Return the record of a v2 resource; raises as ``from_v3``."""
    metadata = row["metadata"]
    entity = row["entity"]
    return _record(
        foundation,
        keep,
        guid=metadata["guid"],
        created_at=metadata["created_at"],
        updated_at=metadata.get("updated_at"),
        timestamp=entity.get("timestamp"),
        event_type=entity["type"],
        actor=(entity.get("actor"), entity.get("actor_type"), entity.get("actor_name")),
        target=(entity.get("actee"), entity.get("actee_type"), entity.get("actee_name")),
        space_guid=entity.get("space_guid"),
        org_guid=entity.get("organization_guid"),
        data=entity.get("metadata"),
    )


Who = tuple[Any, Any, Any]
"""Guid, type and name, unchecked."""


def _record(
    foundation: str,
    keep: Privacy,
    *,
    guid: str,
    created_at: str,
    updated_at: str | None,
    timestamp: str | None,
    event_type: str,
    actor: Who,
    target: Who,
    space_guid: str | None,
    org_guid: str | None,
    data: Any,
) -> AuditEvent:
    if data is not None and not isinstance(data, dict):
        raise RowError("data is no object")
    if not isinstance(event_type, str):
        raise RowError("type is no text")
    if data and not keep.everything:
        data = without_personal(data, keep)
    crash = _crash(data, keep) if data and event_type in CRASH_TYPES else None
    return {
        "foundation": foundation,
        "guid": guid,
        "created_at": time_of(created_at),
        "updated_at": time_or_none(updated_at),
        "timestamp": time_or_none(timestamp),
        "type": event_type,
        "actor_guid": actor[0] or None,
        "actor_type": actor[1] or None,
        "actor_name": (actor[2] or None) if keep.actor_names else None,
        "target_guid": target[0] or None,
        "target_type": target[1] or None,
        "target_name": target[2] or None,
        "space_guid": space_guid or None,
        "org_guid": org_guid or None,
        "app_guid": _app(actor, target),
        "data": None if data is None else redact_urls(orjson.dumps(data).decode()),
        "crash": crash,
    }


def _app(actor: Who, target: Who) -> Any:
    for who in (target, actor):
        if who[1] == "app" and who[0]:
            return who[0]
    return None


def _crash(data: Row, keep: Privacy) -> Crash:
    """Return the typed crash fields; what has an unexpected type is null here and kept in ``data``."""
    description = lenient_text(data.get("exit_description"))
    return {
        "instance": lenient_text(data.get("instance")),
        "index": lenient_long(data.get("index")),
        "cell_id": lenient_text(data.get("cell_id")),
        "exit_description": redact_urls(description) if description and keep.crash_text else None,
        "reason": lenient_text(data.get("reason")),
        "exit_status": lenient_text(data.get("exit_status")),
        "crash_count": lenient_long(data.get("crash_count")),
        "crash_timestamp_ns": lenient_long(data.get("crash_timestamp")),
        "version": lenient_text(data.get("version")),
    }
