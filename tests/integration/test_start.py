"""How the processes start when Kafka or the registry is away, and end: they wait, say so, and obey SIGTERM."""

import subprocess
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from support.kafka_proxy import proxy
from support.producer_run import Site, site
from support.waiting import until

from standin.cloud_controller.controller import CloudController
from standin.embedded_registry import Registry
from standin.places import RunFolder, data_folder
from standin.ports import HOST, free_port

PROCESSES = {
    "producer": ("first start", "producer ends"),
    "processors": ("applied", "worker ends"),
    "notifier": ("this notifier leads", "notifier ends"),
}
"""By command, what each logs once it works, and at a clean end."""


@pytest.fixture
def here(kafka: str, registry_url: str, topic_prefix: str, tmp_path: Path) -> Iterator[Site]:
    with site(CloudController(seed=41), kafka, registry_url, topic_prefix, tmp_path) as found:
        found.environment["CFSTREAM_SLACK_WEBHOOK_URL"] = "https://hooks.example.com/services/a"
        found.environment["CFSTREAM_DATA_DIR"] = str(tmp_path / "data")
        yield found


@pytest.mark.parametrize("process", PROCESSES)
def test_it_waits_for_a_kafka_that_is_away_and_goes_on_by_itself(here: Site, process: str) -> None:
    works, ends = PROCESSES[process]
    port = free_port()
    child = here.start(process, process, "run", kafka_bootstrap_servers=f"{HOST}:{port}")
    until(lambda: here.said(process, "no answer: trying again"), within_s=60, what="it says what it waits for")
    assert "set CFSTREAM_KAFKA_BOOTSTRAP_SERVERS" in here.log(process).read_text()
    assert child.poll() is None
    # Brokers tell clients their own addresses: only the first question comes this way.
    with proxy(port, int(here.kafka.rpartition(":")[2])):
        here.cc.do(20)
        here.cc.step(60)
        if process == "processors":
            here.good("producer", "run", "--until-caught-up")
        until(lambda: here.said(process, works), within_s=90, what="it works")
        child.terminate()
        assert child.wait(30) == 0
    assert here.said(process, ends) == 1


def test_worker_and_notifier_wait_for_a_registry_that_is_away_and_go_on(here: Site, tmp_path: Path) -> None:
    here.good("producer", "run", "--until-caught-up")
    # A second one on the same Kafka holds the same schemas.
    registry = Registry(data_folder(), RunFolder.at(tmp_path / "registry"), here.kafka)
    children = {
        name: here.start(name, name, "run", schema_registry_url=registry.url) for name in ("processors", "notifier")
    }
    for name in children:
        await_the_wait(here, name)
    try:
        registry.start()
        for name, child in children.items():
            await_work_and_end(here, name, child)
    finally:
        registry.end()


def await_the_wait(here: Site, name: str) -> None:
    """Wait until a process says that it waits for the registry."""
    until(lambda: here.said(name, "no answer: trying again"), within_s=60, what=f"{name} waits")
    assert "set CFSTREAM_SCHEMA_REGISTRY_URL" in here.log(name).read_text()


def await_work_and_end(here: Site, name: str, child: "subprocess.Popen[bytes]") -> None:
    """Wait until a process works, and end it."""
    works, ends = PROCESSES[name]
    until(lambda: here.said(name, works), within_s=90, what=f"{name} works")
    child.terminate()
    assert child.wait(30) == 0
    assert here.said(name, ends) == 1


class Refusing(BaseHTTPRequestHandler):
    """A registry that lets nobody in."""

    def do_GET(self) -> None:
        self.send_response(401)
        self.send_header("content-length", "0")
        self.end_headers()

    def do_POST(self) -> None:
        self.do_GET()

    def log_message(self, *_args: object) -> None:
        """Say nothing."""


@pytest.fixture
def refusing() -> Iterator[str]:
    with ThreadingHTTPServer((HOST, 0), Refusing) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        yield f"http://{HOST}:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.mark.parametrize("process", PROCESSES)
def test_a_registry_that_refuses_our_credentials_is_not_waited_for(here: Site, process: str, refusing: str) -> None:
    ended = here.run(process, "run", schema_registry_url=refusing, log_level="error")
    assert ended.code == 2
    assert ended.err.count("\n") == 1, ended.err
    assert "refuses us (401): check CFSTREAM_SCHEMA_REGISTRY_USERNAME" in ended.err


@pytest.mark.parametrize("process", PROCESSES)
def test_sigterm_ends_the_waiting_at_once(here: Site, process: str) -> None:
    child = here.start(process, process, "run", kafka_bootstrap_servers=f"{HOST}:9")
    until(lambda: here.said(process, f"{PROCESSES[process][1].split()[0]} starts"), within_s=60, what="it starts")
    began = time.monotonic()
    child.terminate()
    assert child.wait(20) == 0
    assert time.monotonic() - began < 8
    assert here.said(process, PROCESSES[process][1]) == 1


@pytest.mark.parametrize(("process", "servers"), list(zip(PROCESSES, (" ", ",", "kafka:9092,,"), strict=True)))
def test_blank_servers_are_refused_as_a_setting(here: Site, process: str, servers: str) -> None:
    ended = here.run(process, "run", kafka_bootstrap_servers=servers)
    assert ended.code == 2
    assert ended.err.count("\n") == 1, ended.err
    assert "CFSTREAM_KAFKA_BOOTSTRAP_SERVERS" in ended.err
