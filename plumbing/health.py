"""``/livez``, ``/readyz`` and ``/metrics`` on one small server in a thread of its own.

Live: the process does its work or waits for a reason; a supervisor restarts it when it is not. Ready: it can serve.
A part reports itself by a check: a function that returns None when all is well, else one sentence.
"""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import uvicorn
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from plumbing.errors import UsageError

Check = Callable[[], str | None]


@dataclass
class Health:
    """The checks of a process, by the name of the part. Checks are called from the server's thread."""

    live: dict[str, Check] = field(default_factory=dict)
    ready: dict[str, Check] = field(default_factory=dict)


def application(health: Health, metrics: CollectorRegistry) -> Starlette:
    """Return the ASGI application: 200, or 503 with the sentences of the parts that are not well."""

    def verdict(*checks: tuple[str, Check]) -> Response:
        troubles = {name: text for name, check in checks if (text := check()) is not None}
        return JSONResponse({"ok": not troubles, "troubles": troubles}, 503 if troubles else 200)

    async def livez(_request: Request) -> Response:
        return verdict(*health.live.items())

    async def readyz(_request: Request) -> Response:
        # Before the parts are put together nothing can be asked, and nothing is ready.
        checks = [*health.live.items(), *health.ready.items()]
        return verdict(*(checks or [("start", lambda: "not started yet")]))

    async def scrape(_request: Request) -> Response:
        return Response(generate_latest(metrics), media_type=CONTENT_TYPE_LATEST)

    return Starlette(routes=[Route("/livez", livez), Route("/readyz", readyz), Route("/metrics", scrape)])


@contextmanager
def serving(health: Health, metrics: CollectorRegistry, host: str, port: int) -> Iterator[int]:
    """Serve health and metrics while the body runs; yield the port. Raise UsageError when the port is taken."""
    listener = listen(host, port, setting="CFSTREAM_HTTP_PORT")
    config = uvicorn.Config(application(health, metrics), log_config=None, access_log=False, lifespan="off", ws="none")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, args=([listener],), name="health", daemon=True)
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        server.should_exit = True
        thread.join(timeout=5)
        listener.close()


def listen(host: str, port: int, *, setting: str) -> socket.socket:
    """Bind a listening socket. Raise UsageError, naming the setting, when the address cannot be had."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(128)
    except OSError as error:
        listener.close()
        raise UsageError(
            f"{setting}={port}: cannot listen on {host}:{port} ({error.strerror}); choose a free port"
        ) from error
    listener.set_inheritable(False)
    return listener
