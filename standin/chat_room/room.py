"""A small chat room: keeps the messages that webhooks bring, in memory, the newest last."""

import base64
import secrets
import time
from collections import Counter, OrderedDict, deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from plumbing.clock import SECOND, micros
from standin.chat_room.service import Line, unescaped

KEPT = 1000
"""Messages kept of each hook."""


@dataclass(frozen=True)
class Message:
    """One webhook call. ``text`` is what a person reads first, ``lines`` what follows, as pairs of a name and a text.

    ``payload`` is the whole JSON body. ``answer`` is the status the room gave; ``refusals`` say why it took nothing.
    """

    number: int
    received_at: float
    hook: str
    text: str
    status: str
    payload: Any
    headers: dict[str, str] = field(default_factory=dict)
    lines: tuple[Line, ...] = ()
    answer: int = 200
    refusals: tuple[str, ...] = ()


class Room:
    """The messages, bounded for each hook. ``total`` counts all that ever came, ``taken`` by hook what was accepted.

    ``secret``: by which the room checks signed webhooks.
    """

    def __init__(self) -> None:
        self.total = 0
        self.taken: Counter[str] = Counter()
        self.secret = f"whsec_{base64.b64encode(secrets.token_bytes(32)).decode()}"
        self._messages: dict[str, deque[Message]] = {}
        self._repeats: dict[str, OrderedDict[str, None]] = {}

    def add(
        self,
        hook: str,
        payload: Any,
        headers: dict[str, str],
        *,
        lines: tuple[Line, ...] = (),
        answer: int = 200,
        refusals: tuple[str, ...] = (),
    ) -> Message:
        """Keep a webhook call and return it as a message."""
        self.total += 1
        self.taken[hook] += not refusals
        text = plain(payload)
        status = "refused" if refusals else _status(payload, text)
        message = Message(
            self.total, time.time(), hook, text, status, payload, headers, tuple(lines), answer, tuple(refusals)
        )
        self._messages.setdefault(hook, deque(maxlen=KEPT)).append(message)
        return message

    def since(self, number: int, hook: str | None = None) -> list[Message]:
        """Return the messages after the one with this number, oldest first; of one hook or of all."""
        chosen = self._messages.values() if hook is None else [self._messages.get(hook, deque())]
        found = [message for kept in list(chosen) for message in list(kept) if message.number > number]
        return sorted(found, key=lambda message: message.number)

    def repeated(self, hook: str, key: str) -> bool:
        """Note a request's own key; say whether it came before."""
        known = self._repeats.setdefault(hook, OrderedDict())
        before = key in known
        known[key] = None
        if len(known) > KEPT:
            known.popitem(last=False)
        return before


def plain(payload: Any) -> str:
    """Return the line of a payload that a chat service would show in a notification, whichever service it is for."""
    if isinstance(payload, dict):
        for name in ("text", "fallbackText", "content", "summary", "title", "message"):
            value = payload.get(name)
            if isinstance(value, str) and value:
                return unescaped(value)
    return unescaped(next(_strings(payload), ""))


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
    if stated in ("resolved", "resolve") or text.startswith("[RESOLVED]") or _all_over(payload):
        return "resolved"
    return "firing"


def _all_over(payload: Any) -> bool:
    """Say whether each alert of an Alertmanager's list has its end behind it; one that fires ends days ahead."""
    if not isinstance(payload, list) or not payload:
        return False
    ends = [one.get("endsAt") for one in payload if isinstance(one, dict)]
    now_s = time.time()
    return all(isinstance(end, str) and micros(end) / SECOND <= now_s for end in ends)
