"""Access tokens: real JWTs, signed by HS256, that the simulated UAA gives out and the API checks."""

import base64
import hashlib
import hmac
from typing import Any, NamedTuple

import orjson

GLOBAL_READERS = frozenset(
    {
        "cloud_controller.admin",
        "cloud_controller.admin_read_only",
        "cloud_controller.global_auditor",
    }
)


class Identity(NamedTuple):
    """Whom a valid token speaks for."""

    subject: str
    scopes: frozenset[str]

    @property
    def is_admin(self) -> bool:
        """May do everything."""
        return "cloud_controller.admin" in self.scopes

    @property
    def reads_globally(self) -> bool:
        """Sees all orgs and spaces."""
        return bool(self.scopes & GLOBAL_READERS)

    @property
    def may_read(self) -> bool:
        """May use the API for reading at all; without a global role it then sees nothing here."""
        return self.reads_globally or "cloud_controller.read" in self.scopes


def _encode(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _decode(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


class TokenSigner:
    """Makes and checks tokens. Every ``revoke_all`` voids the tokens given out before."""

    def __init__(self, key: bytes) -> None:
        self._key = key
        self._generation = 0

    def sign(self, claims: dict[str, Any]) -> str:
        """Return a token with these claims; ``exp`` and ``scope`` have to be among them."""
        head = _encode(orjson.dumps({"alg": "HS256", "kid": "simulated", "typ": "JWT"}))
        body = f"{head}.{_encode(orjson.dumps({**claims, 'gen': self._generation}))}"
        return f"{body}.{self._signature(body)}"

    def check(self, token: str, now_s: int) -> Identity | None:
        """Return whom a token speaks for; None when it is forged, expired or revoked."""
        body, _, signature = token.rpartition(".")
        if not hmac.compare_digest(signature.encode(), self._signature(body).encode()):
            return None
        claims = orjson.loads(_decode(body.partition(".")[2]))
        if claims["exp"] <= now_s or claims["gen"] != self._generation:
            return None
        return Identity(str(claims["sub"]), frozenset(claims["scope"]))

    def revoke_all(self) -> None:
        """Void every token given out so far."""
        self._generation += 1

    def _signature(self, body: str) -> str:
        return _encode(hmac.new(self._key, body.encode(), hashlib.sha256).digest())
