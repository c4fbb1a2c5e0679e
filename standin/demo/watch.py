"""Reads the topics for the demo, as any consumer would: the view while it runs, the tables when it is done."""

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from plumbing.errors import CfstreamError
from schemas.codec import Codec
from schemas.reader import ClientConfig, Row, rows
from schemas.tables import AppState
from schemas.topics import Topic, Topics
from standin.demo.view import View


class Watcher:
    """Feeds a view from the topics, a thread each. Use ``lock`` to read the view."""

    def __init__(self, client: ClientConfig, codec: Codec, topics: Topics, view: View) -> None:
        self.lock = threading.Lock()
        self._client = client
        self._codec = codec
        self._done = threading.Event()
        self._failure: Exception | None = None
        self._handlers: list[tuple[Topic, Callable[[Row, Any], None]]] = [
            (topics.checkpoints, lambda _row, record: view.checkpoint(record, now=time.monotonic())),
            (topics.state, lambda row, record: view.app((row.key or b"").decode(), record)),
            (topics.alerts, lambda _row, record: view.alert(record)),
        ]

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Follow the topics while the body runs."""
        threads = [
            threading.Thread(target=self._follow, args=(topic, handle), name=topic.name, daemon=True)
            for topic, handle in self._handlers
        ]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self._done.set()
            for thread in threads:
                thread.join(timeout=5)

    def check(self) -> None:
        """Raise CfstreamError when a topic can no longer be followed."""
        if self._failure is not None:
            raise CfstreamError(f"the demo can no longer read the topics: {self._failure}") from self._failure

    def _follow(self, topic: Topic, handle: Callable[[Row, Any], None]) -> None:
        try:
            for row in rows(self._client, topic.name, until_end=False, stop=self._done.is_set):
                record = None if row.value is None else self._codec.decode(row.value)
                with self.lock:
                    handle(row, record)
        except Exception as error:  # noqa: BLE001 - told by check, in the main thread
            self._failure = error


def table(client: ClientConfig, codec: Codec, topic: Topic) -> dict[str, AppState]:
    """Read a compacted topic of app states whole, as it is committed now."""
    found: dict[str, AppState] = {}
    for row in rows(client, topic.name):
        key = (row.key or b"").decode()
        if row.value is None:
            found.pop(key, None)
        else:
            found[key] = codec.decode(row.value)  # type: ignore[assignment] # the topic holds AppState alone
    return found


def guids(client: ClientConfig, codec: Codec, topic: Topic) -> Counter[tuple[str, int]]:
    """Count each row of an event topic by its identity, (guid, created_at)."""
    decoded = (codec.decode(row.value) for row in rows(client, topic.name) if row.value is not None)
    return Counter((record["guid"], record["created_at"]) for record in decoded)


def sent(client: ClientConfig, codec: Codec, topic: Topic) -> Counter[str]:
    """Count by receiver the notifications that the notifier's log says have arrived."""
    decoded = (codec.decode(row.value) for row in rows(client, topic.name) if row.value is not None)
    return Counter(record["receiver"] for record in decoded if record["status"] == "sent")
