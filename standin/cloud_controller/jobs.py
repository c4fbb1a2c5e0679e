"""Tasks, stagings and the purge: the operations that write rows without a process, or all rows anew."""

import random

from standin.cloud_controller.audit_log import AuditLog
from standin.cloud_controller.guids import guid
from standin.cloud_controller.ledger import Ledger
from standin.cloud_controller.rows import Actor
from standin.cloud_controller.world import STAGING_MEMORY_MB, STARTED, App, Build, Task, World


class Jobs:
    """Work beside the running of apps. ``at`` is the simulated time in microseconds."""

    def __init__(self, ledger: Ledger, chance: random.Random) -> None:
        self._ledger = ledger
        self._audit = AuditLog(ledger)
        self._chance = chance

    def start_task(self, at: int, app: App, name: str, memory_mb: int, actor: Actor) -> Task:
        """Run a task."""
        task = self._new_task(at, app, name, memory_mb, actor)
        app.tasks[task.guid] = task
        self._record_task(at, app, task, "TASK_STARTED", "PENDING")
        return task

    def fail_pending_task(self, at: int, app: App, name: str, memory_mb: int, actor: Actor) -> None:
        """Remove a task that never ran: a stop without a start (TaskModel#after_destroy)."""
        task = self._new_task(at, app, name, memory_mb, actor)
        self._record_task(at, app, task, "TASK_STOPPED", "PENDING")

    def end_task(self, at: int, app: App, task: Task) -> None:
        """End a task, well or not; nothing when its app is gone."""
        if app.tasks.pop(task.guid, None):
            self._record_task(at, app, task, "TASK_STOPPED", "RUNNING")

    def start_staging(self, at: int, app: App, actor: Actor) -> Build:
        """Begin a staging."""
        build = Build(guid(self._chance), guid(self._chance), guid(self._chance), at)
        app.builds[build.guid] = build
        self._record_build(at, app, "STAGING_STARTED", "STAGING")
        self._audit.build(at, "audit.app.build.create", app, build, actor)
        return build

    def end_staging(self, at: int, app: App, build: Build, actor: Actor, *, success: bool = True) -> bool:
        """End a staging; True when it gave a droplet. False also when it was given up meanwhile."""
        if app.builds.pop(build.guid, None) is None:
            return False
        self._record_build(at, app, "STAGING_STOPPED", "STAGING")
        if not success:
            reason = {"error_id": "BuildpackCompileFailed", "error_message": "App staging failed in the buildpack"}
            self._audit.build(at, "audit.app.build.failed", app, build, actor, **reason)
            return False
        app.droplet_guid, app.updated_at = build.droplet_guid, at
        packs = [{"buildpack_name": app.buildpack_url, "buildpack_buildpack_name": None}]
        self._audit.build(
            at, "audit.app.build.staged", app, build, actor, droplet_guid=build.droplet_guid, buildpacks=packs
        )
        self._record_build(at, app, "BUILDPACK_SET", "STAGED")
        mapped = {"request": {"droplet_guid": build.droplet_guid}}
        self._audit.about_app(at, "audit.app.droplet.mapped", app, actor, mapped)
        return True

    def purge_and_reseed(self, at: int, world: World) -> int:
        """Empty the table of usage events and write one row a started process; returns how many.

        The row's guid is the process' own, state and previous state are the same, there is no process type,
        and the buildpack's URL is taken raw (AppUsageEventRepository#purge_and_reseed_started_apps!).
        """
        self._ledger.usage_table.truncate()
        started = [(app, process) for app, process in world.processes() if process.state == STARTED]
        for app, process in started:
            subject = app.process_subject(process)._replace(process_type=None, buildpack_name=app.buildpack_url)
            self._ledger.record_usage(
                at,
                subject,
                state=STARTED,
                previous_state=STARTED,
                instances=(process.instances, process.instances),
                memory_mb=(process.memory_mb, process.memory_mb),
                package_state=app.package_state,
                row_guid=process.guid,
                never_late=True,
            )
        return len(started)

    def _new_task(self, at: int, app: App, name: str, memory_mb: int, actor: Actor) -> Task:
        app.tasks_ever += 1
        task = Task(guid(self._chance), name, memory_mb, app.tasks_ever, at)
        self._audit.task(at, "audit.app.task.create", app, task, actor)
        return task

    def _record_task(self, at: int, app: App, task: Task, state: str, previous: str) -> None:
        self._ledger.record_usage(
            at,
            app.task_subject(task),
            state=state,
            previous_state=previous,
            memory_mb=(task.memory_mb, task.memory_mb),
            previous_package_state="STAGED",
        )

    def _record_build(self, at: int, app: App, state: str, previous: str) -> None:
        self._ledger.record_usage(
            at,
            app.build_subject(),
            state=state,
            previous_state=previous,
            memory_mb=(STAGING_MEMORY_MB, STAGING_MEMORY_MB),
            package_state="READY",
            previous_package_state="READY",
        )
