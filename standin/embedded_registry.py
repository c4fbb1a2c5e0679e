"""Apicurio Registry as a child process, with Confluent's API.

Its storage is Kafka itself (``kafkasql``), not its memory: the ids inside the records and the schemas that they name
then live and die together, and a registry that is started again on the same broker decodes what is there.
"""

from pathlib import Path

from plumbing.errors import CfstreamError
from standin.artifacts import registry_home
from standin.children import Child
from standin.java import environment, java
from standin.places import RunFolder
from standin.ports import HOST, given_or_free
from standin.readiness import await_registry

API = "/apis/ccompat/v7"


class Registry:
    """A registry on a given Kafka. It may be launched before that Kafka answers; it waits for it."""

    def __init__(
        self, data: Path, run: RunFolder, bootstrap_servers: str, *, port: int | None = None, heap_mb: int = 512
    ) -> None:
        """Choose the port; start nothing yet."""
        self.port = given_or_free(port, "the schema registry", "--registry-port")
        self.log = run.log("registry")
        self._data = data
        self._run = run
        self._bootstrap_servers = bootstrap_servers
        self._heap_mb = heap_mb
        self._child: Child | None = None

    @property
    def url(self) -> str:
        """The address for registry clients."""
        return f"http://{HOST}:{self.port}{API}"

    @property
    def pid(self) -> int:
        """The process id of the running registry."""
        return self._running().pid

    def launch(self) -> None:
        """Start the process without waiting for it. Downloads the registry the first time."""
        home = registry_home(self._data)
        # It serves a handful of requests: the quick compiler alone starts it a second earlier.
        command = [*java(self._heap_mb, "-XX:TieredStopAtLevel=1"), "-jar", str(home / "quarkus-run.jar")]
        settings = environment(**settings_for(self._bootstrap_servers, self.port))
        self._child = Child("the schema registry", command, log=self.log, cwd=self._run.path, env=settings, grace_s=5)

    def await_ready(self) -> None:
        """Wait until it answers a request. Raise CfstreamError when it ends or takes too long."""
        await_registry(self.url, require_running=self.require_running, log=str(self.log))

    def require_running(self) -> None:
        """Raise CfstreamError, with the reason where the log tells it, when the registry has ended."""
        self._running().require_running(self._explain)

    def start(self) -> None:
        """Start and wait until it answers."""
        self.launch()
        self.await_ready()

    def end(self) -> None:
        """End it cleanly. Idempotent."""
        if self._child is not None:
            self._child.end()

    def kill(self) -> None:
        """Kill it (SIGKILL). ``start`` brings it back with every schema and id."""
        self._running().kill()

    def pause(self) -> None:
        """Freeze it: connections stay open and nothing is answered."""
        self._running().pause()

    def resume(self) -> None:
        """Let it go on after ``pause``."""
        self._running().resume()

    def _running(self) -> Child:
        if self._child is None:
            raise CfstreamError("the schema registry was not started")
        return self._child

    def _explain(self, log: str) -> str | None:
        if "Address already in use" in log:
            return (
                f"port {self.port} for the schema registry was taken while it started; try again, or choose one with "
                "--registry-port"
            )
        return None


def settings_for(bootstrap_servers: str, port: int, host: str = HOST) -> dict[str, str]:
    """Return the registry's settings as environment variables."""
    return {
        "APICURIO_STORAGE_KIND": "kafkasql",
        "APICURIO_KAFKASQL_BOOTSTRAP_SERVERS": bootstrap_servers,
        # At its start the registry polls four times for a snapshot and gives each poll this long (5 s by default):
        # 20 s for nothing. Ours has no snapshots, it reads its whole journal.
        "APICURIO_KAFKASQL_CONSUMER_POLL_TIMEOUT": "300",
        "APICURIO_KAFKASQL_SNAPSHOT_EVERY_SECONDS": "off",
        "QUARKUS_HTTP_HOST": host,
        "QUARKUS_HTTP_PORT": str(port),
        "QUARKUS_MANAGEMENT_HOST": HOST,
        "QUARKUS_MANAGEMENT_PORT": "0",
    }
