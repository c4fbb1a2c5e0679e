"""Reads one HTTP answer of the Cloud Controller: its body, its clock, its errors. Pure."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any

import orjson

from plumbing.clock import SECOND
from producer.api.errors import ApiError, ForbiddenError, LimitedError, RefusedError, RetriableError, TokenRefusedError

Headers = Mapping[str, str]
"""Header fields; looked up in lower case."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A good answer. ``server_time``: the server's clock in microseconds UTC, whole seconds."""

    body: dict[str, Any]
    server_time: int


def read(status: int, headers: Headers, content: bytes, *, what: str, now: int) -> Answer:
    """Return the answer, or raise the error that it stands for.

    ``now`` (our clock) stands in for a missing or unreadable Date header and for dates in Retry-After.
    """
    if status != HTTPStatus.OK:
        raise error_of(status, headers, content, what=what, now=now)
    body = _json(content)
    if not isinstance(body, dict):
        raise RetriableError(f"{what}: the answer is no JSON object; it may be cut short or come from a proxy")
    return Answer(body, http_date(headers.get("date")) or now)


def error_of(status: int, headers: Headers, content: bytes, *, what: str, now: int) -> ApiError:
    """Return the error that a status other than 200 stands for."""
    code, detail = _detail(_json(content))
    text = f"{what}: HTTP {status}" + (f", {detail}" if detail else "")
    if status == HTTPStatus.UNAUTHORIZED:
        return TokenRefusedError(text)
    if status == HTTPStatus.FORBIDDEN:
        return ForbiddenError(text)
    if status in (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE):
        return LimitedError(text, retry_after_s(headers, now))
    if status < HTTPStatus.BAD_REQUEST:
        # A redirect would carry the token elsewhere.
        return RefusedError(f"{text}: an answer other than 200 is not followed; check CFSTREAM_CF_API", status, None)
    if code is None or status >= HTTPStatus.INTERNAL_SERVER_ERROR or status == HTTPStatus.REQUEST_TIMEOUT:
        # The Cloud Controller gives each of its errors a code. A router says 404 while no Cloud Controller is there,
        # which must not be taken for an event that is gone.
        return RetriableError(text)
    return RefusedError(text, status, code)


def retry_after_s(headers: Headers, now: int) -> float | None:
    """Return the seconds to wait by Retry-After (seconds or a date); None where unknown."""
    value = headers.get("retry-after", "").strip()
    if value:
        if value.isdecimal():
            return float(value)
        date = http_date(value)
        if date is not None:
            server_now = http_date(headers.get("date")) or now
            return max(0.0, (date - server_now) / SECOND)
    return None


def _json(content: bytes) -> Any:
    try:
        return orjson.loads(content)
    except ValueError:
        pass
    try:
        # Knows texts that orjson refuses, such as half a surrogate pair: one bad row must not hide its page.
        return json.loads(content)
    except (ValueError, RecursionError):
        return None


def _detail(body: Any) -> tuple[int | None, str]:
    """Return the code and the text of a v3 or v2 error body."""
    if not isinstance(body, dict):
        return None, ""
    errors = body.get("errors")
    found = errors[0] if isinstance(errors, list) and errors and isinstance(errors[0], dict) else body
    code = found.get("code")
    detail = found.get("detail") or found.get("description") or found.get("error_description") or found.get("error")
    return (code if isinstance(code, int) else None), (detail if isinstance(detail, str) else "")[:300]


def http_date(value: str | None) -> int | None:
    """Return microseconds UTC of an HTTP date; None where there is none."""
    if not value:
        return None
    try:
        return int(parsedate_to_datetime(value).timestamp()) * SECOND
    except (ValueError, TypeError):
        return None
