"""Structured logs to stderr: for people, or one JSON object a line. Secrets and URL user-info never appear."""

import io
import logging
import re
import sys
import time
from collections.abc import MutableMapping
from typing import Any, Literal, TextIO, cast

import structlog

_USER_INFO = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*://)[^/\s\"']+@")
_BEARER = re.compile(r"(?i)\b(bearer)\s+[A-Za-z0-9._~+/=-]{8,}")

# Each prints URLs or headers at info or debug: chat webhooks are secrets.
_QUIET = (
    "httpx",
    "httpx2",
    "httpcore",
    "httpcore2",
    "urllib3",
    "uvicorn",
    "uvicorn.access",
    "uvicorn.error",
    "aiokafka",
    "faust",
    "mode",
    "processors.lane",
)


class _Stderr(io.TextIOBase):
    """Whatever ``sys.stderr`` is when a line is written: loggers outlive a redirection of it."""

    def write(self, text: str) -> int:
        return sys.stderr.write(text)

    def flush(self) -> None:
        sys.stderr.flush()


_STDERR = cast("TextIO", _Stderr())  # typeshed keeps the two apart


SELDOM_S = 30.0


class Seldom(logging.Filter):
    """Lets each message of a library through once in ``SELDOM_S``: some repeat themselves ten times a second.

    Messages are told apart by what they say before anything is put in.
    """

    def __init__(self, *libraries: str) -> None:
        super().__init__()
        self._libraries = libraries
        self._next: dict[str, float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Say whether to log the record."""
        if not record.name.startswith(self._libraries):
            return True
        now = time.monotonic()
        if now < self._next.get(str(record.msg), 0.0):
            return False
        self._next[str(record.msg)] = now + SELDOM_S
        return True


def redact(text: str) -> str:
    """Remove user-info from URLs and bearer tokens from a text."""
    return _BEARER.sub(r"\1 ********", _USER_INFO.sub(r"\g<scheme>********@", text))


def configure(log_format: Literal["console", "json"] = "console", level: str = "info") -> None:
    """Set up logging for this process. Call once, at the start."""
    shared: list[structlog.types.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        _redacted,
    ]
    renderer: structlog.types.Processor = (
        structlog.processors.JSONRenderer()
        if log_format == "json"
        else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), pad_event_to=40)
    )
    structlog.configure(
        processors=[*shared, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        logger_factory=structlog.PrintLoggerFactory(_STDERR),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(_STDERR)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    handler.addFilter(Seldom("aiokafka"))
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level.upper())
    for name in _QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)


def _redacted(_logger: object, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    for key, value in event.items():
        if isinstance(value, str):
            event[key] = redact(value)
    return event
