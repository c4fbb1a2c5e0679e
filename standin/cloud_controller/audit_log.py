"""Audit rows as the Cloud Controller's event repositories write them."""

from collections.abc import Mapping
from typing import Any

from standin.cloud_controller.crashes import SHOWN_BY_APP_CRASH
from standin.cloud_controller.ledger import Ledger
from standin.cloud_controller.rows import Actor
from standin.cloud_controller.world import App, Build, Org, Process, Space, Task

HIDDEN = "[PRIVATE DATA HIDDEN]"
SYSTEM = Actor("system", "system", "system", "system")


class AuditLog:
    """Writes audit rows; an event about an app has the app as its target, whoever did it."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def about_app(
        self, at: int, event_type: str, app: App, actor: Actor, data: Mapping[str, Any] | None = None
    ) -> None:
        """Record something that was done to an app."""
        self._ledger.record_audit(
            at,
            event_type,
            actor=actor,
            target=Actor(app.guid, "app", app.name),
            data=data,
            space_guid=app.space.guid,
            org_guid=app.space.org.guid,
        )

    def about_org(self, at: int, event_type: str, org: Org, actor: Actor, data: Mapping[str, Any]) -> None:
        """Record something that was done to an organization; such a row has no space."""
        target = Actor(org.guid, "organization", org.name)
        self._ledger.record_audit(
            at, event_type, actor=actor, target=target, data=data, space_guid=None, org_guid=org.guid
        )

    def about_space(
        self,
        at: int,
        event_type: str,
        space: Space,
        actor: Actor,
        data: Mapping[str, Any],
        target: Actor | None = None,
    ) -> None:
        """Record something that was done to a space or to a thing (``target``) inside it."""
        self._ledger.record_audit(
            at,
            event_type,
            actor=actor,
            target=target or Actor(space.guid, "space", space.name),
            data=data,
            space_guid=space.guid,
            org_guid=space.org.guid,
        )

    def crash(self, at: int, app: App, process: Process, payload: Mapping[str, Any]) -> None:
        """Record one crash as the two rows it makes: the process' own and, right after it, the app's.

        The second keeps only part of the payload (AppCrashedController#crashed).
        """
        actor = Actor(process.guid, "process", process.type, "")
        self.about_app(at, "audit.app.process.crash", app, actor, payload)
        kept = {key: payload[key] for key in SHOWN_BY_APP_CRASH if key in payload}
        self.about_app(at, "app.crash", app, Actor(app.guid, "app", app.name), kept)

    def scale(self, at: int, app: App, process: Process, actor: Actor, request: Mapping[str, Any]) -> None:
        """Record a request to scale a process."""
        data = {"process_guid": process.guid, "process_type": process.type, "request": request}
        self.about_app(at, "audit.app.process.scale", app, actor, data)

    def task(self, at: int, event_type: str, app: App, task: Task, actor: Actor) -> None:
        """Record that a task was made or cancelled; its command is never shown."""
        request = {"name": task.name, "memory_in_mb": task.memory_mb, "command": HIDDEN}
        self.about_app(at, event_type, app, actor, {"task_guid": task.guid, "request": request})

    def build(self, at: int, event_type: str, app: App, build: Build, actor: Actor, **more: object) -> None:
        """Record a step of a staging."""
        data = {"build_guid": build.guid, "package_guid": build.package_guid, **more}
        self.about_app(at, event_type, app, actor, data)
