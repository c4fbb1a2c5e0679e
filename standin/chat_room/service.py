"""What a chat service is to the room: what it takes, what it answers, and how it shows a message."""

import html
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson
from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

_MARK = re.compile(r"^\s*(?:[-•]\s*)?(\*{1,2})(?P<name>[^*]+?):?\1\s*(?P<value>.*)$")
_ESCAPED = re.compile(r"\\([\\`*_\[\]|~<>])")
_NO_BREAK = "\u2060"

Line = tuple[str, str]
"""A line of a message: its name, empty for text that has none, and its text."""


class Strict(BaseModel):
    """Base of the models of payloads: unknown fields and other types are errors, as at the service."""

    model_config = ConfigDict(extra="forbid", strict=True)


class Lenient(BaseModel):
    """Base where the service passes over fields that it does not know."""

    model_config = ConfigDict(extra="ignore", strict=True)


@dataclass(frozen=True)
class Call:
    """One request as it came; header names in small letters. ``secret``: what signed webhooks are checked with."""

    body: bytes
    payload: Any
    headers: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict)
    secret: str = ""
    now_s: float = 0


@dataclass(frozen=True)
class Answer:
    """What the service answers."""

    status: int
    body: bytes = b""
    media_type: str = "text/plain"


@dataclass(frozen=True)
class Refusal:
    """Why a service does not take a payload: the field, empty for the whole, and what is wrong with it."""

    field: str
    text: str

    def __str__(self) -> str:
        return f"{self.field}: {self.text}" if self.field else self.text


def _nothing_more(_call: Call) -> list[Refusal]:
    return []


def _never(_call: Call) -> str | None:
    return None


@dataclass(frozen=True)
class Service:
    """A chat service. ``model`` is what its payloads must fit; ``more`` checks what a model cannot.

    ``known_by``: by what the service knows a request that it has had already, None where it does not.
    """

    name: str
    label: str
    most_bytes: int
    model: TypeAdapter[Any]
    accepted: Callable[[Call], Answer]
    refused: Callable[[list[Refusal]], Answer]
    lines: Callable[[Any], list[Line]]
    more: Callable[[Call], list[Refusal]] = _nothing_more
    known_by: Callable[[Call], str | None] = _never

    def refusals(self, call: Call) -> list[Refusal]:
        """Return why the service would not take the call; empty where it does."""
        if len(call.body) > self.most_bytes:
            return [Refusal("", f"{len(call.body)} bytes are more than {self.most_bytes}")]
        try:
            self.model.validate_python(call.payload)
        except ValidationError as error:
            return [
                Refusal(".".join(map(str, part["loc"])), part["msg"].removeprefix("Value error, "))
                for part in error.errors(include_url=False, include_context=False, include_input=False)
            ]
        return self.more(call)


def json_answer(status: int, body: Any) -> Answer:
    """Return an answer in JSON."""
    return Answer(status, orjson.dumps(body), "application/json")


def marked(text: str) -> Line:
    """Return a line of Slack's or Markdown's text without its markup: a bold beginning is its name."""
    found = _MARK.match(text)
    return (unescaped(found["name"]), unescaped(found["value"])) if found else ("", unescaped(text))


def unescaped(text: str) -> str:
    """Return a text without the escapes of Slack's markup and of Markdown."""
    return _ESCAPED.sub(r"\1", html.unescape(text)).replace(_NO_BREAK, "")
