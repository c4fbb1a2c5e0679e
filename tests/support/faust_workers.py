"""Workers of ``faust_probe``, stock and ours side by side: started, listened to, ended."""

import contextlib
import json
import os
import secrets
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
POLL_S = 0.05
WITHIN_S = 60.0


def wait_for(what: Callable[[], Any], within_s: float = WITHIN_S) -> None:
    """Wait until something is true; fail when it does not come true."""
    deadline = time.monotonic() + within_s
    while not what():
        assert time.monotonic() < deadline, "it never came true"
        time.sleep(POLL_S)


class ProbeWorker:
    """One process, and what it has said so far."""

    def __init__(self, case: dict[str, Any], folder: Path) -> None:
        self.case = case
        self.events: list[dict[str, Any]] = []
        self._errors = (folder / f"{case['group']}.log").open("ab")
        self._process = subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("faust_probe.py")), json.dumps(case)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            cwd=ROOT,
            env=os.environ | {"PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "ignore"},
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            with contextlib.suppress(ValueError):
                self.events.append(json.loads(line))

    def said(self, name: str) -> list[Any]:
        """Return the values of all events of a name, in order."""
        return [event[name] for event in list(self.events) if name in event]

    @property
    def group(self) -> str:
        return str(self.case["group"])

    @property
    def changelog(self) -> str:
        return f"{self.group}-t-changelog"

    @property
    def met(self) -> list[int]:
        return self.said("met")

    def await_(self, name: str, within_s: float = WITHIN_S) -> Any:
        """Wait for the first event of a name and return its value."""
        wait_for(lambda: self.said(name), within_s)
        return self.said(name)[0]

    def await_met(self, count: int) -> None:
        """Wait until so many records were met."""
        wait_for(lambda: len(self.met) >= count)

    def end(self) -> None:
        """End it in good order."""
        assert self._process.stdin is not None
        with contextlib.suppress(OSError):
            self._process.stdin.close()
        try:
            self._process.wait(15)
        except subprocess.TimeoutExpired:
            self._process.kill()
        self._gone()

    def kill(self) -> None:
        """End it with SIGKILL."""
        self._process.kill()
        self._gone()

    def _gone(self) -> None:
        self._process.wait(10)
        self._reader.join(10)
        for pipe in (self._process.stdin, self._process.stdout, self._errors):
            assert pipe is not None
            with contextlib.suppress(OSError):
                pipe.close()


class Pair:
    """Makes workers of both kinds over the same topic, in groups of their own."""

    def __init__(self, bootstrap: str, folder: Path) -> None:
        self._bootstrap = bootstrap
        self._folder = folder
        self._made: list[ProbeWorker] = []
        name = secrets.token_hex(4)
        self.groups = {"stock": f"g{name}-stock", "lane": f"g{name}-lane"}

    def start(self, kind: str, topic: str, **case: Any) -> ProbeWorker:
        """Start one worker of a kind; a second one of the same kind is its successor."""
        folder = self._folder / kind
        folder.mkdir(exist_ok=True)
        given = {"kind": kind, "bootstrap": self._bootstrap, "group": self.groups[kind], "topic": topic}
        worker = ProbeWorker(given | {"folder": str(folder), "instance": f"{kind}-0"} | case, self._folder)
        self._made.append(worker)
        return worker

    def both(self, topic: str, **case: Any) -> tuple[ProbeWorker, ProbeWorker]:
        """Start one of each kind, stock first."""
        return self.start("stock", topic, **case), self.start("lane", topic, **case)

    def kill_all(self) -> None:
        """Leave nothing running."""
        for worker in self._made:
            worker.kill()


@contextlib.contextmanager
def pair(bootstrap: str, folder: Path) -> Iterator[Pair]:
    """Yield a pair; kill what it has started in the end."""
    made = Pair(bootstrap, folder)
    try:
        yield made
    finally:
        made.kill_all()
