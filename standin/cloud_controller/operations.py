"""What users and the platform do to apps: each operation changes the world and records its rows.

Which rows an operation writes, in which order and with which previous values, follows the Cloud Controller's
models and actions (ProcessModel#app_usage_changed?, AppStart, AppRestart, ProcessScale, AppDelete).
"""

import random

from standin.cloud_controller.audit_log import HIDDEN, AuditLog
from standin.cloud_controller.crashes import CELLS, Exit, crash_payload, next_count
from standin.cloud_controller.guids import guid
from standin.cloud_controller.ledger import Ledger
from standin.cloud_controller.rows import Actor
from standin.cloud_controller.world import STARTED, STOPPED, App, Org, Process, Space, World


class Operations:
    """All that changes apps and their processes. ``at`` is the simulated time in microseconds."""

    def __init__(self, world: World, ledger: Ledger, chance: random.Random) -> None:
        self.world = world
        self.ledger = ledger
        self.audit = AuditLog(ledger)
        self._chance = chance

    def create_org(self, at: int, name: str) -> Org:
        """Make an organization; too old for the log."""
        org = Org(guid(self._chance), name, at)
        self.world.orgs[org.guid] = org
        return org

    def create_space(self, at: int, org: Org, name: str) -> Space:
        """Make a space; too old for the log."""
        space = Space(guid(self._chance), name, org, at)
        self.world.spaces[space.guid] = space
        return space

    def add_app(self, at: int, space: Space, name: str, processes: dict[str, tuple[int, int]], buildpack: str) -> App:
        """Make a stopped app with processes {type: (instances, memory_mb)} and record nothing."""
        app = App(
            guid=guid(self._chance),
            name=name,
            space=space,
            created_at=at,
            updated_at=at,
            buildpack_guid=None if "://" in buildpack else guid(self._chance),
            buildpack_url=buildpack,
            droplet_guid=guid(self._chance),
        )
        for kind, (instances, memory_mb) in processes.items():
            # The web process bears the guid of its app (ProcessCreate); the others have their own.
            own = app.guid if kind == "web" else guid(self._chance)
            version = guid(self._chance)
            app.processes.append(Process(own, kind, instances, memory_mb, STOPPED, version, at, at))
        self.world.add(app)
        return app

    def create_app(
        self,
        at: int,
        space: Space,
        name: str,
        processes: dict[str, tuple[int, int]],
        actor: Actor,
        buildpack: str = "nodejs_buildpack",
    ) -> App:
        """Make a stopped app; only the audit log says so."""
        app = self.add_app(at, space, name, processes, buildpack)
        request = {
            "name": name,
            "environment_variables": HIDDEN,
            "relationships": {"space": {"data": {"guid": space.guid}}},
        }
        self.audit.about_app(at, "audit.app.create", app, actor, {"request": request})
        return app

    def start(self, at: int, app: App, actor: Actor | None) -> None:
        """Start every stopped process; without an actor no audit row is written."""
        app.state, app.updated_at = STARTED, at
        for process in app.processes:
            self._set_state(at, app, process, STARTED)
        if actor:
            self.audit.about_app(at, "audit.app.start", app, actor)

    def stop(self, at: int, app: App, actor: Actor) -> None:
        """Stop every started process."""
        app.state, app.updated_at = STOPPED, at
        for process in app.processes:
            self._set_state(at, app, process, STOPPED)
        self.audit.about_app(at, "audit.app.stop", app, actor)

    def restart(self, at: int, app: App, actor: Actor) -> None:
        """Stop and start each process in turn, in one transaction: all rows have the same time."""
        app.state, app.updated_at = STARTED, at
        for process in app.processes:
            self._set_state(at, app, process, STOPPED)
            self._set_state(at, app, process, STARTED)
        self.audit.about_app(at, "audit.app.restart", app, actor)

    def scale(
        self,
        at: int,
        app: App,
        process: Process,
        actor: Actor,
        *,
        instances: int | None = None,
        memory_mb: int | None = None,
    ) -> None:
        """Change instances or memory; only a started process whose footprint changes makes a usage row."""
        before = process.instances, process.memory_mb
        process.instances = process.instances if instances is None else instances
        process.memory_mb = process.memory_mb if memory_mb is None else memory_mb
        process.updated_at = at
        if process.state == STARTED and before != (process.instances, process.memory_mb):
            self._record_process(at, app, process, STARTED, *before)
        asked = {"instances": instances, "memory_in_mb": memory_mb}
        request = {key: value for key, value in asked.items() if value is not None}
        self.audit.scale(at, app, process, actor, request)

    def rename(self, at: int, app: App, name: str, actor: Actor) -> None:
        """Rename an app; later usage rows have the new name, no row says so itself."""
        app.name, app.updated_at = name, at
        self.audit.about_app(at, "audit.app.update", app, actor, {"request": {"name": name}})

    def crash(self, at: int, app: App, process: Process, index: int, end: Exit) -> int:
        """Let one instance die; returns its crashes in a row. No usage row: the wanted state stays."""
        count = next_count(at, *process.crash_counts.get(index, (0, at)))
        process.crash_counts[index] = count, at
        app.crashes += 1
        payload = crash_payload(
            end,
            at=at,
            instance=guid(self._chance)[:28],
            index=index,
            cell=CELLS[self._chance.randrange(len(CELLS))],
            crash_count=count,
            version=process.version,
        )
        self.audit.crash(at, app, process, payload)
        return count

    def delete(self, at: int, app: App, actor: Actor) -> None:
        """Delete an app: its tasks and started processes stop, a staging in flight never closes."""
        self.audit.about_app(at, "audit.app.delete-request", app, actor, {"request": {"recursive": True}})
        for task in list(app.tasks.values()):
            self.ledger.record_usage(
                at,
                app.task_subject(task),
                state="TASK_STOPPED",
                previous_state="RUNNING",
                memory_mb=(task.memory_mb, task.memory_mb),
                previous_package_state="STAGED",
            )
        app.tasks.clear()
        app.builds.clear()
        for process in app.processes:
            self._set_state(at, app, process, STOPPED)
        app.state = STOPPED
        self.world.remove(app)

    def _set_state(self, at: int, app: App, process: Process, state: str) -> None:
        if process.state == state:
            return
        previous, process.state, process.updated_at = process.state, state, at
        if state == STARTED:
            process.version = guid(self._chance)
        process.crash_counts.clear()
        self._record_process(at, app, process, previous, process.instances, process.memory_mb)

    def _record_process(
        self, at: int, app: App, process: Process, previous: str, instances: int, memory_mb: int
    ) -> None:
        self.ledger.record_usage(
            at,
            app.process_subject(process),
            state=process.state,
            previous_state=previous,
            instances=(process.instances, instances),
            memory_mb=(process.memory_mb, memory_mb),
            package_state=app.package_state,
        )
