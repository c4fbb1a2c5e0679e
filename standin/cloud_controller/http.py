"""A request and its answer as plain values, so that every endpoint is a function without I/O."""

import gzip
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from standin.cloud_controller.tokens import Identity

V3_JSON = "application/json; charset=utf-8"
V2_JSON = "application/json;charset=utf-8"
ND_JSON = "application/x-ndjson"
GZIP_FROM_BYTES = 1024


@dataclass(frozen=True, slots=True)
class Call:
    """A request. ``base`` is the origin the client used, without a slash at the end."""

    method: str
    path: str
    base: str
    query: tuple[tuple[str, str], ...] = ()
    path_values: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    identity: Identity | None = None

    def first(self, key: str) -> str | None:
        """Return the first value of a query parameter."""
        return next((value for name, value in self.query if name == key), None)

    def json(self) -> dict[str, Any]:
        """Return the body, an object; nothing sent is an empty one. Raises ValueError."""
        content = orjson.loads(self.body) if self.body else {}
        if not isinstance(content, dict):
            raise ValueError("the body has to be a JSON object")  # noqa: TRY004 # a wrong value, not a wrong call
        return content


@dataclass(slots=True)
class Answer:
    """A response with its whole body."""

    body: bytes
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)

    def zipped_for(self, accepted: str) -> "Answer":
        """Return the answer compressed, when the client takes gzip and it is worth it."""
        if "gzip" not in accepted or len(self.body) < GZIP_FROM_BYTES:
            return self
        headers = {**self.headers, "Content-Encoding": "gzip", "Vary": "Accept-Encoding"}
        return Answer(gzip.compress(self.body, compresslevel=1, mtime=0), self.status, headers)


def json_answer(content: object, *, status: int = 200, content_type: str = V3_JSON) -> Answer:
    """Return an answer with a JSON body."""
    return Answer(orjson.dumps(content), status, {"Content-Type": content_type})
