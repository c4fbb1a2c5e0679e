"""Apache Kafka as a child process: one node that is broker and controller (KRaft)."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from standin.artifacts import kafka_jars
from standin.children import Child
from standin.java import environment, kafka_java
from standin.kafka_storage import format_storage, new_id
from standin.part import ChildPart, port_taken
from standin.places import RunFolder
from standin.ports import HOST, free_port, given_or_free
from standin.readiness import await_kafka

PORT_OPTION = "--kafka-port"


class Listener(NamedTuple):
    """A further door of a broker; ``protocol`` is Kafka's name, such as SASL_SSL."""

    protocol: str
    port: int


class Broker(ChildPart):
    """One broker.

    Several make a cluster: give each its ``node_id``, the common ``cluster_id``, and ``voters`` (node id to controller
    port) with all of them.
    """

    name = "Kafka"

    def __init__(
        self,
        data: Path,
        run: RunFolder,
        *,
        port: int | None = None,
        node_id: int = 1,
        cluster_id: str | None = None,
        voters: Mapping[int, int] | None = None,
        heap_mb: int = 512,
        options: Mapping[str, str] | None = None,
        listeners: Mapping[str, Listener] | None = None,
        java_options: Sequence[str] = (),
    ) -> None:
        """Choose the ports; start nothing yet.

        ``options`` are broker settings that come on top of ours, ``listeners`` doors beside the plain one, by name
        (upper case); what they need (certificates, mechanisms) is in ``options``. ``java_options``: such as ``-Da=b``.
        """
        super().__init__()
        self.port = given_or_free(port, self.name, PORT_OPTION)
        self.log = run.log(f"kafka-{node_id}")
        self._data = data
        self._run = run
        self._node_id = node_id
        self._cluster_id = cluster_id or new_id()
        self._voters = dict(voters or {node_id: free_port()})
        self._heap_mb = heap_mb
        self._options = dict(options or {})
        self._listeners = dict(listeners or {})
        self._java_options = tuple(java_options)

    @property
    def bootstrap_servers(self) -> str:
        """Where clients connect."""
        return f"{HOST}:{self.port}"

    def launch(self) -> None:
        """Start the process; see ``ChildPart``."""
        jars = kafka_jars(self._data)
        storage = self._run.data(f"kafka-{self._node_id}")
        format_storage(jars, storage, cluster_id=self._cluster_id, node_id=self._node_id)
        config = self._run.path / f"kafka-{self._node_id}.properties"
        settings = server_settings(self._node_id, self.port, self._voters, storage, self._listeners) | self._options
        config.write_text("".join(f"{name}={value}\n" for name, value in settings.items()))
        command = [*kafka_java(jars, self._heap_mb, *self._java_options), "kafka.Kafka", str(config)]
        self._child = Child(self.name, command, log=self.log, cwd=self._run.path, env=environment())

    def await_ready(self) -> None:
        """Wait until the broker answers a client."""
        await_kafka(self.bootstrap_servers, require_running=self.require_running, log=str(self.log))

    def explain(self, log: str) -> str | None:
        """Know a port that was taken and a disk that is full."""
        if "No space left on device" in log:
            return f"the disk is full: Kafka cannot write to {self._run.path}; make room or set CFSTREAM_DATA_DIR"
        return port_taken(self.name, self.port, PORT_OPTION, log)


def server_settings(
    node_id: int, port: int, voters: Mapping[int, int], storage: Path, more: Mapping[str, Listener] | None = None
) -> dict[str, str]:
    """Return the settings of an embedded broker; ``more``: listeners beside the plain one."""
    doors = {"PLAINTEXT": Listener("PLAINTEXT", port), **(more or {})}
    addresses = [f"{name}://{HOST}:{door.port}" for name, door in doors.items()]
    return {
        "process.roles": "broker,controller",
        "node.id": str(node_id),
        "controller.quorum.voters": ",".join(f"{node}@{HOST}:{at}" for node, at in sorted(voters.items())),
        "listeners": ",".join([*addresses, f"CONTROLLER://{HOST}:{voters[node_id]}"]),
        "advertised.listeners": ",".join(addresses),
        "controller.listener.names": "CONTROLLER",
        "listener.security.protocol.map": ",".join(
            ["CONTROLLER:PLAINTEXT", *(f"{name}:{door.protocol}" for name, door in doors.items())]
        ),
        "inter.broker.listener.name": "PLAINTEXT",
        "log.dirs": str(storage),
    } | cluster_settings(len(voters))


def cluster_settings(nodes: int) -> dict[str, str]:
    """Return what every broker of ours is told, embedded or in a container: sized for one machine."""
    copies, least = str(min(nodes, 3)), str(min(nodes, 2))
    return {
        # A topic that we forgot to define must fail, not appear with the wrong partition count.
        "auto.create.topics.enable": "false",
        "default.replication.factor": copies,
        "offsets.topic.replication.factor": copies,
        "offsets.topic.num.partitions": "8",
        "transaction.state.log.replication.factor": copies,
        "transaction.state.log.min.isr": least,
        "transaction.state.log.num.partitions": "8",
        "share.coordinator.state.topic.replication.factor": copies,
        "share.coordinator.state.topic.min.isr": least,
        # A killed broker may register again only when its old session has run out, 9 s by default. Broker and
        # controller are one process here: a slow machine slows both, so a short session is no risk.
        "broker.session.timeout.ms": "2000",
        "broker.heartbeat.interval.ms": "500",
        # The first member of a group need not wait for others that will not come.
        "group.initial.rebalance.delay.ms": "0",
    }
