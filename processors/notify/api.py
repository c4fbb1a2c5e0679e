"""Alertmanager's API v2, as much as silences and alerts need: ``amtool`` and dashboards speak it.

    GET  /api/v2/alerts            what fires, with what silences it
    GET  /api/v2/silences          those that hold or will; POST makes or replaces one
    GET  /api/v2/silence/{id}      one; DELETE ends it

Each request needs ``Authorization: Bearer`` with the token of the settings.
Source: alertmanager ``api/v2/openapi.yaml``.
"""

import secrets
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol

import orjson
import uvicorn
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from plumbing.clock import SECOND, Clock, iso, micros
from plumbing.health import listen
from processors.notify import silences
from processors.notify.matchers import Matcher
from processors.notify.receivers.webhook import annotations, fingerprint
from processors.notify.silences import Silence
from schemas.records import Alert

Endpoint = Callable[[Request], Awaitable[Response]]
MAX_BODY = 64 * 1024


@dataclass
class View:
    """What the leader knows, replaced whole by its session; None while this notifier stands by."""

    known: tuple[list[Alert], list[Silence]] | None = None


class Store(Protocol):
    """Where silences are kept. Calls block until the change is durable."""

    def put(self, silence: Silence) -> None:
        """Write a silence."""
        ...

    def expire(self, silence_id: str) -> None:
        """Remove a silence."""
        ...


def application(view: View, store: Store, token: str, clock: Clock) -> Starlette:
    """Return the ASGI application."""

    async def list_alerts(_request: Request) -> Response:
        firing, kept = view.known or ([], [])
        return JSONResponse([_alert(one, kept, clock.now()) for one in firing])

    async def list_silences(_request: Request) -> Response:
        return JSONResponse([_silence(one, clock.now()) for one in _kept(view)])

    async def post_silence(request: Request) -> Response:
        try:
            silence = _read(await _body(request), clock.now())
        except (ValueError, KeyError, TypeError) as error:
            return JSONResponse(f"no silence: {error}", 400)
        await run_in_threadpool(store.put, silence)
        return JSONResponse({"silenceID": silence.id})

    async def one_silence(request: Request) -> Response:
        known = {one.id: one for one in _kept(view)}.get(request.path_params["id"])
        if known is None:
            return JSONResponse("there is no such silence", 404)
        if request.method == "DELETE":
            await run_in_threadpool(store.expire, known.id)
            return Response(status_code=200)
        return JSONResponse(_silence(known, clock.now()))

    def route(path: str, endpoint: Endpoint, *methods: str) -> Route:
        return Route(path, _guarded(endpoint, view, token), methods=list(methods))

    return Starlette(
        routes=[
            route("/api/v2/alerts", list_alerts, "GET"),
            route("/api/v2/silences", list_silences, "GET"),
            route("/api/v2/silences", post_silence, "POST"),
            route("/api/v2/silence/{id}", one_silence, "GET", "DELETE"),
        ]
    )


def _guarded(endpoint: Endpoint, view: View, token: str) -> Endpoint:
    async def checked(request: Request) -> Response:
        given = request.headers.get("authorization", "")
        if not secrets.compare_digest(given.encode(), f"Bearer {token}".encode()):
            return JSONResponse("a bearer token is needed", 401, {"WWW-Authenticate": "Bearer"})
        if view.known is None:
            return JSONResponse("this notifier stands by; ask the one that leads", 503)
        return await endpoint(request)

    return checked


@contextmanager
def serving(app: Starlette, host: str, port: int) -> Iterator[int]:
    """Serve while the body runs; yield the port. Raise UsageError when the port is taken."""
    listener = listen(host, port, setting="CFSTREAM_NOTIFIER_API_PORT")
    server = uvicorn.Server(uvicorn.Config(app, log_config=None, access_log=False, lifespan="off", ws="none"))
    thread = threading.Thread(target=server.run, args=([listener],), name="api", daemon=True)
    thread.start()
    try:
        yield int(listener.getsockname()[1])
    finally:
        server.should_exit = True
        thread.join(timeout=5)
        listener.close()


def _kept(view: View) -> list[Silence]:
    return view.known[1] if view.known else []


async def _body(request: Request) -> Any:
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > MAX_BODY:
            raise ValueError("the request is too long")
    return orjson.loads(bytes(body))


def _read(given: Any, now: int) -> Silence:
    matchers = [_matcher(one) for one in given["matchers"]]
    ends_at = micros(given["endsAt"])
    starts_at = max(now, micros(given["startsAt"])) if given.get("startsAt") else now
    made = silences.create(
        matchers,
        now=starts_at,
        seconds=max(0, (ends_at - starts_at) // SECOND),
        author=str(given.get("createdBy") or "api"),
        comment=str(given.get("comment") or ""),
    )
    return Silence(str(given.get("id") or made.id), made.matchers, starts_at, ends_at, made.author, made.comment)


def _matcher(given: Any) -> str:
    equal, regex = given.get("isEqual", True), given.get("isRegex", False)
    operator = {(True, False): "=", (False, False): "!=", (True, True): "=~", (False, True): "!~"}[equal, regex]
    return str(Matcher.model_validate({"name": given["name"], "operator": operator, "value": given["value"]}))


def _silence(one: Silence, now: int) -> dict[str, Any]:
    state = "active" if one.holds(now) else "pending" if now < one.starts_at else "expired"
    return {
        "id": one.id,
        "status": {"state": state},
        "updatedAt": iso(one.starts_at),
        "startsAt": iso(one.starts_at),
        "endsAt": iso(one.ends_at),
        "createdBy": one.author,
        "comment": one.comment,
        "matchers": [
            {
                "name": matcher.name,
                "value": matcher.value,
                "isEqual": not matcher.operator.startswith("!"),
                "isRegex": matcher.operator.endswith("~"),
            }
            for matcher in one.matchers
        ],
    }


def _alert(one: Alert, kept: list[Silence], now: int) -> dict[str, Any]:
    quiet = silences.silenced_by(kept, one["labels"], now)
    return {
        "labels": one["labels"],
        "annotations": annotations(one),
        "startsAt": iso(one["starts_at"]),
        "endsAt": iso(one["ends_at"] or now + 86_400 * SECOND),
        "updatedAt": iso(one["as_of"]),
        "fingerprint": fingerprint(one),
        "receivers": [],
        "status": {
            "state": "suppressed" if quiet else "active",
            "silencedBy": [quiet.id] if quiet else [],
            "inhibitedBy": [],
        },
    }
