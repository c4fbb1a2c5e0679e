"""Whether Docker answers, asked of an engine that is one, of none, and of a broken one."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from standin.containers import engine_answers
from standin.ports import free_port


class Engine(ThreadingHTTPServer):
    """Answers as the part of Docker's API that a client asks first."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.status = 200


class Handler(BaseHTTPRequestHandler):
    server: Engine

    def do_GET(self) -> None:
        body = b"OK" if self.path.endswith("/_ping") else b'{"ApiVersion": "1.45", "MinAPIVersion": "1.24"}'
        self.send_response(self.server.status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> Iterator[Engine]:
    with Engine() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        monkeypatch.setenv("DOCKER_HOST", f"tcp://127.0.0.1:{server.server_port}")
        yield server
        server.shutdown()
        thread.join()


def test_an_engine_that_answers_is_used(engine: Engine) -> None:
    assert engine.status == 200
    assert engine_answers()


def test_an_engine_that_is_broken_is_not(engine: Engine) -> None:
    engine.status = 500
    assert not engine_answers()


def test_without_an_engine_the_answer_is_no(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"tcp://127.0.0.1:{free_port()}")
    assert not engine_answers()


def test_a_socket_that_is_not_there_is_no_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", "unix:///nowhere/docker.sock")
    assert not engine_answers()
