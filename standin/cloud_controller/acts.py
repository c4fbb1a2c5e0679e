"""Single deeds on demand, for tests that need this app to do that now."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from standin.cloud_controller.crashes import OUT_OF_MEMORY, exited
from standin.cloud_controller.history import found_orgs
from standin.cloud_controller.world import App, Process

if TYPE_CHECKING:
    from standin.cloud_controller.controller import CloudController

Asked = dict[str, Any]


def act(cc: "CloudController", asked: Asked) -> dict[str, Any]:
    """Do ``action`` to ``app`` (a guid; not for create) and return the app's guid and state.

    Actions: create (name, space, processes {type: [instances, memory_mb]}, start), start, stop, restart,
    scale (process, instances, memory_mb), rename (name), delete, crash and crash_out_of_memory (process,
    index, times), crash_loop (process, index, lives_s), restage, task (name, memory_mb, seconds).
    """
    with cc.lock:
        now = cc.catch_up()
        action = str(asked["action"])
        app = _create(cc, now, asked) if action == "create" else _known(cc, str(asked["app"]))
        if action != "create":
            if action not in ACTIONS:
                raise ValueError(f"no action is called {action!r}; there are create, {', '.join(ACTIONS)}")
            ACTIONS[action](cc, now, app, asked)
        return {"app": app.guid, "state": app.state, "processes": {one.type: one.guid for one in app.processes}}


def _known(cc: "CloudController", guid: str) -> App:
    app = cc.world.apps.get(guid)
    if app is None:
        raise ValueError(f"there is no app {guid}")
    return app


def _create(cc: "CloudController", now: int, asked: Asked) -> App:
    if not cc.world.spaces:
        found_orgs(cc.life, now, 1)
    guid = asked.get("space") or next(iter(cc.world.spaces))
    wanted = asked.get("processes", {"web": (1, 256)})
    shape = {kind: (int(count), int(memory_mb)) for kind, (count, memory_mb) in wanted.items()}
    actor = cc.life.people[0]
    app = cc.ops.create_app(now, cc.world.spaces[guid], str(asked["name"]), shape, actor)
    if asked.get("start", True):
        cc.ops.start(now, app, actor)
    return app


def _process(app: App, asked: Asked) -> Process:
    kind = asked.get("process", "web")
    return next(process for process in app.processes if process.type == kind)


def _scale(cc: "CloudController", now: int, app: App, asked: Asked) -> None:
    size = {key: int(asked[key]) for key in ("instances", "memory_mb") if key in asked}
    cc.ops.scale(now, app, _process(app, asked), cc.life.people[0], **size)


def _crash(cc: "CloudController", now: int, app: App, asked: Asked) -> None:
    end = OUT_OF_MEMORY if asked["action"] == "crash_out_of_memory" else exited(1)
    for _ in range(int(asked.get("times", 1))):
        cc.ops.crash(now, app, _process(app, asked), int(asked.get("index", 0)), end)


def _crash_loop(cc: "CloudController", now: int, app: App, asked: Asked) -> None:
    index, lives_s = int(asked.get("index", 0)), float(asked.get("lives_s", 3.0))
    cc.life.crash_loop(now, app, _process(app, asked), index=index, lives_s=lives_s)


def _restage(cc: "CloudController", now: int, app: App, _: Asked) -> None:
    actor = cc.life.people[0]
    cc.life.stage(now, app, actor, lambda then: cc.ops.restart(then, app, actor))


def _task(cc: "CloudController", now: int, app: App, asked: Asked) -> None:
    name, memory_mb = str(asked.get("name", "migrate")), int(asked.get("memory_mb", 256))
    cc.life.task_for(now, app, name, memory_mb, float(asked.get("seconds", 60)))


ACTIONS: dict[str, Callable[["CloudController", int, App, Asked], None]] = {
    "start": lambda cc, now, app, _: cc.ops.start(now, app, cc.life.people[0]),
    "stop": lambda cc, now, app, _: cc.ops.stop(now, app, cc.life.people[0]),
    "restart": lambda cc, now, app, _: cc.ops.restart(now, app, cc.life.people[0]),
    "delete": lambda cc, now, app, _: cc.ops.delete(now, app, cc.life.people[0]),
    "rename": lambda cc, now, app, asked: cc.ops.rename(now, app, str(asked["name"]), cc.life.people[0]),
    "scale": _scale,
    "crash": _crash,
    "crash_out_of_memory": _crash,
    "crash_loop": _crash_loop,
    "restage": _restage,
    "task": _task,
}
