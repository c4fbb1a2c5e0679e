"""Rows and things as v3 shows them (app/presenters/v3)."""

from typing import Any

from standin.cloud_controller.clock import iso
from standin.cloud_controller.rows import Actor, AuditRow, UsageRow
from standin.cloud_controller.world import App, Org, Process, Space, Task

Shape = dict[str, Any]


def usage_event(row: UsageRow, base: str) -> Shape:
    """Show a usage row; ``updated_at`` is the time of creation, too."""
    about, created_at = row.subject, iso(row.created_at)
    return {
        "guid": row.guid,
        "created_at": created_at,
        "updated_at": created_at,
        "state": {"current": row.state, "previous": row.previous_state},
        "app": {"guid": about.app_guid, "name": about.app_name},
        "process": {"guid": about.process_guid, "type": about.process_type},
        "space": {"guid": about.space_guid, "name": about.space_name},
        "organization": {"guid": about.org_guid},
        "buildpack": {"guid": about.buildpack_guid, "name": about.buildpack_name},
        "task": {"guid": about.task_guid, "name": about.task_name},
        "memory_in_mb_per_instance": {"current": row.memory_mb, "previous": row.previous_memory_mb},
        "instance_count": {"current": row.instances, "previous": row.previous_instances},
        "links": {"self": {"href": f"{base}/v3/app_usage_events/{row.guid}"}},
    }


def audit_event(row: AuditRow, base: str) -> Shape:
    """Show an audit row."""
    created_at = iso(row.created_at)
    return {
        "guid": row.guid,
        "created_at": created_at,
        "updated_at": created_at,
        "type": row.type,
        "actor": _who(row.actor),
        "target": _who(row.target),
        "data": row.data,
        "space": {"guid": row.space_guid} if row.space_guid else None,
        "organization": {"guid": row.org_guid} if row.org_guid else None,
        "links": {"self": {"href": f"{base}/v3/audit_events/{row.guid}"}},
    }


def _who(actor: Actor) -> Shape | None:
    return {"guid": actor.guid, "type": actor.type, "name": actor.name} if actor.guid else None


NO_METADATA: Shape = {"labels": {}, "annotations": {}}


def process(app: App, one: Process, base: str) -> Shape:
    """Show a process. Whether it is started only the app's ``state`` tells."""
    return {
        "guid": one.guid,
        "created_at": iso(one.created_at),
        "updated_at": iso(one.updated_at),
        "version": one.version,
        "type": one.type,
        "command": "[PRIVATE DATA HIDDEN IN LISTS]",
        "user": "vcap",
        "instances": one.instances,
        "memory_in_mb": one.memory_mb,
        "disk_in_mb": 1024,
        "log_rate_limit_in_bytes_per_second": -1,
        "health_check": {"type": "port", "data": {"timeout": None, "invocation_timeout": None, "interval": None}},
        "readiness_health_check": {"type": "process", "data": {"invocation_timeout": None, "interval": None}},
        "relationships": {"app": {"data": {"guid": app.guid}}, "revision": None},
        "metadata": NO_METADATA,
        "links": {
            "self": {"href": f"{base}/v3/processes/{one.guid}"},
            "scale": {"href": f"{base}/v3/processes/{one.guid}/actions/scale", "method": "POST"},
            "app": {"href": f"{base}/v3/apps/{app.guid}"},
            "space": {"href": f"{base}/v3/spaces/{app.space.guid}"},
            "stats": {"href": f"{base}/v3/processes/{one.guid}/stats"},
            "process_instances": {"href": f"{base}/v3/processes/{one.guid}/process_instances"},
        },
    }


def app(one: App, base: str) -> Shape:
    """Show an app; ``state`` is the wanted one, STARTED or STOPPED."""
    me = f"{base}/v3/apps/{one.guid}"
    return {
        "guid": one.guid,
        "created_at": iso(one.created_at),
        "updated_at": iso(one.updated_at),
        "name": one.name,
        "state": one.state,
        "lifecycle": {"type": "buildpack", "data": {"buildpacks": [], "stack": "cflinuxfs4"}},
        "relationships": {
            "space": {"data": {"guid": one.space.guid}},
            "current_droplet": {"data": {"guid": one.droplet_guid}},
        },
        "metadata": {"labels": {"team": one.name.partition("-")[0]}, "annotations": {}},
        "links": {
            "self": {"href": me},
            "environment_variables": {"href": f"{me}/environment_variables"},
            "space": {"href": f"{base}/v3/spaces/{one.space.guid}"},
            "processes": {"href": f"{me}/processes"},
            "packages": {"href": f"{me}/packages"},
            "current_droplet": {"href": f"{me}/droplets/current"},
            "droplets": {"href": f"{me}/droplets"},
            "tasks": {"href": f"{me}/tasks"},
            "start": {"href": f"{me}/actions/start", "method": "POST"},
            "stop": {"href": f"{me}/actions/stop", "method": "POST"},
            "features": {"href": f"{me}/features"},
        },
    }


def task(owner: App, one: Task, base: str) -> Shape:
    """Show a running task, without its command as every list does."""
    return {
        "guid": one.guid,
        "created_at": iso(one.created_at),
        "updated_at": iso(one.created_at),
        "sequence_id": one.sequence_id,
        "name": one.name,
        "user": "vcap",
        "state": "RUNNING",
        "memory_in_mb": one.memory_mb,
        "disk_in_mb": 1024,
        "log_rate_limit_in_bytes_per_second": -1,
        "result": {"failure_reason": None},
        "droplet_guid": owner.droplet_guid,
        "relationships": {"app": {"data": {"guid": owner.guid}}},
        "metadata": NO_METADATA,
        "links": {
            "self": {"href": f"{base}/v3/tasks/{one.guid}"},
            "app": {"href": f"{base}/v3/apps/{owner.guid}"},
            "cancel": {"href": f"{base}/v3/tasks/{one.guid}/actions/cancel", "method": "POST"},
            "droplet": {"href": f"{base}/v3/droplets/{owner.droplet_guid}"},
        },
    }


def space(one: Space, base: str) -> Shape:
    """Show a space."""
    me = f"{base}/v3/spaces/{one.guid}"
    return {
        "guid": one.guid,
        "created_at": iso(one.created_at),
        "updated_at": iso(one.created_at),
        "name": one.name,
        "suspended": False,
        "relationships": {"organization": {"data": {"guid": one.org.guid}}, "quota": {"data": None}},
        "metadata": NO_METADATA,
        "links": {
            "self": {"href": me},
            "organization": {"href": f"{base}/v3/organizations/{one.org.guid}"},
            "features": {"href": f"{me}/features"},
            "apply_manifest": {"href": f"{me}/actions/apply_manifest", "method": "POST"},
        },
    }


def organization(one: Org, base: str) -> Shape:
    """Show an organization."""
    me = f"{base}/v3/organizations/{one.guid}"
    quota = "9fbb4e0c-0000-4000-a000-000000000001"
    return {
        "guid": one.guid,
        "created_at": iso(one.created_at),
        "updated_at": iso(one.created_at),
        "name": one.name,
        "suspended": False,
        "relationships": {"quota": {"data": {"guid": quota}}},
        "metadata": NO_METADATA,
        "links": {
            "self": {"href": me},
            "domains": {"href": f"{me}/domains"},
            "default_domain": {"href": f"{me}/domains/default"},
            "quota": {"href": f"{base}/v3/organization_quotas/{quota}"},
        },
    }
