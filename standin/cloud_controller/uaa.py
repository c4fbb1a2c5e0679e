"""The simulated UAA: three grants, refresh tokens that may rotate, errors in UAA's own shape."""

import base64
import secrets
from typing import Any
from urllib.parse import parse_qsl, unquote_plus

from standin.cloud_controller.clock import SECOND, SimClock
from standin.cloud_controller.http import Answer, Call, json_answer
from standin.cloud_controller.options import Options
from standin.cloud_controller.tokens import TokenSigner

CLI_CLIENT = "cf"
"""The command line's client: known everywhere, with an empty secret."""


def refusal(status: int, error: str, description: str) -> Answer:
    """Return an error as UAA gives it."""
    return json_answer({"error": error, "error_description": description}, status=status)


class Uaa:
    """Gives out tokens. ``tokens_given`` counts them, so that a test can see who logs in too often."""

    def __init__(self, options: Options, clock: SimClock) -> None:
        self.signer = TokenSigner(secrets.token_bytes(32))
        self.options = options
        self.tokens_given = 0
        self._clock = clock
        self._refresh_tokens: dict[str, str] = {}

    def revoke_all(self) -> None:
        """Void all access tokens and all refresh tokens."""
        self.signer.revoke_all()
        self._refresh_tokens.clear()

    def token(self, call: Call) -> Answer:
        """Answer ``POST /oauth/token``."""
        form = dict(parse_qsl(call.body.decode(errors="replace"), keep_blank_values=True))
        try:
            client, secret = _client(call, form)
        except ValueError:
            return refusal(401, "unauthorized", "Bad credentials")
        if not self._knows_client(client, secret):
            return refusal(401, "unauthorized", "Bad credentials")
        match form.get("grant_type", ""):
            case "client_credentials" if client != CLI_CLIENT:
                answer = self._give(client, user=None)
            case "client_credentials":
                answer = refusal(401, "unauthorized_client", "Unauthorized grant type: client_credentials")
            case "password":
                answer = self._log_in(client, form.get("username", ""), form.get("password", ""))
            case "refresh_token":
                answer = self._refresh(client, form.get("refresh_token", ""))
            case grant:
                answer = refusal(400, "unsupported_grant_type", f"Unsupported grant type: {grant}")
        return answer

    def login_info(self, call: Call) -> Answer:
        """Answer ``GET /login`` as a command line asks it."""
        return json_answer(
            {
                "app": {"version": "77.30.0"},
                "links": {"uaa": f"{call.base}/uaa", "login": f"{call.base}/uaa"},
                "zone_name": "uaa",
                "prompts": {"username": ["text", "Email"], "password": ["password", "Password"]},
            }
        )

    def _knows_client(self, client: str, secret: str) -> bool:
        known = {CLI_CLIENT: "", self.options.client_id: self.options.client_secret}
        return known.get(client) == secret

    def _log_in(self, client: str, username: str, password: str) -> Answer:
        if (username, password) != (self.options.username, self.options.password):
            return refusal(401, "unauthorized", "Bad credentials")
        return self._give(client, user=username)

    def _refresh(self, client: str, token: str) -> Answer:
        owner = self._refresh_tokens.get(token)
        if owner != client:
            return refusal(401, "invalid_token", "The token expired, was revoked, or the token ID is incorrect")
        if self.options.rotate_refresh_tokens:
            del self._refresh_tokens[token]
            return self._give(client, user=self.options.username)
        return self._give(client, user=self.options.username, refresh_token=token)

    def _give(self, client: str, *, user: str | None, refresh_token: str | None = None) -> Answer:
        now_s = self._clock.now() // SECOND
        life = self.options.token_lifetime_s
        claims: dict[str, Any] = {
            "jti": secrets.token_hex(16),
            "sub": user or client,
            "client_id": client,
            "cid": client,
            "azp": client,
            "scope": list(self.options.scopes),
            "grant_type": "password" if user else "client_credentials",
            "iat": now_s,
            "exp": now_s + life,
            "zid": "uaa",
            "aud": ["cloud_controller", client],
        }
        if user:
            claims |= {"user_id": user, "user_name": user, "email": user, "origin": "uaa"}
        self.tokens_given += 1
        answer = {
            "access_token": self.signer.sign(claims),
            "token_type": "bearer",
            "expires_in": life,
            "scope": " ".join(self.options.scopes),
            "jti": claims["jti"],
        }
        if user:
            refresh_token = refresh_token or f"{secrets.token_hex(16)}-r"
            self._refresh_tokens[refresh_token] = client
            answer["refresh_token"] = refresh_token
        return json_answer(answer)


def _client(call: Call, form: dict[str, str]) -> tuple[str, str]:
    """Return client and secret, from the basic authorization or from the form; ValueError when it is garbled."""
    scheme, _, encoded = call.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "basic":
        client, _, secret = base64.b64decode(encoded, validate=True).decode().partition(":")
        return unquote_plus(client), unquote_plus(secret)
    return form.get("client_id", ""), form.get("client_secret", "")
