"""The chat room as a web server: webhooks in, a page and JSON out. Listens on this machine only.

POST /hooks/NAME is the webhook of a service (slack, teams, mattermost, google-chat, discord, pagerduty, webhook,
alertmanager) and answers as that service does, also by refusing what it would refuse.
"""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any

import orjson
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from plumbing.health import listen
from standin.chat_room.page import PAGE
from standin.chat_room.room import Room
from standin.chat_room.service import Answer, Call
from standin.chat_room.services import SERVICES

_SECURITY = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


_SHOWN = ("webhook-", "idempotency-key")


def _parsed(body: bytes) -> Any:
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        return None  # fits no service's model


def _response(answer: Answer) -> Response:
    return Response(answer.body, answer.status, media_type=answer.media_type)


def application(room: Room) -> Starlette:
    """Return the ASGI application: POST /hooks/NAME, GET /messages?since=N, GET /services, GET / (a page)."""

    async def hook(request: Request) -> Response:
        service = SERVICES.get(request.path_params["name"])
        if service is None:
            return PlainTextResponse("no_service", 404)
        body = await request.body()
        call = Call(body, _parsed(body), dict(request.headers), dict(request.query_params), room.secret, time.time())
        refusals = service.refusals(call)
        repeat = service.known_by(call)
        if not refusals and repeat is not None and room.repeated(service.name, repeat):
            return _response(service.accepted(call))
        answer = service.refused(refusals) if refusals else service.accepted(call)
        shown = {name: value for name, value in call.headers.items() if name.startswith(_SHOWN)}
        lines = () if refusals else tuple(service.lines(call.payload))
        reasons = tuple(map(str, refusals))
        room.add(service.name, call.payload, shown, lines=lines, answer=answer.status, refusals=reasons)
        return _response(answer)

    async def messages(request: Request) -> Response:
        since = request.query_params.get("since", "0")
        if not since.isdecimal():
            return JSONResponse({"error": "since must be a whole number"}, 400)
        found = [asdict(message) for message in room.since(int(since))]
        return Response(orjson.dumps({"total": room.total, "messages": found}), media_type="application/json")

    async def page(_request: Request) -> Response:
        return HTMLResponse(PAGE.html, headers=_SECURITY)

    async def script(_request: Request) -> Response:
        return Response(PAGE.script, media_type="text/javascript", headers=_SECURITY)

    async def style(_request: Request) -> Response:
        return Response(PAGE.style, media_type="text/css", headers=_SECURITY)

    async def services(_request: Request) -> Response:
        return JSONResponse([{"name": one.name, "label": one.label} for one in SERVICES.values()])

    return Starlette(
        routes=[
            Route("/", page),
            Route("/room.js", script),
            Route("/room.css", style),
            Route("/services", services),
            Route("/messages", messages),
            Route("/hooks/{name}", hook, methods=["POST"]),
            Route("/hooks/{name}/api/v2/alerts", hook, methods=["POST"]),
        ]
    )


@contextmanager
def running(room: Room, host: str = "127.0.0.1", port: int = 0) -> Iterator[str]:
    """Serve the room while the body runs; yield its base URL. Raise UsageError when the port is taken."""
    listener = listen(host, port, setting="the chat room's port")
    config = uvicorn.Config(application(room), log_config=None, access_log=False, lifespan="off", ws="none")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, args=([listener],), name="chat-room", daemon=True)
    thread.start()
    try:
        yield f"http://{host}:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(timeout=5)
        listener.close()
