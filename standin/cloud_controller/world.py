"""What exists and runs: organizations, spaces, apps, processes, tasks, builds. Never read from the feeds."""

import random
from dataclasses import dataclass, field

from standin.cloud_controller.rows import Subject

STARTED, STOPPED = "STARTED", "STOPPED"
STAGING_MEMORY_MB = 1024
"""Every staging counts as this much, whatever it takes (Cloud Controller, BuildModel::STAGING_MEMORY)."""


@dataclass(slots=True)
class Org:
    """An organization."""

    guid: str
    name: str
    created_at: int


@dataclass(slots=True)
class Space:
    """A space of an organization."""

    guid: str
    name: str
    org: Org
    created_at: int


@dataclass(slots=True)
class Process:
    """A process of an app, with as many instances as were asked for, running or not."""

    guid: str
    type: str
    instances: int
    memory_mb: int
    state: str
    version: str
    created_at: int
    updated_at: int
    crash_counts: dict[int, tuple[int, int]] = field(default_factory=dict)
    """By index: crashes in a row, and the time of the last one."""


@dataclass(slots=True)
class Task:
    """A running task; a finished one is forgotten."""

    guid: str
    name: str
    memory_mb: int
    sequence_id: int
    created_at: int


@dataclass(slots=True)
class Build:
    """A staging in flight."""

    guid: str
    package_guid: str
    droplet_guid: str
    created_at: int


@dataclass(slots=True)
class App:
    """An app; it has at least a web process."""

    guid: str
    name: str
    space: Space
    created_at: int
    updated_at: int
    buildpack_guid: str | None
    buildpack_url: str
    droplet_guid: str
    state: str = STOPPED
    package_state: str = "STAGED"
    processes: list[Process] = field(default_factory=list)
    tasks: dict[str, Task] = field(default_factory=dict)
    builds: dict[str, Build] = field(default_factory=dict)
    tasks_ever: int = 0
    crashes: int = 0

    def started_processes(self) -> list[Process]:
        """Return the processes that ought to run."""
        return [process for process in self.processes if process.state == STARTED]

    def process_subject(self, process: Process) -> Subject:
        """Return what a usage row of this process says it is about."""
        return Subject(
            app_guid=self.guid,
            app_name=self.name,
            space_guid=self.space.guid,
            space_name=self.space.name,
            org_guid=self.space.org.guid,
            process_guid=process.guid,
            process_type=process.type,
            buildpack_guid=self.buildpack_guid,
            buildpack_name=redacted(self.buildpack_url),
        )

    def task_subject(self, task: Task) -> Subject:
        """Return what a usage row of this task says it is about; it names no process."""
        return Subject(
            app_guid=self.guid,
            app_name=self.name,
            space_guid=self.space.guid,
            space_name=self.space.name,
            org_guid=self.space.org.guid,
            task_guid=task.guid,
            task_name=task.name,
        )

    def build_subject(self) -> Subject:
        """Return what a usage row of a staging says it is about; it names no process."""
        return Subject(
            app_guid=self.guid,
            app_name=self.name,
            space_guid=self.space.guid,
            space_name=self.space.name,
            org_guid=self.space.org.guid,
            buildpack_guid=self.buildpack_guid,
            buildpack_name=redacted(self.buildpack_url),
        )


class World:
    """All that exists now, by guid. Apps come and go by ``add`` and ``remove`` alone."""

    def __init__(self) -> None:
        self.orgs: dict[str, Org] = {}
        self.spaces: dict[str, Space] = {}
        self.apps: dict[str, App] = {}
        self._places: dict[str, int] = {}
        self._in_places: list[App] = []

    def add(self, app: App) -> None:
        """Let an app exist."""
        self.apps[app.guid] = app
        self._places[app.guid] = len(self._in_places)
        self._in_places.append(app)

    def remove(self, app: App) -> None:
        """Let an app be gone."""
        del self.apps[app.guid]
        place, last = self._places.pop(app.guid), self._in_places.pop()
        if last is not app:
            self._in_places[place] = last
            self._places[last.guid] = place

    def any_app(self, chance: random.Random) -> App:
        """Return one app by chance, as fast with many as with few; IndexError when there is none."""
        return chance.choice(self._in_places)

    def processes(self) -> list[tuple[App, Process]]:
        """Return every process with its app, in the order of creation."""
        return [(app, process) for app in self.apps.values() for process in app.processes]

    def tasks(self) -> list[tuple[App, Task]]:
        """Return every running task with its app."""
        return [(app, task) for app in self.apps.values() for task in app.tasks.values()]


def redacted(url: str) -> str:
    """Hide user and password of a buildpack URL as the Cloud Controller does in usage rows."""
    scheme, mark, rest = url.partition("://")
    user_info, at, host = rest.rpartition("@")
    if not mark or not at or "/" in user_info:
        return url
    return f"{scheme}://***:***@{host}"
