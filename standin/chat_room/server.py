"""The chat room as a web server: webhooks in, a page and JSON out. Listens on this machine only."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict

import orjson
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from plumbing.health import listen
from standin.chat_room.page import PAGE
from standin.chat_room.room import Room

_SECURITY = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; script-src 'self'; connect-src 'self'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


def application(room: Room) -> Starlette:
    """Return the ASGI application: POST /hooks/NAME, GET /messages?since=N, GET / (a page)."""

    async def hook(request: Request) -> Response:
        try:
            payload = orjson.loads(await request.body())
        except orjson.JSONDecodeError:
            return PlainTextResponse("invalid_payload", 400)
        headers = {name: value for name, value in request.headers.items() if name.startswith("webhook-")}
        room.add(request.path_params["name"], payload, headers)
        return PlainTextResponse("ok")

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

    return Starlette(
        routes=[
            Route("/", page),
            Route("/room.js", script),
            Route("/messages", messages),
            Route("/hooks/{name:path}", hook, methods=["POST"]),
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
