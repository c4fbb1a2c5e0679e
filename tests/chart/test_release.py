"""A rendered release runs: each container's arguments, environment and files, as processes, on a real Kafka.

What Kubernetes would do is done here by hand: the setup job first, then two producers and two workers, watched by their
probes, then the test pod and the scheduled job, then SIGTERM.
"""

import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson
import pytest
from confluent_kafka.admin import AdminClient
from support.chain import free_port
from support.command import clean_environment
from support.rendered_pod import Laid, Node
from support.simulated import standing_still

from helm.render import Chart, Object, Rendering
from standin.cloud_controller.server import running

RELEASE = "live"


@dataclass
class Process:
    """One running container."""

    laid: Laid
    container: dict[str, Any]
    port: int
    child: "subprocess.Popen[str]"

    def status(self, probe: str) -> int:
        """Ask a probe; 0 while nobody answers."""
        path = self.container[f"{probe}Probe"]["httpGet"]["path"]
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=5) as answer:
                found: int = answer.status
                return found
        except urllib.error.HTTPError as error:
            return error.code
        except OSError:
            return 0

    def wait_for(self, probe: str, within_s: float) -> None:
        deadline = time.monotonic() + within_s
        while (found := self.status(probe)) != 200:
            assert self.child.poll() is None, f"{self.laid.arguments} ended with {self.child.returncode}"
            assert time.monotonic() < deadline, f"{self.laid.arguments}: {probe} says {found}"
            threading.Event().wait(0.1)

    def end(self, within_s: float) -> int:
        self.child.terminate()
        return self.child.wait(within_s)


@dataclass
class Cluster:
    """Runs containers of one rendering as processes."""

    rendering: Rendering
    node: Node
    logs: Path
    processes: list[Process] = field(default_factory=list)

    def command(self, laid: Laid, **more: str) -> tuple[list[str], dict[str, str]]:
        environment = laid.environment | {"CFSTREAM_DATA_DIR": str(self.logs), "CFSTREAM_HTTP_HOST": "127.0.0.1"} | more
        return [sys.executable, "-m", "cfstream", *laid.arguments], clean_environment(environment)

    def complete(self, pod: Object) -> list[str]:
        """Run a pod's containers one after the other, each to its end; return what they print."""
        out = []
        for container in (*pod["spec"].get("initContainers", ()), *pod["spec"]["containers"]):
            command, environment = self.command(self.node.lay(self.rendering, pod, container, "job"))
            done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)
            assert done.returncode == 0, f"{container['args']}: {done.stderr}"
            out.append(done.stdout)
        return out

    @contextmanager
    def start(self, kind: str, component: str, number: int) -> Iterator[Process]:
        owner = self.rendering.one(kind, component)
        pod = owner["spec"]["template"]
        (container,) = pod["spec"]["containers"]
        name = f"{owner['metadata']['name']}-{number}"
        laid = self.node.lay(self.rendering, pod, container, name)
        port = free_port()
        command, environment = self.command(laid, CFSTREAM_HTTP_PORT=str(port))
        log = self.logs / f"{name}.log"
        with log.open("w") as out, subprocess.Popen(command, env=environment, stderr=out, text=True) as child:
            process = Process(laid, container, port, child)
            self.processes.append(process)
            try:
                yield process
            finally:
                if child.poll() is None:
                    child.kill()


@pytest.fixture
def cluster(
    chart: Chart, minimal: Path, kafka: str, registry_url: str, topic_prefix: str, tmp_path: Path
) -> Iterator[Cluster]:
    cc = standing_still(apps=30, usage_rows=600)
    with running(cc) as api:
        values = {
            "cf": {"api": str(api), "clientId": cc.options.client_id},
            "kafka": {"bootstrapServers": kafka},
            "schemaRegistry": {"url": registry_url},
            "topics": {"prefix": topic_prefix, "partitions": 4},
            "producer": {"settings": {"settle_seconds": 0, "poll_seconds": 0.2}},
            "worker": {"settings": {"worker_group": f"{topic_prefix}workers"}},
            "reconcile": {"enabled": True},
        }
        node = Node(tmp_path / "etc", {"cfstream-cf/client-secret": cc.options.client_secret})
        yield Cluster(chart.render(minimal, values=values, release=RELEASE), node, tmp_path)
    admin = AdminClient({"bootstrap.servers": kafka})
    ours = [name for name in admin.list_topics(timeout=15).topics if name.startswith(topic_prefix)]
    for deleted in admin.delete_topics(ours, operation_timeout=30).values() if ours else ():
        deleted.result(timeout=30)


def test_the_release_runs(cluster: Cluster, topic_prefix: str) -> None:
    setup = cluster.rendering.one("Job", "setup")["spec"]["template"]
    made, _ = cluster.complete(setup)
    assert f"{topic_prefix}app-state: created" in made
    again, _ = cluster.complete(setup)
    assert "created" not in again

    with ExitStack() as stack:
        for kind, component in (("Deployment", "producer"), ("StatefulSet", "worker")):
            for number in range(cluster.rendering.one(kind, component)["spec"]["replicas"]):
                stack.enter_context(cluster.start(kind, component, number))
        for process in cluster.processes:
            process.wait_for("startup", 60)
            process.wait_for("readiness", 120)

        cluster.complete(cluster.rendering.one("Pod", "test"))
        agreed(cluster)

        for process in cluster.processes:
            assert process.status("liveness") == 200
            grace = cluster.rendering.one("Deployment", "producer")["spec"]["template"]["spec"]
            assert process.end(grace["terminationGracePeriodSeconds"]) == 0
    names = {process.laid.environment.get("CFSTREAM_WORKER_INSTANCE_ID") for process in cluster.processes}
    assert names == {None, "live-cfstream-worker-0", "live-cfstream-worker-1"}


def agreed(cluster: Cluster) -> None:
    """Wait until the scheduled job finds no difference between the tables and the Cloud Controller."""
    pod = cluster.rendering.one("CronJob", "reconcile")["spec"]["jobTemplate"]["spec"]["template"]
    (container,) = pod["spec"]["containers"]
    command, environment = cluster.command(cluster.node.lay(cluster.rendering, pod, container, "job"))
    deadline = time.monotonic() + 90
    while True:
        done = subprocess.run([*command, "--json"], env=environment, capture_output=True, check=False, timeout=60)
        if done.returncode == 0:
            assert orjson.loads(done.stdout.splitlines()[-1])["source"]["instances"] > 0
            return
        assert done.returncode == 1, done.stderr.decode()
        assert time.monotonic() < deadline, done.stdout.decode()
