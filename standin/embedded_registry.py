"""Apicurio Registry as a child process, with Confluent's API.

Its storage is Kafka itself (``kafkasql``), not its memory: the ids inside the records and the schemas that they name
then live and die together, and a registry that is started again on the same broker decodes what is there.
"""

from pathlib import Path

from standin.artifacts import registry_home
from standin.children import Child
from standin.java import environment, java
from standin.part import ChildPart, port_taken
from standin.places import RunFolder
from standin.ports import HOST, given_or_free
from standin.readiness import await_registry

PORT_OPTION = "--registry-port"
API = "/apis/ccompat/v7"


class Registry(ChildPart):
    """A registry on a given Kafka. It may be launched before that Kafka answers; it waits for it.

    Killed and started again it has every schema and id.
    """

    name = "the schema registry"

    def __init__(
        self, data: Path, run: RunFolder, bootstrap_servers: str, *, port: int | None = None, heap_mb: int = 512
    ) -> None:
        """Choose the port; start nothing yet."""
        super().__init__()
        self.port = given_or_free(port, self.name, PORT_OPTION)
        self.log = run.log("registry")
        self._data = data
        self._run = run
        self._bootstrap_servers = bootstrap_servers
        self._heap_mb = heap_mb

    @property
    def url(self) -> str:
        """The address for registry clients."""
        return f"http://{HOST}:{self.port}{API}"

    def launch(self) -> None:
        """Start the process; see ``ChildPart``."""
        home = registry_home(self._data)
        # It serves a handful of requests: the quick compiler alone starts it a second earlier.
        command = [*java(self._heap_mb, "-XX:TieredStopAtLevel=1"), "-jar", str(home / "quarkus-run.jar")]
        settings = environment(**settings_for(self._bootstrap_servers, self.port))
        self._child = Child(self.name, command, log=self.log, cwd=self._run.path, env=settings, grace_s=5)

    def await_ready(self) -> None:
        """Wait until it answers a request."""
        await_registry(self.url, require_running=self.require_running, log=str(self.log))

    def explain(self, log: str) -> str | None:
        """Know a port that was taken."""
        return port_taken(self.name, self.port, PORT_OPTION, log)


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
