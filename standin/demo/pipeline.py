"""The product's own processes, started as a user would: by the command line, each with a log file."""

import os
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from plumbing.errors import CfstreamError
from standin.children import Child

LOG_LINES_SHOWN = 8
OURS = "CFSTREAM_"
PASSED_ON = ("CFSTREAM_KAFKA_", "CFSTREAM_SCHEMA_REGISTRY_", "CFSTREAM_LOG_")
"""Of the caller's settings, what reaches a given Kafka and registry; a port set for another process is not meant."""


class Pipeline:
    """Starts and ends ``cfstream`` commands; ends all that still run when the block ends.

    ``environment`` holds the settings of all of them. ``logs``: the folder of their log files, one a name.
    """

    def __init__(self, environment: Mapping[str, str], logs: Path) -> None:
        inherited = {k: v for k, v in os.environ.items() if not k.startswith(OURS) or k.startswith(PASSED_ON)}
        self._environment = inherited | dict(environment)
        self._logs = logs
        self._children: dict[str, Child] = {}

    def __enter__(self) -> Self:
        """Begin with nothing running."""
        self._logs.mkdir(parents=True, exist_ok=True)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End all, those started last first."""
        for name in reversed(list(self._children)):
            self.stop(name)

    def start(self, name: str, *arguments: str, more: Mapping[str, str] | None = None) -> None:
        """Start ``cfstream`` with the arguments, under a name; ``more``: settings of this one alone."""
        command = [sys.executable, "-m", "cfstream", *arguments]
        env = {**self._environment, **(more or {})}
        self._children[name] = Child(name, command, log=self.log(name), cwd=self._logs, env=env)

    def log(self, name: str) -> Path:
        """Return the log file of a name."""
        return self._logs / f"{name}.log"

    def finish(self, name: str, *, within_s: float) -> None:
        """Wait for a command to end by itself. Raise CfstreamError with its last lines when it fails or is late."""
        deadline = time.monotonic() + within_s
        while (code := self._children[name].exit_code) is None:
            if time.monotonic() > deadline:
                raise CfstreamError(f"the {name} did not end within {within_s:.0f} s; {self._last_lines(name)}")
            time.sleep(0.05)
        del self._children[name]
        if code != 0:
            raise CfstreamError(f"the {name} ended with exit code {code}; {self._last_lines(name)}")

    def check(self) -> None:
        """Raise CfstreamError when a command that should run has ended."""
        for name, child in self._children.items():
            if (code := child.exit_code) is not None:
                raise CfstreamError(f"the {name} ended with exit code {code}; {self._last_lines(name)}")

    def stop(self, name: str) -> None:
        """End a command by SIGTERM, and by SIGKILL when it does not end."""
        self._children.pop(name).end()

    def kill(self, name: str) -> None:
        """Kill a command as a power cut would."""
        self._children.pop(name).kill()

    def child(self, name: str) -> Child:
        """Return the process of a name, to freeze it or to see its exit code after its end."""
        return self._children[name]

    def running(self, name: str) -> bool:
        """Whether a command was started and has not ended."""
        return name in self._children and self._children[name].running

    def _last_lines(self, name: str) -> str:
        lines = self.log(name).read_text("utf-8", "replace").strip().splitlines()[-LOG_LINES_SHOWN:]
        return f"its log {self.log(name)} ends: {' | '.join(lines)}"
