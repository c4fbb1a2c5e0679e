"""Tokens for Kafka by OAuth: asked for with the client's credentials, kept, and renewed before they end.

librdkafka does this by itself; this is for the workers' other Kafka client. Both ask alike (RFC 6749, section 4.4).
"""

import asyncio
import base64
import ssl
import threading
from collections.abc import Callable
from typing import NamedTuple

import httpx
import orjson
import structlog
from aiokafka.abc import AbstractTokenProvider

from plumbing.clock import Clock
from plumbing.settings import CommonSettings

_log = structlog.get_logger(__name__)

RENEW_AFTER = 0.8
"""Part of its life after which a token is renewed, as librdkafka does."""

TIMEOUT_S = 10.0


class TokenError(ConnectionError):
    """No token. A ConnectionError is what aiokafka tries again."""


class Token(NamedTuple):
    """A token and how long it lasts."""

    text: str
    lifetime_s: float


class Tokens(AbstractTokenProvider):  # type: ignore[misc] # aiokafka has no types
    """Gives a valid token to whoever connects, from any thread and loop; one request at a time, and few of them."""

    def __init__(self, fetch: Callable[[], Token], clock: Clock) -> None:
        self._fetch = fetch
        self._clock = clock
        self._lock = threading.Lock()
        self._text = ""
        self._renew_at = self._ends_at = clock.monotonic()

    async def token(self) -> str:
        """Return a token; asks for one where the last is old. Raise TokenError where there is none."""
        return await asyncio.to_thread(self.current)

    def current(self) -> str:
        """Return a token, as ``token``; blocks."""
        with self._lock:
            if self._clock.monotonic() >= self._renew_at:
                self._renew()
            return self._text

    def _renew(self) -> None:
        asked = self._clock.monotonic()
        try:
            self._text, lifetime_s = self._fetch()
        except TokenError as error:
            if asked >= self._ends_at:
                raise
            _log.warning("no new token for Kafka; the old one still holds", reason=str(error))
            return
        self._renew_at, self._ends_at = asked + RENEW_AFTER * lifetime_s, asked + lifetime_s


def endpoint(settings: CommonSettings) -> Callable[[], Token]:
    """Return what asks the token endpoint of the settings. It blocks, and raises TokenError without any secret."""
    url, client, secret = (
        settings.kafka_oauth_token_url,
        settings.kafka_oauth_client_id,
        settings.kafka_oauth_client_secret,
    )
    if url is None or client is None or secret is None:
        raise ValueError("checked by plumbing.kafka before")
    form = {"grant_type": "client_credentials"} | ({"scope": scope} if (scope := settings.kafka_oauth_scope) else {})
    ca = settings.kafka_oauth_ca_file
    context = ssl.create_default_context(cafile=None if ca is None else str(ca))

    def fetch() -> Token:
        try:
            answer = httpx.post(
                url, data=form, auth=(client, secret.get_secret_value()), timeout=TIMEOUT_S, verify=context
            )
        except httpx.HTTPError as error:
            raise TokenError(f"the token endpoint {url} does not answer: {error}") from error
        if answer.status_code != httpx.codes.OK:
            raise TokenError(
                f"the token endpoint {url} refuses with {answer.status_code}; check CFSTREAM_KAFKA_OAUTH_*"
            )
        return read_token(answer.content)

    return fetch


def read_token(body: bytes) -> Token:
    """Return the token of an endpoint's answer. Raise TokenError where it holds none, or none that says its life."""
    try:
        found = orjson.loads(body)
        text = str(found["access_token"])
        lifetime_s = found["expires_in"] if "expires_in" in found else _lifetime(text)
        return Token(text, float(lifetime_s))
    except (ValueError, KeyError, TypeError, IndexError) as error:
        raise TokenError(
            f"the token endpoint's answer holds no token with a lifetime ({type(error).__name__})"
        ) from error


def _lifetime(text: str) -> float:
    """Return how long a JSON Web Token lasts from its own issue: clocks here and there may differ."""
    body = text.split(".")[1]
    claims = orjson.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
    return float(claims["exp"]) - float(claims["iat"])
