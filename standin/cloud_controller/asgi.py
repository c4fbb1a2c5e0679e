"""The ASGI border: reads requests, sends answers, and lets faults happen on the connection."""

import asyncio
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from standin.cloud_controller import wire
from standin.cloud_controller.clock import SECOND
from standin.cloud_controller.faults import IN_ANSWER, Fault, spoiled
from standin.cloud_controller.http import Answer, Call
from standin.cloud_controller.service import Service

FindTransport = Callable[[tuple[str, int]], asyncio.Transport | None]


class Application:
    """The service as an ASGI application.

    ``find_transport`` gives the socket of a client's address: faults on the wire need it. Whatever is under
    ``/sim`` is never hit by a fault.
    """

    def __init__(self, service: Service, find_transport: FindTransport) -> None:
        self._service = service
        self._find_transport = find_transport
        self._closing = asyncio.Event()

    def close(self) -> None:
        """Let hanging answers end."""
        self._closing.set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return
        request = Request(scope, receive)
        try:
            call = await read_call(request)
        except ClientDisconnect:
            return
        fault = None if call.path.startswith("/sim") else self._service.faults.take(call.method, call.path)
        answer = self._service.answer(call)
        if fault and fault.kind not in IN_ANSWER:
            await self._break_wire(fault, answer, scope, receive)
            return
        if fault:
            if fault.kind == "delay":
                await self._sleep(fault.seconds)
            answer = spoiled(fault, answer, self._service.cc.clock.header_time() / SECOND)
        response = Response(answer.body, answer.status, answer.headers)
        await response(scope, receive, send)

    async def _break_wire(self, fault: Fault, answer: Answer, scope: Scope, receive: Receive) -> None:
        transport = self._find_transport(tuple(scope["client"]))
        if transport is None:
            return
        gone = asyncio.ensure_future(_disconnected(receive))
        work = asyncio.ensure_future(wire.perform(fault, answer, transport, self._sleep))
        await asyncio.wait({gone, work}, return_when=asyncio.FIRST_COMPLETED)
        if work.done() and not work.cancelled() and (error := work.exception()) is not None:
            transport.abort()
            raise error
        work.cancel()
        # The server counts the answer as given up once the connection is gone.
        await gone

    async def _sleep(self, seconds: float) -> None:
        try:
            await asyncio.wait_for(self._closing.wait(), seconds)
        except TimeoutError:
            return


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def read_call(request: Request) -> Call:
    """Return the request as a plain value, its whole body included."""
    headers: dict[str, Any] = dict(request.headers)
    scheme = headers.get("x-forwarded-proto", request.url.scheme)
    query = parse_qsl(request.scope["query_string"].decode("latin-1"), keep_blank_values=True)
    return Call(
        method=request.method,
        path=request.scope["path"],
        base=f"{scheme}://{headers.get('host', 'localhost')}",
        query=tuple(query),
        headers=headers,
        body=await request.body(),
    )
