"""What is asked of a Docker engine: by a small HTTP server that answers as one and records the requests."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from testcontainers.core.config import testcontainers_config

from plumbing.errors import CfstreamError
from standin.containers import Containers, KafkaContainer, RegistryContainer, engine_answers
from standin.ports import free_port


class Engine(ThreadingHTTPServer):
    """Answers as the part of Docker's API that is used. ``status`` is what it answers, ``state`` of its containers."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.status = 200
        self.state = "running"
        self.created: dict[str, dict[str, Any]] = {}
        self.calls: list[str] = []

    def answer(self, method: str, path: str, body: dict[str, Any]) -> tuple[int, object]:
        """Return the status and the JSON document."""
        call = f"{method} {path}"
        self.calls.append(call)
        if path == "/version":
            return 200, {"ApiVersion": "1.45", "MinAPIVersion": "1.24"}
        if call == "POST /networks/create":
            return 201, {"Id": "net"}
        if call == "GET /networks/net":
            return 200, {"Id": "net", "Name": "net"}
        if call == "POST /containers/create":
            made = f"c{len(self.created)}"
            self.created[made] = body
            return 201, {"Id": made, "Warnings": []}
        if method == "GET" and path.endswith("/json"):
            made = path.split("/")[2]
            return 200, {"Id": made, "State": {"Status": self.state}, "Config": {"Image": "x", "Labels": {}}}
        return (200, "OK") if path == "/_ping" else (204, None)


class Handler(BaseHTTPRequestHandler):
    server: Engine

    def _answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        path = self.path.split("?")[0]
        if path.startswith("/v1."):
            path = "/" + path.split("/", 2)[2]
        status, document = self.server.answer(self.command, path, json.loads(body or b"{}"))
        if self.server.status != 200:
            status, document = self.server.status, {"message": "out of order"}
        content = (
            b""
            if document is None
            else document.encode()
            if isinstance(document, str)
            else json.dumps(document).encode()
        )
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_POST = do_DELETE = _answer  # noqa: N815 - the names that http.server calls

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> Iterator[Engine]:
    with Engine() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        monkeypatch.setenv("DOCKER_HOST", f"tcp://127.0.0.1:{server.server_port}")
        monkeypatch.setattr(testcontainers_config, "ryuk_disabled", True)
        yield server
        server.shutdown()
        thread.join()


def ports(body: dict[str, Any]) -> dict[str, list[dict[str, str]]]:
    bindings: dict[str, list[dict[str, str]]] = body["HostConfig"]["PortBindings"]
    return bindings


def aliases(body: dict[str, Any]) -> list[str]:
    (network,) = body["NetworkingConfig"]["EndpointsConfig"].values()
    return list(network["Aliases"] or [])


def test_an_engine_that_answers_is_used(engine: Engine) -> None:
    assert engine_answers()
    assert "GET /_ping" in engine.calls


def test_an_engine_that_is_broken_is_not(engine: Engine) -> None:
    engine.status = 500
    assert not engine_answers()


def test_without_an_engine_the_answer_is_no(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"tcp://127.0.0.1:{free_port()}")
    assert not engine_answers()


def test_a_socket_that_is_not_there_is_no_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", "unix:///nowhere/docker.sock")
    assert not engine_answers()


def test_kafka_and_registry_share_a_network_and_only_this_machine_reaches_them(engine: Engine) -> None:
    with Containers() as containers:
        kafka = KafkaContainer(containers.network)
        registry = RegistryContainer(containers.network, None)
        for part in (kafka, registry):
            part.launch()
            part.require_running()
        for part in (registry, kafka):
            part.end()
    first, second = engine.created["c0"], engine.created["c1"]
    assert (first["Image"], second["Image"]) == ("apache/kafka:4.2.1", "apicurio/apicurio-registry:3.3.3")
    assert ports(first) == {"9092/tcp": [{"HostIp": "127.0.0.1", "HostPort": str(kafka.port)}]}
    assert ports(second) == {"8080/tcp": [{"HostIp": "127.0.0.1", "HostPort": str(registry.port)}]}
    assert aliases(first) == ["kafka"]
    assert "APICURIO_KAFKASQL_BOOTSTRAP_SERVERS=kafka:19092" in second["Env"]
    assert engine.calls.index("DELETE /containers/c1") < engine.calls.index("DELETE /containers/c0")
    assert engine.calls[-1] == "DELETE /networks/net"


def test_a_registry_beside_a_given_kafka_is_told_its_address(engine: Engine) -> None:
    with Containers() as containers:
        registry = RegistryContainer(containers.network, "kafka.example:9092")
        registry.launch()
        registry.end()
    assert "APICURIO_KAFKASQL_BOOTSTRAP_SERVERS=kafka.example:9092" in engine.created["c0"]["Env"]


def test_a_container_that_ended_is_named_with_its_log(engine: Engine) -> None:
    with Containers() as containers:
        kafka = KafkaContainer(containers.network)
        kafka.launch()
        engine.state = "exited"
        with pytest.raises(CfstreamError, match="Kafka ended by itself; its log: docker logs c0"):
            kafka.require_running()
        kafka.end()


def test_an_engine_that_refuses_is_one_sentence(engine: Engine) -> None:
    with Containers() as containers:
        kafka = KafkaContainer(containers.network)
        engine.status = 500
        with pytest.raises(CfstreamError, match=r"Docker cannot start Kafka: .*out of order.*--engine embedded"):
            kafka.launch()
        kafka.end()
        engine.status = 200
