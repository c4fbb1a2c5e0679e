"""The simulated Cloud Controller on a socket: in a thread for tests, or in the foreground of a process."""

import asyncio
import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import uvicorn

from standin.cloud_controller.asgi import Application
from standin.cloud_controller.clock import SimClock
from standin.cloud_controller.controller import CloudController
from standin.cloud_controller.ledger import Lateness
from standin.cloud_controller.options import Options, RateLimit
from standin.cloud_controller.service import Service

__all__ = [
    "CloudController", "Lateness", "Options", "RateLimit", "Served", "SimClock", "Tls", "running", "serve_forever",
]  # fmt: skip

TICK_S = 0.1
CLOSES_WITHIN_S = 0.01
STARTS_WITHIN_S = 10.0


class Served(str):
    """The address of a running server, a text; ``service`` gives its faults to tests in the same process."""

    __slots__ = ("service",)
    service: Service

    @classmethod
    def at(cls, address: str, service: Service) -> "Served":
        """Return the address with the service behind it."""
        served = cls(address)
        served.service = service
        return served


class _Server(uvicorn.Server):
    """Knows its connections by address and lets the simulation go on while nobody asks."""

    def __init__(self, cc: CloudController, *, log_level: str, tls: "Tls | None" = None) -> None:
        self.service = Service(cc)
        self.application = Application(self.service, self._transport_of)
        settings = uvicorn.Config(
            self.application,
            http="h11",
            ws="none",
            lifespan="off",
            log_level=log_level,
            access_log=False,
            date_header=False,
            server_header=False,
            timeout_graceful_shutdown=2,
            ssl_certfile=tls.certificate if tls else None,
            ssl_keyfile=tls.key if tls else None,
        )
        super().__init__(settings)

    async def serve(self, sockets: list[socket.socket] | None = None) -> None:
        """Serve until told to end."""
        ticking = asyncio.ensure_future(self._tick())
        try:
            await super().serve(sockets)
        finally:
            ticking.cancel()
            # A client that came at the last moment: its connection must be closed before the loop is.
            for connection in list(self.server_state.connections):
                transport = getattr(connection, "transport", None)
                if isinstance(transport, asyncio.Transport):
                    transport.abort()
            await asyncio.sleep(CLOSES_WITHIN_S)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End: hanging answers first."""
        self.application.close()
        await super().shutdown(sockets)

    async def _tick(self) -> None:
        while True:
            self.service.cc.catch_up()
            await asyncio.sleep(TICK_S)

    def _transport_of(self, client: tuple[str, int]) -> asyncio.Transport | None:
        for connection in self.server_state.connections:
            if getattr(connection, "client", None) == client:
                transport = getattr(connection, "transport", None)
                return transport if isinstance(transport, asyncio.Transport) else None
        return None


def listen(host: str, port: int) -> socket.socket:
    """Return a bound socket; port 0 takes a free one. Raises OSError when it is taken."""
    bound = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind((host, port))
    except OSError:
        bound.close()
        raise
    return bound


class Tls(NamedTuple):
    """The PEM files of a server that speaks HTTPS."""

    certificate: Path
    key: Path


@contextlib.contextmanager
def running(cc: CloudController, host: str = "127.0.0.1", port: int = 0, *, tls: Tls | None = None) -> Iterator[Served]:
    """Serve in a thread while the block runs; gives the address, e.g. ``http://127.0.0.1:43210``."""
    bound = listen(host, port)
    server = _Server(cc, log_level="critical", tls=tls)
    thread = threading.Thread(target=server.run, args=([bound],), name="cloud-controller", daemon=True)
    thread.start()
    waited = threading.Event()
    deadline_rounds = int(STARTS_WITHIN_S / 0.01)
    for _ in range(deadline_rounds):
        if server.started or not thread.is_alive():
            break
        waited.wait(0.01)
    try:
        if not server.started:
            raise RuntimeError("the simulated Cloud Controller did not start")
        yield Served.at(f"{'https' if tls else 'http'}://{host}:{bound.getsockname()[1]}", server.service)
    finally:
        server.should_exit = True
        thread.join(STARTS_WITHIN_S)
        bound.close()


def serve_forever(
    cc: CloudController,
    host: str = "127.0.0.1",
    port: int = 0,
    *,
    on_ready: Callable[[str], object] | None = None,
) -> None:
    """Serve in this thread until SIGTERM or SIGINT; ``on_ready`` gets the address once it is bound."""
    bound = listen(host, port)
    bound.listen()
    server = _Server(cc, log_level="warning")
    if on_ready:
        on_ready(f"http://{host}:{bound.getsockname()[1]}")
    try:
        server.run([bound])
    finally:
        bound.close()
