# ruff: noqa: PLR2004 # chances and sizes of made-up lives
"""The seeded generator: apps live, at a settable rate, and what they did has consequences later."""

import random
from collections.abc import Callable

from standin.cloud_controller import vocabulary
from standin.cloud_controller.agenda import Agenda
from standin.cloud_controller.audit_log import SYSTEM
from standin.cloud_controller.clock import SECOND
from standin.cloud_controller.crashes import (
    OUT_OF_MEMORY,
    Exit,
    any_exit,
    exited,
    restart_wait_s,
)
from standin.cloud_controller.guids import guid
from standin.cloud_controller.jobs import Jobs
from standin.cloud_controller.operations import Operations
from standin.cloud_controller.rows import Actor
from standin.cloud_controller.world import STARTED, STOPPED, App, Process, Task, World


class Life:
    """Does one random thing after another to random apps.

    ``agenda`` holds the consequences (a task ends, a crashed instance crashes again). What happens depends
    on the seed and on the times alone, not on how often ``advance`` is called.
    """

    def __init__(self, world: World, ops: Operations, jobs: Jobs, chance: random.Random) -> None:
        self.world = world
        self.ops = ops
        self.jobs = jobs
        self.agenda = Agenda()
        self.rate = 0.0
        self.people = vocabulary.people(chance)
        self.apps_made = 0
        self._chance = chance
        self._next_us: int | None = None
        self._lived_until = 0
        self._habits: dict[Callable[[int], None], int] = {
            self.scale: 26,
            self.restart: 14,
            self.stop_or_start: 14,
            self.run_task: 12,
            self.restage: 9,
            self.crash_once: 9,
            self.change_something_else: 6,
            self.create: 4,
            self.delete: 3,
            self.rename: 2,
            self.crash_out_of_memory: 2,
            self.scale_in_quick_succession: 1,
        }
        self._deeds, self._weights = list(self._habits), list(self._habits.values())

    def advance(self, now: int) -> None:
        """Let everything happen that is due by now: deeds of chance, ``rate`` a simulated second, and the agenda."""
        while True:
            due = min((at for at in (self._next_us, self.agenda.next_time()) if at is not None), default=None)
            if due is None or due > now:
                self._lived_until = now
                return
            if due == self.agenda.next_time():
                self.agenda.run_next()
            else:
                self.do_something(due)
                self._next_us = due + int(self._chance.expovariate(self.rate) * SECOND)

    def set_rate(self, rate: float, now: int) -> None:
        """Do so many things a simulated second from now on; 0 leaves only the consequences.

        One thing makes about 1.2 usage rows and 1.3 audit rows.
        """
        self.rate = rate
        self._next_us = now if rate > 0 else None

    def live_until(self, at: int) -> None:
        """Let the consequences that are due by then happen, and nothing of chance."""
        while (due := self.agenda.next_time()) is not None and due <= at:
            self.agenda.run_next()
        self._lived_until = at

    def wake(self, now: int) -> None:
        """Go on after a pause: what was due after it began is due that much later."""
        by_us = now - self._lived_until
        self._lived_until = now
        self.agenda.shift(by_us)
        if self._next_us is not None:
            self._next_us += by_us

    def do_something(self, at: int) -> None:
        """Do one random thing."""
        if not self.world.apps:
            self.create(at)
            return
        self._chance.choices(self._deeds, self._weights)[0](at)

    def somebody(self) -> Actor:
        """Return who does it: a user, now and then the system."""
        return SYSTEM if self._chance.random() < 0.02 else self._chance.choice(self.people)

    def create(self, at: int) -> None:
        """Push a new app: create, stage, start."""
        space = self._chance.choice(list(self.world.spaces.values()))
        self.apps_made += 1
        name = vocabulary.app_name(self._chance, self.apps_made)
        buildpack = self._chance.choice(vocabulary.BUILDPACKS)
        actor = self.somebody()
        app = self.ops.create_app(at, space, name, vocabulary.processes(self._chance), actor, buildpack)
        self.stage(at, app, actor, lambda then: self.ops.start(then, app, actor))

    def delete(self, at: int) -> None:
        """Delete an app, but never the last ones."""
        if len(self.world.apps) > 3:
            self.ops.delete(at, self._any_app(), self.somebody())

    def scale(self, at: int) -> None:
        """Change the instances or the memory of a process, started or not."""
        app = self._any_app()
        process = self._chance.choice(app.processes)
        if self._chance.random() < 0.7:
            instances = max(0, process.instances + self._chance.choice((-2, -1, 1, 1, 2, 3)))
            self.ops.scale(at, app, process, self.somebody(), instances=min(instances, 20))
        else:
            memory_mb = self._chance.choice(vocabulary.MEMORY_MB)
            self.ops.scale(at, app, process, self.somebody(), memory_mb=memory_mb)

    def scale_in_quick_succession(self, at: int) -> None:
        """Scale an app several times within one second: rows that differ in id alone."""
        app = self._any_app()
        for instances in (2, 5, 3, self._chance.randrange(1, 6)):
            self.ops.scale(at, app, app.processes[0], self.people[0], instances=instances)

    def restart(self, at: int) -> None:
        """Restart an app."""
        self.ops.restart(at, self._any_app(), self.somebody())

    def stop_or_start(self, at: int) -> None:
        """Start a stopped app, or stop a started one and start it again some day."""
        app = self._any_app()
        if app.state == STOPPED:
            self.ops.start(at, app, self.somebody())
            return
        self.ops.stop(at, app, self.somebody())
        if self._chance.random() < 0.8:
            later = at + int(self._chance.uniform(5, 600) * SECOND)
            self.agenda.note(later, lambda then: self._start_again(then, app))

    def restage(self, at: int) -> None:
        """Stage an app anew and restart it with the new droplet; some stagings fail, some never close."""
        app = self._any_app()
        actor = self.somebody()
        self.ops.audit.about_app(at, "audit.app.restage", app, actor)
        self.stage(at, app, actor, lambda then: self.ops.restart(then, app, actor))

    def rename(self, at: int) -> None:
        """Give an app another name."""
        app = self._any_app()
        self.apps_made += 1
        self.ops.rename(at, app, vocabulary.app_name(self._chance, self.apps_made), self.somebody())

    def run_task(self, at: int) -> None:
        """Run a task for a while; a few never get to run."""
        app = self._any_app()
        name, memory_mb = self._chance.choice(vocabulary.TASK_NAMES), self._chance.choice(vocabulary.MEMORY_MB)
        if self._chance.random() < 0.04:
            self.jobs.fail_pending_task(at, app, name, memory_mb, self.somebody())
            return
        self.task_for(at, app, name, memory_mb, self._chance.uniform(2, 900))

    def task_for(self, at: int, app: App, name: str, memory_mb: int, seconds: float) -> None:
        """Run a task that ends by itself."""
        task = self.jobs.start_task(at, app, name, memory_mb, self.somebody())
        self.agenda.note(at + int(seconds * SECOND), lambda then: self._end_task(then, app, task))

    def crash_once(self, at: int) -> None:
        """Let one instance of a started app die."""
        self.crash(at, any_exit(self._chance))

    def crash_out_of_memory(self, at: int) -> None:
        """Let one instance run out of memory."""
        self.crash(at, OUT_OF_MEMORY)

    def crash(self, at: int, end: Exit) -> None:
        """Let an instance of some started app die; nothing when the app that was picked has none."""
        app = self._any_app()
        running = [process for process in app.started_processes() if process.instances]
        if running:
            process = self._chance.choice(running)
            self.ops.crash(at, app, process, self._chance.randrange(process.instances), end)

    def crash_loop(self, at: int, app: App, process: Process, *, index: int = 0, lives_s: float = 3.0) -> None:
        """Crash now and again and again, as often as Diego restarts it, until stopped or scaled away."""
        if self.world.apps.get(app.guid) is not app or process.state != STARTED or index >= process.instances:
            return
        count = self.ops.crash(at, app, process, index, exited(1))
        wait_s = restart_wait_s(count)
        if wait_s is not None:
            again = at + int((wait_s + lives_s) * SECOND)
            self.agenda.note(again, lambda t: self.crash_loop(t, app, process, index=index, lives_s=lives_s))

    def change_something_else(self, at: int) -> None:
        """Do what is not about an app: spaces, routes, service instances, organizations."""
        space = self._chance.choice(list(self.world.spaces.values()))
        toss, actor = self._chance.random(), self.somebody()
        if toss < 0.25:
            self.ops.audit.about_space(at, "audit.space.update", space, actor, {"request": {"allow_ssh": True}})
        elif toss < 0.45:
            data = {"request": {"suspended": False}}
            self.ops.audit.about_org(at, "audit.organization.update", space.org, actor, data)
        else:
            kind = self._chance.choice(("route", "service_instance", "service_binding"))
            thing = Actor(guid(self._chance), kind, f"{kind}-{self._chance.randrange(1000)}")
            self.ops.audit.about_space(at, f"audit.{kind}.create", space, actor, {"request": {}}, thing)

    def stage(self, at: int, app: App, actor: Actor, then: Callable[[int], None]) -> None:
        """Stage an app and, when that went well, go on with ``then``."""
        build = self.jobs.start_staging(at, app, actor)
        fails = self._chance.random() < 0.08

        def staged(later: int) -> None:
            if self._is_there(app) and self.jobs.end_staging(later, app, build, actor, success=not fails):
                then(later)

        self.agenda.note(at + int(self._chance.uniform(5, 120) * SECOND), staged)

    def _start_again(self, at: int, app: App) -> None:
        if self._is_there(app) and app.state == STOPPED:
            self.ops.start(at, app, self.somebody())

    def _end_task(self, at: int, app: App, task: Task) -> None:
        if self._is_there(app):
            self.jobs.end_task(at, app, task)

    def _is_there(self, app: App) -> bool:
        return app.guid in self.world.apps

    def _any_app(self) -> App:
        return self.world.any_app(self._chance)
