"""A row of the app usage events feed to its record; v3 and v2 give equal records.

Only in v2: package_state, previous_package_state, actor_username. Only in v3: updated_at.
"""

from producer.parse.fields import Row, part, time_of, time_or_none
from producer.parse.privacy import Privacy, redact_urls
from schemas.records import AppUsageEvent


def from_v3(row: Row, foundation: str, keep: Privacy) -> AppUsageEvent:  # noqa: ARG001 - v3 rows hold nothing personal
    """Return the record of a v3 resource. Raise KeyError, TypeError or ValueError where it cannot be read.

    The types of plain values are checked by the encoder. Empty texts are null, as v2 and v3 differ in them.
    """
    state = part(row, "state")
    app = part(row, "app")
    process = part(row, "process")
    space = part(row, "space")
    buildpack = part(row, "buildpack")
    task = part(row, "task")
    memory = part(row, "memory_in_mb_per_instance")
    instances = part(row, "instance_count")
    buildpack_name = buildpack.get("name") or None
    return {
        "foundation": foundation,
        "guid": row["guid"],
        "created_at": time_of(row["created_at"]),
        "updated_at": time_or_none(row.get("updated_at")),
        "state": state["current"],
        "previous_state": state.get("previous") or None,
        "app_guid": app.get("guid") or None,
        "app_name": app.get("name") or None,
        "process_guid": process.get("guid") or None,
        "process_type": process.get("type") or None,
        "space_guid": space.get("guid") or None,
        "space_name": space.get("name") or None,
        "org_guid": part(row, "organization").get("guid") or None,
        "buildpack_guid": buildpack.get("guid") or None,
        "buildpack_name": redact_urls(buildpack_name) if buildpack_name else None,
        "task_guid": task.get("guid") or None,
        "task_name": task.get("name") or None,
        "memory_mb_per_instance": memory.get("current"),
        "previous_memory_mb_per_instance": memory.get("previous"),
        "instance_count": instances.get("current"),
        "previous_instance_count": instances.get("previous"),
        "package_state": None,
        "previous_package_state": None,
        "actor_username": None,
    }


def from_v2(row: Row, foundation: str, keep: Privacy) -> AppUsageEvent:
    """Return the record of a v2 resource; raises as ``from_v3``.

    v2's ``app_guid`` is the process; the app is ``parent_app_guid``, which very old rows do not have (then both
    were one). Rows of tasks and staging have an empty ``app_guid``.
    """
    metadata = row["metadata"]
    entity = row["entity"]
    process_guid = entity.get("app_guid") or None
    buildpack_name = entity.get("buildpack_name") or None
    return {
        "foundation": foundation,
        "guid": metadata["guid"],
        "created_at": time_of(metadata["created_at"]),
        "updated_at": None,
        "state": entity["state"],
        "previous_state": entity.get("previous_state") or None,
        "app_guid": entity.get("parent_app_guid") or process_guid,
        "app_name": entity.get("parent_app_name") or entity.get("app_name") or None,
        "process_guid": process_guid,
        "process_type": entity.get("process_type") or None,
        "space_guid": entity.get("space_guid") or None,
        "space_name": entity.get("space_name") or None,
        "org_guid": entity.get("org_guid") or None,
        "buildpack_guid": entity.get("buildpack_guid") or None,
        "buildpack_name": redact_urls(buildpack_name) if buildpack_name else None,
        "task_guid": entity.get("task_guid") or None,
        "task_name": entity.get("task_name") or None,
        "memory_mb_per_instance": entity.get("memory_in_mb_per_instance"),
        "previous_memory_mb_per_instance": entity.get("previous_memory_in_mb_per_instance"),
        "instance_count": entity.get("instance_count"),
        "previous_instance_count": entity.get("previous_instance_count"),
        "package_state": entity.get("package_state") or None,
        "previous_package_state": entity.get("previous_package_state") or None,
        "actor_username": (entity.get("actor_username") or None) if keep.actor_names else None,
    }
