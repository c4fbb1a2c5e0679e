"""The script of faults: which request goes wrong, how often, and in which way."""

import gzip
import re
from dataclasses import dataclass, field, fields
from email.utils import formatdate
from typing import Any

import orjson

from standin.cloud_controller.http import V3_JSON, Answer

HTML = "<html><head><title>{status}</title></head><body><h1>{status} Bad Gateway</h1></body></html>"

IN_ANSWER = ("status", "html", "empty", "truncated_json", "cut_gzip", "redirect", "foreign_next", "delay")
"""Faults that are sound HTTP with the wrong content."""

ON_WIRE = (
    "hang",
    "hang_in_body",
    "slow",
    "reset",
    "close_in_body",
    "length_too_long",
    "length_too_short",
    "cut_chunks",
)
"""Faults of the connection itself."""


@dataclass(slots=True)
class Fault:
    """One line of the script.

    It hits ``count`` requests (None: all) whose path matches ``path`` whole, after letting ``skip`` of them
    through. ``seconds`` is how long to hang or delay, or the pause between two pieces of a slow body of
    ``pieces`` pieces. ``retry_after`` are seconds, told as an HTTP date when ``as_date``.
    """

    kind: str
    path: str = ".*"
    method: str | None = None
    count: int | None = 1
    skip: int = 0
    status: int = 503
    retry_after: int | None = None
    as_date: bool = False
    seconds: float = 30.0
    pieces: int = 20
    location: str = "http://127.0.0.2:9/"
    hits: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        if self.kind not in IN_ANSWER + ON_WIRE:
            raise ValueError(f"no fault is called {self.kind!r}; there are {', '.join(IN_ANSWER + ON_WIRE)}")
        re.compile(self.path)

    def matches(self, method: str, path: str) -> bool:
        """Tell whether this line is about that request."""
        return self.method in (None, method) and re.fullmatch(self.path, path) is not None


SETTABLE = frozenset(one.name for one in fields(Fault) if one.init)


class Faults:
    """The lines in their order. The first that matches and is not used up takes the request."""

    def __init__(self) -> None:
        self.script: list[Fault] = []

    def add(self, fault: Fault) -> None:
        """Append a line."""
        self.script.append(fault)

    def add_from(self, settings: dict[str, Any]) -> Fault:
        """Append a line given as JSON; raises ValueError when it makes no sense."""
        if unknown := set(settings) - SETTABLE:
            raise ValueError(f"unknown: {', '.join(sorted(unknown))}; known: {', '.join(sorted(SETTABLE))}")
        fault = Fault(**settings)
        self.add(fault)
        return fault

    def take(self, method: str, path: str) -> Fault | None:
        """Return the fault that this request has to suffer, and use it up once."""
        for fault in self.script:
            used_up = fault.count is not None and fault.hits >= fault.count
            if used_up or not fault.matches(method, path):
                continue
            if fault.skip:
                fault.skip -= 1
                continue
            fault.hits += 1
            return fault
        return None


def spoiled(fault: Fault, answer: Answer, now_s: float) -> Answer:
    """Return what is sent instead of a good answer; for the kinds IN_ANSWER."""
    spoil = {
        "status": _refused,
        "html": _html,
        "empty": _empty,
        "truncated_json": _truncated,
        "cut_gzip": _cut_gzip,
        "redirect": _redirected,
        "foreign_next": _foreign,
    }.get(fault.kind)
    return spoil(fault, answer, now_s) if spoil else answer


def _refused(fault: Fault, answer: Answer, now_s: float) -> Answer:
    headers = dict(answer.headers)
    if fault.retry_after is not None:
        until = formatdate(now_s + fault.retry_after, usegmt=True)
        headers["Retry-After"] = until if fault.as_date else str(fault.retry_after)
    if fault.status in (502, 504):
        return Answer(HTML.format(status=fault.status).encode(), fault.status, _typed(headers, "text/html"))
    error = {"errors": [{"code": 10001, "title": "UnknownError", "detail": "An unknown error occurred."}]}
    kind = "text/plain; charset=utf-8" if fault.status == 429 else V3_JSON  # noqa: PLR2004 # as the limiter sends it
    return Answer(orjson.dumps(error), fault.status, _typed(headers, kind))


def _html(_: Fault, answer: Answer, _now_s: float) -> Answer:
    return Answer(HTML.format(status=200).encode(), 200, _typed(answer.headers, "text/html"))


def _empty(_: Fault, answer: Answer, _now_s: float) -> Answer:
    return Answer(b"", answer.status, _plain(answer.headers))


def _truncated(_: Fault, answer: Answer, _now_s: float) -> Answer:
    body = _unzipped(answer)
    return Answer(body[: len(body) * 2 // 3], answer.status, _plain(answer.headers))


def _cut_gzip(_: Fault, answer: Answer, _now_s: float) -> Answer:
    padded = Answer(_unzipped(answer).ljust(2048), answer.status, _plain(answer.headers))
    whole = padded.zipped_for("gzip")
    return Answer(whole.body[: len(whole.body) * 2 // 3], whole.status, whole.headers)


def _redirected(fault: Fault, answer: Answer, _now_s: float) -> Answer:
    return Answer(b"", 302, {**_plain(answer.headers), "Location": fault.location})


def _foreign(fault: Fault, answer: Answer, _now_s: float) -> Answer:
    content = orjson.loads(_unzipped(answer))
    if "pagination" in content:
        content["pagination"]["next"] = {"href": f"{fault.location}v3/app_usage_events?page=2"}
    elif "next_url" in content:
        content["next_url"] = f"{fault.location}v2/app_usage_events?page=2"
    return Answer(orjson.dumps(content), answer.status, _plain(answer.headers))


def _unzipped(answer: Answer) -> bytes:
    if "Content-Encoding" not in answer.headers:
        return answer.body
    return gzip.decompress(answer.body)


def _plain(headers: dict[str, str]) -> dict[str, str]:
    return {key: value for key, value in headers.items() if key != "Content-Encoding"}


def _typed(headers: dict[str, str], content_type: str) -> dict[str, str]:
    return {**_plain(headers), "Content-Type": content_type}
