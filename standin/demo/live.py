"""The live run: apps live their lives at sixty times the speed, until Ctrl-C."""

import time

from rich.console import Console
from rich.live import Live

from standin.demo.pipeline import Pipeline
from standin.demo.receivers import COUNTED
from standin.demo.scene import Scene
from standin.demo.screen import draw
from standin.demo.view import View
from standin.demo.watch import Watcher

REFRESH_S = 0.25


def play(scene: Scene, pipeline: Pipeline, console: Console, *, first_state: "FirstState") -> None:
    """Run the chain and show it until interrupted. Raise CfstreamError when a part ends by itself."""
    for name, arguments in (
        ("producer", ("producer", "run")),
        ("worker", ("processors", "run")),
        ("notifier", ("notifier", "run")),
    ):
        pipeline.start(name, *arguments)
    scene.source.live()
    org_names = scene.source.org_names
    where = {
        "chat room": scene.room_url,
        "Cloud Controller": f"{scene.source.url}/v3/info",
        "topics": "cfstream tail app-usage-events (settings: settings.env beside the logs)",
        "logs": str(pipeline.log("worker").parent),
    }
    view = View()
    watcher = Watcher(scene.client, scene.codec, scene.topics, view)
    with watcher.watching(), Live(console=console, screen=console.is_terminal, auto_refresh=False) as live:
        while True:
            pipeline.check()
            watcher.check()
            with watcher.lock:
                first_state.seen(bool(view.apps))
                messages = scene.room.since(0, COUNTED)
                shown = draw(view, messages=messages, org_names=org_names, where=where, now=time.monotonic())
            live.update(shown, refresh=True)
            time.sleep(REFRESH_S)


class FirstState:
    """Measures how long it took from the start of the demo to the first app on the screen."""

    def __init__(self, began: float) -> None:
        self._began = began
        self.seconds: float | None = None

    def seen(self, anything: bool) -> None:  # noqa: FBT001 - reads well where it is called
        """Note that there is something to see, or not yet."""
        if anything and self.seconds is None:
            self.seconds = time.monotonic() - self._began
