"""The world as figures: what the pipeline's tables must come to."""

from typing import Any

from standin.cloud_controller.world import STAGING_MEMORY_MB, App, World


def app_truth(app: App) -> dict[str, Any]:
    """Return one app: running instances and their memory, tasks and staging apart from them."""
    running = app.started_processes()
    return {
        "name": app.name,
        "state": app.state,
        "space_guid": app.space.guid,
        "space_name": app.space.name,
        "org_guid": app.space.org.guid,
        "org_name": app.space.org.name,
        "running_instances": sum(process.instances for process in running),
        "memory_mb": sum(process.instances * process.memory_mb for process in running),
        "processes": {
            process.guid: {
                "type": process.type,
                "state": process.state,
                "instances": process.instances,
                "memory_mb_per_instance": process.memory_mb,
            }
            for process in app.processes
        },
        "tasks": {task.guid: {"name": task.name, "memory_mb": task.memory_mb} for task in app.tasks.values()},
        "task_instances": len(app.tasks),
        "task_memory_mb": sum(task.memory_mb for task in app.tasks.values()),
        "staging_instances": len(app.builds),
        "staging_memory_mb": len(app.builds) * STAGING_MEMORY_MB,
        "crashes": app.crashes,
    }


SUMMED = (
    "running_instances",
    "memory_mb",
    "task_instances",
    "task_memory_mb",
    "staging_instances",
    "staging_memory_mb",
    "crashes",
)


def world_truth(world: World) -> dict[str, Any]:
    """Return every app by guid, the names of spaces and organizations, and the sums."""
    apps = {app.guid: app_truth(app) for app in world.apps.values()}
    return {
        "apps": apps,
        "orgs": {org.guid: org.name for org in world.orgs.values()},
        "spaces": {space.guid: {"name": space.name, "org_guid": space.org.guid} for space in world.spaces.values()},
        **{figure: sum(app[figure] for app in apps.values()) for figure in SUMMED},
    }


def usage_summary(world: World) -> dict[str, int]:
    """Return the figures of ``/v3/info/usage_summary``.

    Started instances are those of processes alone; the memory includes that of running tasks. Staging is in
    neither (Cloud Controller, GlobalUsageSummaryFetcher).
    """
    running = [process for app in world.apps.values() for process in app.started_processes()]
    tasks = [task for _, task in world.tasks()]
    return {
        "started_instances": sum(process.instances for process in running),
        "memory_in_mb": sum(process.instances * process.memory_mb for process in running)
        + sum(task.memory_mb for task in tasks),
        "routes": len(world.apps),
        "service_instances": 0,
        "reserved_ports": 0,
        "domains": len(world.orgs),
        "per_app_tasks": len(tasks),
        "service_keys": 0,
    }
