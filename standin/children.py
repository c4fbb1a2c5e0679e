"""A child process that ends with us, whatever ends us: Ctrl-C, SIGTERM or SIGKILL."""

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from plumbing.errors import CfstreamError

GUARD = Path(__file__).with_name("guard.py")
TAIL_CHARS = 4000


class Child:
    """One running child. Its output goes to a log file, its session is its own: Ctrl-C reaches only us.

    ``pid`` is the child's own process id, for tests that kill or freeze it.
    """

    def __init__(
        self, name: str, command: list[str], *, log: Path, cwd: Path, env: Mapping[str, str], grace_s: float = 15
    ) -> None:
        """Start it. ``grace_s``: seconds that ``end`` leaves it to end by itself."""
        self.name = name
        self.log = log
        self._grace_s = grace_s
        with log.open("ab") as out:
            self._guard = subprocess.Popen(
                [sys.executable, "-I", "-S", str(GUARD), str(grace_s), *command],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=out,
                cwd=cwd,
                env=dict(env),
                start_new_session=True,
            )
        if self._guard.stdin is None or self._guard.stdout is None:
            raise RuntimeError("pipes were asked for")
        self._words = self._guard.stdin
        with self._guard.stdout as said:
            line = said.readline()
        if not line:
            self._words.close()
            self._guard.wait()
            raise CfstreamError(f"{name} did not start; see {log}")
        self.pid = int(line)

    @property
    def running(self) -> bool:
        """Whether it still runs."""
        return self._guard.poll() is None

    @property
    def exit_code(self) -> int | None:
        """Its exit code (128 plus the signal that killed it), None while it runs."""
        return self._guard.poll()

    def end(self) -> None:
        """Ask it to end, wait until it has. Idempotent; blocks for the grace at most."""
        if self.running:
            self.resume()
            with contextlib.suppress(BrokenPipeError):
                self._words.write(b"t")
                self._words.flush()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._guard.wait(self._grace_s + 5)
        self._gone()

    def kill(self) -> None:
        """Kill it as a power cut would, and wait until it is gone. Idempotent."""
        self._signal(signal.SIGKILL)
        self._gone()

    def pause(self) -> None:
        """Freeze it: it keeps its connections and answers nothing."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let a frozen child go on."""
        self._signal(signal.SIGCONT)

    def require_running(self, known: Callable[[str], str | None] = lambda _text: None) -> None:
        """Raise CfstreamError when it has ended; ``known`` may turn the log's tail into a sentence."""
        if not self.running:
            tail = self.log.read_text("utf-8", errors="replace")[-TAIL_CHARS:] if self.log.exists() else ""
            raise CfstreamError(known(tail) or f"{self.name} ended by itself; its log says why: {self.log}")

    def _signal(self, number: signal.Signals) -> None:
        if self.running:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def _gone(self) -> None:
        with contextlib.suppress(BrokenPipeError):
            self._words.close()
        self._guard.wait()
