"""Rows as v2 shows them (app/presenters/v2, Event.export_attributes)."""

from typing import Any

from standin.cloud_controller.clock import iso
from standin.cloud_controller.rows import AuditRow, UsageRow
from standin.cloud_controller.world import redacted

Shape = dict[str, Any]


def usage_event(row: UsageRow) -> Shape:
    """Show a usage row: ``app_guid`` is the process, ``parent_app_guid`` the app; none is an empty text."""
    about = row.subject
    return {
        "metadata": {
            "guid": row.guid,
            "url": f"/v2/app_usage_events/{row.guid}",
            "created_at": iso(row.created_at),
        },
        "entity": {
            "state": row.state,
            "previous_state": row.previous_state,
            "memory_in_mb_per_instance": row.memory_mb,
            "previous_memory_in_mb_per_instance": row.previous_memory_mb,
            "instance_count": row.instances,
            "previous_instance_count": row.previous_instances,
            "app_guid": about.process_guid or "",
            "app_name": about.app_name if about.process_guid else "",
            "space_guid": about.space_guid,
            "space_name": about.space_name,
            "org_guid": about.org_guid,
            "buildpack_guid": about.buildpack_guid,
            "buildpack_name": redacted(about.buildpack_name) if about.buildpack_name else None,
            "package_state": row.package_state,
            "previous_package_state": row.previous_package_state,
            "parent_app_guid": about.app_guid,
            "parent_app_name": about.app_name,
            "process_type": about.process_type,
            "task_name": about.task_name,
            "task_guid": about.task_guid,
        },
    }


def event(row: AuditRow) -> Shape:
    """Show an audit row; a row without a space has an empty text there."""
    created_at = iso(row.created_at)
    return {
        "metadata": {
            "guid": row.guid,
            "url": f"/v2/events/{row.guid}",
            "created_at": created_at,
            "updated_at": None,
        },
        "entity": {
            "type": row.type,
            "actor": row.actor.guid,
            "actor_type": row.actor.type,
            "actor_name": row.actor.name,
            "actor_username": row.actor.username,
            "actee": row.target.guid,
            "actee_type": row.target.type,
            "actee_name": row.target.name,
            "timestamp": created_at,
            "metadata": row.data,
            "space_guid": row.space_guid or "",
            "organization_guid": row.org_guid or "",
        },
    }
