"""The life of a part that runs as a child process of ours: start, end, kill, freeze, and start again."""

from abc import ABC, abstractmethod
from typing import ClassVar

from plumbing.errors import CfstreamError
from standin.children import Child


class ChildPart(ABC):
    """A part that tests and the demo can start, end, kill, freeze and start again on the same data and port."""

    name: ClassVar[str]
    """As it is called in messages."""

    def __init__(self) -> None:
        """Begin with nothing running."""
        self._child: Child | None = None

    @abstractmethod
    def launch(self) -> None:
        """Start the process, on the data that is there, without waiting for it. Downloads it the first time."""

    @abstractmethod
    def await_ready(self) -> None:
        """Wait until it answers. Raise CfstreamError when it ends or takes too long."""

    @abstractmethod
    def explain(self, log: str) -> str | None:
        """Return why it ended and what to do, where its log tells it."""

    @property
    def pid(self) -> int:
        """The process id while it runs."""
        return self._running().pid

    def require_running(self) -> None:
        """Raise CfstreamError, with the reason where the log tells it, when it has ended by itself."""
        self._running().require_running(self.explain)

    def start(self) -> None:
        """Start and wait until it answers."""
        self.launch()
        self.await_ready()

    def end(self) -> None:
        """End it cleanly. Idempotent."""
        if self._child is not None:
            self._child.end()

    def kill(self) -> None:
        """Kill it (SIGKILL). ``start`` brings it back with its data."""
        self._running().kill()

    def pause(self) -> None:
        """Freeze it: connections stay open and nothing is answered."""
        self._running().pause()

    def resume(self) -> None:
        """Let it go on after ``pause``."""
        self._running().resume()

    def restart(self) -> None:
        """End it and start it again on the same data and port."""
        self.end()
        self.start()

    def _running(self) -> Child:
        if self._child is None:
            raise CfstreamError(f"{self.name} was not started")
        return self._child


def port_taken(name: str, port: int, option: str, log: str) -> str | None:
    """Explain a port that another process took between the choice and the start, where the log says so."""
    if "Address already in use" not in log:
        return None
    return f"port {port} for {name} was taken while it started; try again, or choose one with {option}"
