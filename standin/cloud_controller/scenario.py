"""The fixed scenario of the demo: a week of history, and crashes recent enough to raise alerts."""

from functools import partial
from typing import TYPE_CHECKING

from standin.cloud_controller.clock import SECOND
from standin.cloud_controller.crashes import OUT_OF_MEMORY, Exit, exited
from standin.cloud_controller.history import DAY_S, Past
from standin.cloud_controller.world import STARTED, App, Process

if TYPE_CHECKING:
    from standin.cloud_controller.controller import CloudController

USAGE_ROWS, APPS, OLD_APPS = 22_000, 540, 20
SPAN_S = 7 * DAY_S
FINALE_S = 15 * 60
QUIET_S = 120

# (seconds before the end, crashes, seconds between them): three in five minutes is what an alert needs.
RECOVERED = ((13 * 60, 4, 20), (12 * 60, 5, 15))
STILL_CRASHING = ((200, 5, 30), (150, 4, 25), (120, 3, 35))
NOT_ENOUGH = ((600, 2, 30),)
OUT_OF_MEMORY_AGAIN = (240, 4, 50)
LOOP_STARTS_BEFORE_END = 11 * 60
LONG_TASKS, LONG_TASK_S, STAGINGS = 4, 7200.0, 2


def play_demo_scenario(
    cc: "CloudController",
    *,
    usage_rows: int = USAGE_ROWS,
    apps: int = APPS,
    old_apps: int = OLD_APPS,
    quiet_s: float = QUIET_S,
) -> int:
    """Write the history into an empty Cloud Controller and stay paused; returns the time of its end.

    At least so many usage rows and apps exist then. The end lies ``quiet_s`` before the clock's present, so
    that every row is older than a settle delay of that length. Within the last quarter of an hour two apps
    crashed often and recovered, three still crash, one runs out of memory again and again, one instance is
    in a crash loop, and one app crashed twice only, which is no reason for an alert. At the end some tasks
    run and some stagings are in flight.
    """
    with cc.lock:
        end = cc.catch_up() - int(quiet_s * SECOND)
        before = end - FINALE_S * SECOND
        cc.write_past(Past(usage_rows, apps, SPAN_S, old_apps), until=before)
        webs = [pair for pair in cc.world.processes() if pair[1].type == "web"]
        running = [pair for pair in webs if pair[1].state == STARTED and pair[1].instances]
        cast = iter([pair for pair in running if pair[0].created_at > before - SPAN_S * SECOND])
        for burst in RECOVERED + STILL_CRASHING + NOT_ENOUGH:
            _burst(cc, end, *next(cast), *burst)
        _burst(cc, end, *next(cast), *OUT_OF_MEMORY_AGAIN, out_of_memory=True)
        app, process = next(cast)
        at = end - LOOP_STARTS_BEFORE_END * SECOND
        cc.life.agenda.note(at, lambda then: cc.life.crash_loop(then, app, process))
        for number in range(LONG_TASKS):
            deed = partial(_long_task, cc, next(cast)[0], 128 * (1 + number), LONG_TASK_S)
            cc.life.agenda.note(end - 60 * SECOND, deed)
        for _ in range(STAGINGS):
            deed = partial(_restage, cc, next(cast)[0])
            cc.life.agenda.note(end - SECOND, deed)
        cc.life.live_until(end)
        cc.catch_up()
        return end


def _burst(
    cc: "CloudController",
    end: int,
    app: App,
    process: Process,
    starts_before_s: int,
    crashes: int,
    apart_s: int,
    *,
    out_of_memory: bool = False,
) -> None:
    reason = OUT_OF_MEMORY if out_of_memory else exited(1)
    for number in range(crashes):
        at = end - (starts_before_s - number * apart_s) * SECOND
        cc.life.agenda.note(at, partial(_crash, cc, app, process, number % process.instances, reason))


def _crash(cc: "CloudController", app: App, process: Process, index: int, reason: Exit, at: int) -> None:
    cc.ops.crash(at, app, process, index, reason)


def _long_task(cc: "CloudController", app: App, memory_mb: int, seconds: float, at: int) -> None:
    cc.life.task_for(at, app, "nightly report", memory_mb, seconds)


def _restage(cc: "CloudController", app: App, at: int) -> None:
    actor = cc.life.people[0]
    cc.life.stage(at, app, actor, lambda then: cc.ops.restart(then, app, actor))
