"""Asks a simulated Cloud Controller without a socket, in simulated time that stands still."""

from typing import Any, NamedTuple
from urllib.parse import parse_qsl, urlencode, urlsplit

import orjson

from standin.cloud_controller.clock import SimClock, from_iso
from standin.cloud_controller.controller import CloudController
from standin.cloud_controller.history import Past
from standin.cloud_controller.http import Call
from standin.cloud_controller.options import Options
from standin.cloud_controller.rows import UsageRow
from standin.cloud_controller.service import Service

START = from_iso("2026-11-21T10:00:00Z")
BASE = "http://cc.test"


def standing_still(*, seed: int = 3, options: Options | None = None, **past: Any) -> CloudController:
    """Return a Cloud Controller whose clock moves by ``step`` alone, with a past if one is described."""
    cc = CloudController(seed=seed, clock=SimClock(START, speed=0), options=options)
    if past:
        cc.write_past(Past(**{"usage_rows": 600, "apps": 30, "span_s": 3600.0, **past}))
    return cc


class Reply(NamedTuple):
    """What came back."""

    status: int
    content: Any
    headers: dict[str, str]

    @property
    def guids(self) -> list[str]:
        """The rows' guids, in either version."""
        return [row.get("guid") or row["metadata"]["guid"] for row in self.content["resources"]]


class Direct:
    """A client that is logged in; every call goes straight into the service."""

    def __init__(self, cc: CloudController, *, token: str | None = None) -> None:
        self.cc = cc
        self.service = Service(cc)
        self.token = self.log_in().content["access_token"] if token is None else token

    def log_in(self, **form: str) -> Reply:
        """Ask for a token, by default with the client's credentials."""
        options = self.cc.options
        asked = {
            "grant_type": "client_credentials",
            "client_id": options.client_id,
            "client_secret": options.client_secret,
            **form,
        }
        return self.send("POST", "/uaa/oauth/token", body=urlencode(asked).encode())

    def get(self, path: str, **query: Any) -> Reply:
        """GET a path; it may hold a query of its own."""
        return self.send("GET", path, **query)

    def send(self, method: str, path: str, *, body: bytes = b"", **query: Any) -> Reply:
        """Send any request; brackets of a key are written as two underscores: ``created_ats__gte``."""
        parts = urlsplit(path)
        pairs = parse_qsl(parts.query, keep_blank_values=True)
        for key, value in query.items():
            name, mark, inner = key.partition("__")
            pairs.append((f"{name}[{inner}]" if mark else name, str(value)))
        headers = {"authorization": f"bearer {self.token}"} if getattr(self, "token", "") else {}
        answer = self.service.answer(
            Call(method=method, path=parts.path, base=BASE, query=tuple(pairs), headers=headers, body=body)
        )
        kind = answer.headers.get("Content-Type", "")
        is_json = "ndjson" not in kind and answer.body[:1] in (b"{", b"[")
        return Reply(answer.status, orjson.loads(answer.body) if is_json else answer.body, answer.headers)

    def walk_v3(self, path: str, **query: Any) -> list[dict[str, Any]]:
        """Return all rows of a v3 list by following the next links."""
        reply = self.get(path, **query)
        rows = list(reply.content["resources"])
        while reply.content["pagination"]["next"]:
            reply = self.get(reply.content["pagination"]["next"]["href"].removeprefix(BASE))
            rows += reply.content["resources"]
        return rows

    def walk_v2(self, path: str) -> list[dict[str, Any]]:
        """Return all rows of a v2 list by following the next paths."""
        reply = self.get(path)
        rows = list(reply.content["resources"])
        while reply.content["next_url"]:
            reply = self.get(reply.content["next_url"])
            rows += reply.content["resources"]
        return rows


def folded(rows: list[UsageRow]) -> dict[str, dict[str, int]]:
    """Return what runs by the rows alone, in id order: an own, plain reading of what rows mean."""
    processes: dict[str, dict[str, tuple[int, int]]] = {}
    tasks: dict[str, dict[str, int]] = {}
    for row in rows:
        app = row.subject.app_guid
        if row.state in ("STARTED", "STOPPED"):
            assert row.subject.process_guid
            running = (row.instances, row.memory_mb) if row.state == "STARTED" else (0, 0)
            processes.setdefault(app, {})[row.subject.process_guid] = running
        elif row.state == "TASK_STARTED":
            assert row.subject.task_guid
            tasks.setdefault(app, {})[row.subject.task_guid] = row.memory_mb
        elif row.state == "TASK_STOPPED":
            tasks.get(app, {}).pop(str(row.subject.task_guid), None)
    return {
        app: {
            "running_instances": sum(count for count, _ in processes.get(app, {}).values()),
            "memory_mb": sum(count * memory for count, memory in processes.get(app, {}).values()),
            "task_instances": len(tasks.get(app, {})),
            "task_memory_mb": sum(tasks.get(app, {}).values()),
        }
        for app in processes | tasks
    }
