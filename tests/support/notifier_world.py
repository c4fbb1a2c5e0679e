"""A notifier as a process of its own, the topics it reads, and webhooks that behave as a test tells them."""

import contextlib
import http.server
import os
import secrets
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import orjson
import yaml
from confluent_kafka import Producer
from support.command import Ended, cfstream, clean_environment
from support.waiting import until

from plumbing.clock import SECOND
from plumbing.kafka import PARTITIONER, require_broker
from plumbing.settings import CommonSettings
from schemas import provision
from schemas.codec import Codec, Encoder
from schemas.reader import rows
from schemas.records import Alert, AuditEvent
from schemas.registry import ConfluentRegistry
from schemas.topics import Topic, Topics

PARTITIONS = 4


@cache
def codec(registry_url: str) -> Codec:
    """Return the one codec of this process: the registry's client has no way to close its connections."""
    return Codec(ConfluentRegistry(registry_url))


@dataclass(frozen=True)
class Answer:
    """How a webhook answers one request. ``hold``: not before this is set."""

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b"ok"
    hold: threading.Event | None = None
    reset: bool = False


@dataclass(frozen=True)
class Got:
    """One request as it came."""

    path: str
    at_s: float
    headers: dict[str, str]
    body: Any

    @property
    def key(self) -> str:
        """The idempotency key."""
        return self.headers["idempotency-key"]

    @property
    def alerts(self) -> list[tuple[str, str]]:
        """App, or rule, and status of each alert of an Alertmanager body."""
        return [(one["labels"].get("app", one["labels"]["alertname"]), one["status"]) for one in self.body["alerts"]]


def _well(_before: int) -> Answer:
    return Answer()


class Hooks:
    """Webhooks on one port: each path answers as ``behave`` says, given how many requests it had before."""

    def __init__(self) -> None:
        self.got: list[Got] = []
        self.behave: dict[str, Callable[[int], Answer]] = {}
        hooks = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                before = len(hooks.at(self.path))
                headers = {name.lower(): value for name, value in self.headers.items()}
                hooks.got.append(Got(self.path, time.monotonic(), headers, orjson.loads(body)))
                answer = hooks.behave.get(self.path, _well)(before)
                if answer.hold is not None:
                    answer.hold.wait(120)
                if answer.reset:
                    self.connection.close()
                    return
                with contextlib.suppress(OSError):  # who has been killed no longer listens
                    self.send_response(answer.status)
                    for name, value in answer.headers.items():
                        self.send_header(name, value)
                    self.send_header("content-length", str(len(answer.body)))
                    self.end_headers()
                    self.wfile.write(answer.body)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class names it so
                """Say nothing."""

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, request: object, client_address: object) -> None:
                """A killed client is what some tests want."""

        self._server = Server(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        self._thread.start()

    def url(self, path: str) -> str:
        """Return the URL of a path."""
        return f"http://127.0.0.1:{self._server.server_port}{path}"

    def at(self, path: str) -> list[Got]:
        """Return what came to a path."""
        return [one for one in list(self.got) if one.path == path]

    def close(self) -> None:
        """Stop serving."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)


class World:
    """Topics of its own, and notifiers on them."""

    def __init__(self, kafka: str, registry_url: str, folder: Path) -> None:
        prefix = f"n{secrets.token_hex(4)}."
        self.hooks = Hooks()
        self.topics = Topics(prefix)
        self.settings = CommonSettings.load(
            kafka_bootstrap_servers=kafka, schema_registry_url=registry_url, topic_prefix=prefix, partitions=PARTITIONS
        )
        self.client: dict[str, str | int | float | bool] = {"bootstrap.servers": kafka}
        self.environment = {
            "CFSTREAM_KAFKA_BOOTSTRAP_SERVERS": kafka,
            "CFSTREAM_SCHEMA_REGISTRY_URL": registry_url,
            "CFSTREAM_TOPIC_PREFIX": prefix,
            "CFSTREAM_PARTITIONS": str(PARTITIONS),
            "CFSTREAM_NOTIFIER_GROUP": f"{prefix}notifier",
            "CFSTREAM_ALERTS_CONFIG": str(folder / "alerts.yaml"),
            "CFSTREAM_LOG_LEVEL": "debug",
        }
        self._folder = folder
        self._running: list[subprocess.Popen[bytes]] = []
        self._logs: dict[int, Path] = {}
        provision.apply(require_broker(self.settings), self.topics, partitions=PARTITIONS, replication=1)
        self.codec = codec(registry_url)
        self._encoders: dict[str, Encoder] = {}
        self._producer = Producer(self.client | {"partitioner": PARTITIONER, "acks": "all", "linger.ms": 0})

    def configure(self, **config: Any) -> None:
        """Write the alerts file; a path in place of a receiver's URL is one of the hooks."""
        for receiver in config.get("receivers", []):
            receiver["url"] = self.hooks.url(receiver["url"])
        (self._folder / "alerts.yaml").write_text(yaml.safe_dump(config), "utf-8")

    def start(self, *, ready: bool = True) -> subprocess.Popen[bytes]:
        """Start a notifier; wait until it leads and has read all there is."""
        log = self._folder / f"notifier-{len(self._running)}.log"
        with log.open("wb") as out:
            child = subprocess.Popen(
                [sys.executable, "-m", "cfstream", "notifier", "run"],
                env=clean_environment(self.environment),
                stderr=out,
                stdout=out,
            )
        self._running.append(child)
        self._logs[child.pid] = log
        if ready:
            until(lambda: "up to date" in self.log(child), within_s=60, what="the notifier is up to date")
        return child

    def log(self, child: subprocess.Popen[bytes]) -> str:
        """Return what a notifier has logged."""
        assert child.poll() in (None, 0, -signal.SIGKILL), self._logs[child.pid].read_text("utf-8")
        return self._logs[child.pid].read_text("utf-8")

    def stop(self, child: subprocess.Popen[bytes], number: int = signal.SIGTERM) -> int:
        """End a notifier and return its exit code."""
        os.kill(child.pid, number)
        return child.wait(30)

    def command(self, *arguments: str) -> Ended:
        """Run a command to its end."""
        return cfstream(*arguments, environment=self.environment)

    def put(self, topic: Topic, key: str, record: Any) -> None:
        """Write a record."""
        encode = self._encoders.get(topic.name)
        if encode is None:
            encode = self._encoders[topic.name] = self.codec.encoder(topic.name, topic.schema)
        self._producer.produce(topic.name, key=key, value=encode(record))

    def flush(self) -> float:
        """Wait until all is written; return the monotonic time."""
        assert self._producer.flush(30) == 0
        return time.monotonic()

    def alerts(self, *alerts: Alert) -> float:
        """Write alerts; return the monotonic time at which they were durable."""
        for one in alerts:
            self.put(self.topics.alerts, one["app_guid"] or "group", one)
        return self.flush()

    def crashes(self, events: list[AuditEvent], settled_until: int) -> None:
        """Write audit events and a watermark after them."""
        for event in events:
            self.put(self.topics.audit, event["app_guid"] or "", event)
        self.flush()
        self.checkpoint(settled_until)

    def checkpoint(self, settled_until: int, feed: str = "audit-events", **given: Any) -> None:
        """Write a tail's checkpoint; the Cloud Controller's clock is a minute ahead of the watermark."""
        checkpoint = {
            "foundation": "f",
            "feed": feed,
            "written_at": settled_until + 60 * SECOND,
            "settled_until": settled_until,
            "cursor_guid": None,
            "cursor_created_at": None,
            "seen_guids": [],
            "rows": 0,
            "sequence": 0,
            "api_version": "v3",
            "epoch": 0,
            "gap": None,
            "gaps": 0,
            "snapshot_pending": None,
        }
        self.put(self.topics.checkpoints, f"f/{feed}", checkpoint | given)
        self.flush()

    def read(self, topic: Topic) -> list[dict[str, Any]]:
        """Return all records of a topic but tombstones."""
        return [self.codec.decode(row.value) for row in rows(self.client, topic.name) if row.value is not None]

    def close(self) -> None:
        """End everything and delete the topics."""
        for child in self._running:
            if child.poll() is None:
                child.kill()
                child.wait(10)
        self.hooks.close()
        admin = require_broker(self.settings)
        for future in admin.delete_topics([topic.name for topic in self.topics], operation_timeout=30).values():
            future.result(timeout=30)


@contextlib.contextmanager
def world(kafka: str, registry_url: str, folder: Path) -> Iterator[World]:
    """Yield a world with topics of its own."""
    made = World(kafka, registry_url, folder)
    try:
        yield made
    finally:
        made.close()
