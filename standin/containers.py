"""Kafka and the registry as containers, where a Docker engine answers; testcontainers reaps them if we are killed."""

import socket
from types import TracebackType
from typing import Any, Self

import docker
from docker.errors import DockerException
from testcontainers.core.container import DockerContainer
from testcontainers.core.docker_client import get_docker_host
from testcontainers.core.network import Network

from plumbing.errors import CfstreamError
from standin.embedded_kafka import cluster_settings
from standin.embedded_registry import API, settings_for
from standin.ports import HOST, given_or_free
from standin.readiness import await_kafka, await_registry

KAFKA_IMAGE = "apache/kafka:4.2.1"
REGISTRY_IMAGE = "apicurio/apicurio-registry:3.3.3"
CLIENTS, NEIGHBOURS, CONTROLLER = 9092, 19092, 29093
"""Ports inside the Kafka container: for clients on this machine, for the registry beside it, for itself."""
REGISTRY_PORT = 8080
KAFKA_ALIAS = "kafka"
ANSWERS_WITHIN_S = 3
DEFAULT_ENGINE = "unix:///var/run/docker.sock"


def engine_answers() -> bool:
    """Say whether a Docker engine answers here. Takes 3 s at most."""
    address = get_docker_host() or DEFAULT_ENGINE
    # Asked first because the client leaks its socket when nothing listens there.
    if address.startswith("unix://") and not _listens(address.removeprefix("unix://")):
        return False
    try:
        client = docker.DockerClient(base_url=address, timeout=ANSWERS_WITHIN_S)
        try:
            return bool(client.ping())
        finally:
            client.close()
    except (DockerException, OSError):
        return False


def _listens(path: str) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(ANSWERS_WITHIN_S)
        try:
            probe.connect(path)
        except OSError:
            return False
    return True


class Containers:
    """The network that the containers share. A context manager: leaving it removes the network."""

    def __enter__(self) -> Self:
        """Make the network."""
        try:
            self.network = Network().create()
        except (DockerException, OSError) as error:
            raise CfstreamError(f"the Docker engine refused a network: {error}; choose --engine embedded") from error
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Remove the network."""
        self.network.remove()


class _Part:
    """One container, seen as a child."""

    def __init__(self, title: str, container: Any, environment: dict[str, str]) -> None:
        self.title = title
        self._container = container
        for name, value in environment.items():
            container.with_env(name, value)

    def launch(self) -> None:
        """Start the container; the engine pulls the image the first time."""
        try:
            self._container.start()
        except (DockerException, OSError) as error:
            raise CfstreamError(f"Docker cannot start {self.title}: {error}; choose --engine embedded") from error

    def end(self) -> None:
        """Stop and remove the container. Idempotent."""
        self._container.stop()

    def require_running(self) -> None:
        """Raise CfstreamError when the container has ended."""
        wrapped = self._container.get_wrapped_container()
        wrapped.reload()
        if wrapped.status not in ("created", "running"):
            raise CfstreamError(f"the container of {self.title} ended by itself; its log: docker logs {wrapped.id}")

    def _log(self) -> str:
        return f"docker logs {self._container.get_wrapped_container().id}"


def _publish(container: Any, inside: int, port: int) -> None:
    # with_bind_ports knows no address and would open the port to the whole network; Docker takes a pair.
    container.ports[f"{inside}/tcp"] = (HOST, port)


class KafkaContainer(_Part):
    """One Kafka node in a container."""

    def __init__(self, network: Network, *, port: int | None = None) -> None:
        """Choose the port; start nothing yet."""
        self.port = given_or_free(port, "Kafka", "--kafka-port")
        container = DockerContainer(KAFKA_IMAGE).with_network(network).with_network_aliases(KAFKA_ALIAS)
        _publish(container, CLIENTS, self.port)
        super().__init__("Kafka", container, kafka_environment(self.port))

    @property
    def bootstrap_servers(self) -> str:
        """Where clients on this machine connect."""
        return f"{HOST}:{self.port}"

    def await_ready(self) -> None:
        """Wait until the broker answers a client."""
        await_kafka(self.bootstrap_servers, require_running=self.require_running, log=self._log())


class RegistryContainer(_Part):
    """The registry in a container, on the Kafka of the same network, or on a given address."""

    def __init__(self, network: Network, bootstrap_servers: str | None, *, port: int | None = None) -> None:
        """Choose the port; start nothing yet. Without ``bootstrap_servers`` it uses the Kafka container."""
        self.port = given_or_free(port, "the schema registry", "--registry-port")
        container = DockerContainer(REGISTRY_IMAGE).with_network(network)
        _publish(container, REGISTRY_PORT, self.port)
        kafka = bootstrap_servers or f"{KAFKA_ALIAS}:{NEIGHBOURS}"
        super().__init__("the schema registry", container, settings_for(kafka, REGISTRY_PORT, host="0.0.0.0"))  # noqa: S104 - inside the container

    @property
    def url(self) -> str:
        """The address for registry clients."""
        return f"http://{HOST}:{self.port}{API}"

    def await_ready(self) -> None:
        """Wait until it answers a request."""
        await_registry(self.url, require_running=self.require_running, log=self._log())


def kafka_environment(port: int) -> dict[str, str]:
    """Return the image's environment: each broker setting in capitals, dots as underscores, after ``KAFKA_``."""
    settings = {
        "process.roles": "broker,controller",
        "node.id": "1",
        "controller.quorum.voters": f"1@localhost:{CONTROLLER}",
        "listeners": f"CLIENTS://:{CLIENTS},NEIGHBOURS://:{NEIGHBOURS},CONTROLLER://:{CONTROLLER}",
        "advertised.listeners": f"CLIENTS://{HOST}:{port},NEIGHBOURS://{KAFKA_ALIAS}:{NEIGHBOURS}",
        "controller.listener.names": "CONTROLLER",
        "listener.security.protocol.map": "CLIENTS:PLAINTEXT,NEIGHBOURS:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "inter.broker.listener.name": "NEIGHBOURS",
    } | cluster_settings(1)
    return {f"KAFKA_{name.replace('.', '_').upper()}": value for name, value in settings.items()}
