"""Logging in to the UAA as a dialogue without I/O: a generator yields requests and is sent the answers.

Three grants: ``client_credentials`` for a client of our own (recommended), ``password`` for a user (by the client
``cf`` with an empty secret), and ``refresh_token`` where the UAA gave one. A refresh may bring a new refresh token;
the old one is then worth nothing, so the newest is kept.
"""

import base64
from collections.abc import Generator, Mapping
from dataclasses import dataclass, replace
from http import HTTPStatus
from pathlib import Path
from typing import Any

import orjson

from plumbing.clock import SECOND
from producer.api.answer import Headers, error_of
from producer.api.errors import ForbiddenError, LoginError, RetriableError

READS_EVERYTHING = frozenset(
    {"cloud_controller.admin", "cloud_controller.admin_read_only", "cloud_controller.global_auditor"}
)
"""Scopes that see all events. With any other the v3 API answers 200 and an empty or a filtered list."""

EARLY = 0.8
"""Part of a token's life after which it is renewed."""

_DEFAULT_LIFE_S = 600


@dataclass(frozen=True)
class Credentials:
    """Who we are. With ``username`` the password grant is used, else client credentials.

    The files are where the secrets were read from, where they were.
    """

    client_id: str
    client_secret: str
    username: str | None = None
    password: str | None = None
    client_secret_file: Path | None = None
    password_file: Path | None = None

    def renewed(self) -> "Credentials":
        """Return them with what their files hold now: secrets are rotated under a running process. Blocks, briefly.

        A file that cannot be read, or is empty while it is replaced, leaves its secret as it was.
        """
        return replace(
            self,
            client_secret=_text(self.client_secret_file) or self.client_secret,
            password=_text(self.password_file) or self.password,
        )


@dataclass(frozen=True)
class Token:
    """An access token. Times in microseconds of our clock; ``scopes`` as the UAA granted them."""

    access: str
    issued_at: int
    renew_at: int
    expires_at: int
    scopes: frozenset[str]
    refresh: str | None = None


@dataclass(frozen=True)
class Form:
    """A POST to the token endpoint: basic auth and form fields."""

    client_id: str
    client_secret: str
    fields: Mapping[str, str]


@dataclass(frozen=True)
class Reply:
    """The UAA's answer, and our clock when it came."""

    status: int
    headers: Headers
    content: bytes
    now: int


def login(credentials: Credentials, last: Token | None = None) -> Generator[Form, Reply, Token]:
    """Get a token: by the refresh token where there is one, else (or when it is refused) by the credentials.

    Raise LoginError for credentials that are refused, RetriableError for what may heal, ForbiddenError where the
    token cannot read everything.
    """
    if last is not None and last.refresh is not None:
        form = _form(credentials, grant_type="refresh_token", refresh_token=last.refresh)
        reply = yield form
        if reply.status == HTTPStatus.OK:
            return _token(reply, fallback=last.refresh)
        if not _refused(reply):
            raise error_of(reply.status, reply.headers, reply.content, what="UAA token", now=reply.now)
    if credentials.username is not None:
        form = _form(
            credentials, grant_type="password", username=credentials.username, password=credentials.password or ""
        )
        who = f"user {credentials.username}"
        settings = "CFSTREAM_CF_USERNAME and CFSTREAM_CF_PASSWORD"
    else:
        form = _form(credentials, grant_type="client_credentials")
        who = f"client {credentials.client_id}"
        settings = "CFSTREAM_CF_CLIENT_ID and CFSTREAM_CF_CLIENT_SECRET"
    reply = yield form
    if reply.status == HTTPStatus.OK:
        return _token(reply, fallback=None)
    if _refused(reply):
        detail = error_of(reply.status, reply.headers, reply.content, what="UAA", now=reply.now)
        raise LoginError(f"the UAA refuses {who} ({detail}): check {settings}")
    raise error_of(reply.status, reply.headers, reply.content, what="UAA token", now=reply.now)


def check_scopes(token: Token) -> None:
    """Raise ForbiddenError where the token does not read all events of the foundation."""
    if not token.scopes & READS_EVERYTHING:
        had = ", ".join(sorted(token.scopes)) or "none"
        raise ForbiddenError(
            "the token may not read all events: it needs one of the scopes cloud_controller.global_auditor, "
            f"cloud_controller.admin_read_only or cloud_controller.admin, and has {had}; without it the "
            "Cloud Controller would answer with empty lists"
        )


def _text(path: Path | None) -> str | None:
    try:
        return None if path is None else path.read_text("utf-8").rstrip("\r\n")
    except (OSError, ValueError):
        return None


def _form(credentials: Credentials, **fields: str) -> Form:
    return Form(credentials.client_id, credentials.client_secret, fields)


def _refused(reply: Reply) -> bool:
    return reply.status in (HTTPStatus.BAD_REQUEST, HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN)


def _token(reply: Reply, *, fallback: str | None) -> Token:
    try:
        body = orjson.loads(reply.content)
        access = str(body["access_token"])
        claims = _claims(access)
        scope = body.get("scope", claims.get("scope", ""))
        scopes = scope.split() if isinstance(scope, str) else scope
        life_s = float(body.get("expires_in", _DEFAULT_LIFE_S))
        refresh = body.get("refresh_token") or fallback
        life = int(life_s * SECOND)
        return Token(access, reply.now, reply.now + int(life * EARLY), reply.now + life, frozenset(scopes), refresh)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise RetriableError("UAA token: the answer is no token") from error


def _claims(access: str) -> dict[str, Any]:
    """Return the claims of a JWT, unverified: they are ours to look at, the Cloud Controller verifies. {} if none."""
    try:
        part = access.split(".")[1]
        claims = orjson.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    except (ValueError, IndexError):
        return {}
    return claims if isinstance(claims, dict) else {}
