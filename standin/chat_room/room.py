"""A small chat room: keeps the messages that webhooks bring, in memory, the newest last."""

import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

KEPT = 1000


@dataclass(frozen=True)
class Message:
    """One webhook call. ``text`` is what a person reads first; ``payload`` is the whole JSON body."""

    number: int
    received_at: float
    hook: str
    text: str
    status: str
    payload: Any
    headers: dict[str, str] = field(default_factory=dict)


class Room:
    """The messages, bounded; ``total`` counts all that ever came."""

    def __init__(self) -> None:
        self.total = 0
        self._messages: deque[Message] = deque(maxlen=KEPT)

    def add(self, hook: str, payload: Any, headers: dict[str, str]) -> Message:
        """Keep a webhook call and return it as a message."""
        self.total += 1
        text = plain(payload)
        message = Message(self.total, time.time(), hook, text, _status(payload, text), payload, headers)
        self._messages.append(message)
        return message

    def since(self, number: int) -> list[Message]:
        """Return the messages after the one with this number, oldest first."""
        return [message for message in self._messages if message.number > number]


def plain(payload: Any) -> str:
    """Return the line of a payload that a chat service would show in a notification, whichever service it is for."""
    if isinstance(payload, dict):
        for name in ("text", "fallbackText", "content", "summary", "title", "message"):
            value = payload.get(name)
            if isinstance(value, str) and value:
                return value
    return next(_strings(payload), "")


def _strings(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        for name, value in node.items():
            if name in ("text", "title", "summary") and isinstance(value, str) and value:
                yield value
            else:
                yield from _strings(value)
    elif isinstance(node, list):
        for part in node:
            yield from _strings(part)


def _status(payload: Any, text: str) -> str:
    stated = payload.get("status") or payload.get("event_action") if isinstance(payload, dict) else None
    if stated in ("resolved", "resolve") or "resolved" in text.lower():
        return "resolved"
    return "firing"
