"""A small OAuth identity provider: a token endpoint for client credentials, and the keys that verify its tokens."""

import base64
import itertools
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs

import orjson
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

KEY_ID = "one"
AUDIENCE = "kafka"
ISSUER = "https://idp.test"


def _text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _number(value: int) -> str:
    return _text(value.to_bytes((value.bit_length() + 7) // 8))


@dataclass
class IdentityProvider:
    """Signs tokens (RS256) for its clients. ``lifetime_s``: how long the next ones last."""

    clients: Mapping[str, str]
    lifetime_s: float = 300
    scopes: list[str | None] = field(default_factory=list)
    _key: rsa.RSAPrivateKey = field(default_factory=lambda: rsa.generate_private_key(65537, 2048))
    _serial: Iterator[int] = field(default_factory=itertools.count)
    url: str = ""

    @property
    def issued(self) -> int:
        """How many tokens were given out."""
        return len(self.scopes)

    def keys(self) -> bytes:
        """Return the public key as a JSON Web Key Set."""
        public = self._key.public_key().public_numbers()
        key = {"kty": "RSA", "kid": KEY_ID, "use": "sig", "alg": "RS256"}
        return orjson.dumps({"keys": [key | {"n": _number(public.n), "e": _number(public.e)}]})

    def token(self, subject: str) -> str:
        """Return a signed token."""
        now = int(time.time())
        claims = {"iss": ISSUER, "aud": AUDIENCE, "sub": subject, "iat": now, "exp": now + int(self.lifetime_s)}
        parts = ({"alg": "RS256", "typ": "JWT", "kid": KEY_ID}, claims | {"jti": str(next(self._serial))})
        signed = ".".join(_text(orjson.dumps(part)) for part in parts)
        return f"{signed}.{_text(self._key.sign(signed.encode(), padding.PKCS1v15(), hashes.SHA256()))}"

    def answer(self, authorization: str, form: Mapping[str, list[str]]) -> tuple[HTTPStatus, dict[str, object]]:
        """Answer a request for a token."""
        client, _, secret = base64.b64decode(authorization.removeprefix("Basic ")).decode().partition(":")
        if form.get("grant_type") != ["client_credentials"]:
            return HTTPStatus.BAD_REQUEST, {"error": "unsupported_grant_type"}
        if self.clients.get(client) != secret:
            return HTTPStatus.UNAUTHORIZED, {"error": "invalid_client", "error_description": "Bad credentials"}
        self.scopes.append(form.get("scope", [None])[0])
        return HTTPStatus.OK, {
            "access_token": self.token(client),
            "token_type": "bearer",
            "expires_in": int(self.lifetime_s),
        }


@contextmanager
def serving(provider: IdentityProvider) -> Iterator[str]:
    """Serve it while the block runs; gives the token endpoint."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", "0"))).decode()
            status, said = provider.answer(self.headers.get("Authorization", ""), parse_qs(body))
            data = orjson.dumps(said)
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's name
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        provider.url = f"http://127.0.0.1:{server.server_port}/oauth/token"
        try:
            yield provider.url
        finally:
            server.shutdown()
            thread.join()
