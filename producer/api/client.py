"""One foundation's Cloud Controller over HTTP: finds its UAA, holds the token, turns trouble into our errors.

No retries here (see ``patience``), but for one: a 401 in mid-run logs in anew and asks once more.
"""

import asyncio
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urljoin, urlsplit

import httpx

from plumbing.clock import Clock
from producer.api import oauth
from producer.api.answer import Answer, read
from producer.api.budget import Budget
from producer.api.errors import ApiError, RefusedError, RetriableError, TokenRefusedError, UntrustedError
from producer.api.watch import Watch

Params = Mapping[str, str | int]


@dataclass(frozen=True)
class Links:
    """Where things are, from ``/``. ``v2`` is False where the operator has switched v2 off."""

    login: str
    v3: bool
    v2: bool


class CloudController:
    """Reads JSON from one Cloud Controller. One token for all requests, renewed early, by one of them only."""

    def __init__(
        self,
        api: str,
        credentials: oauth.Credentials,
        *,
        http: httpx.AsyncClient,
        clock: Clock,
        budget: Budget | None = None,
        watch: Watch | None = None,
    ) -> None:
        self.api = api.rstrip("/")
        self._credentials = credentials
        self._http = http
        self._clock = clock
        self._budget = budget or Budget()
        self._watch = watch or Watch()
        self._links: Links | None = None
        self._token: oauth.Token | None = None
        self._login = asyncio.Lock()

    @property
    def token(self) -> oauth.Token | None:
        """The token in use."""
        return self._token

    async def links(self) -> Links:
        """Return what ``/`` says; asked once."""
        if self._links is None:
            answer = await self._request("/", "GET /", {}, authorized=False)
            self._links = _links(answer.body)
        return self._links

    async def get(self, path: str, params: Params | None = None) -> Answer:
        """Return the answer to an authorized GET of a path or of a full URL of the same origin. Raise ApiError."""
        url = self.resolve(path)
        what = f"GET {urlsplit(url).path}"
        token = await self._valid_token(None)
        try:
            return await self._request(url, what, params or {}, token=token)
        except TokenRefusedError:
            token = await self._valid_token(token)
            return await self._request(url, what, params or {}, token=token)

    async def log_in(self) -> None:
        """Get a token now and check what it may read. Raise ApiError."""
        await self._valid_token(self._token)

    def resolve(self, link: str) -> str:
        """Return the full URL of a path or link. Raise RefusedError for another origin: the token stays here."""
        url = urljoin(self.api + "/", link)
        if _origin(url) != _origin(self.api):
            raise RefusedError(
                f"the link to {_origin(url)} leaves {_origin(self.api)} and is not followed with the token", 0, None
            )
        return url

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def _valid_token(self, refused: oauth.Token | None) -> oauth.Token:
        """Return a token that is not ``refused`` and not due for renewal; the first caller fetches it for all."""
        token = self._token
        if token is not None and token is not refused and self._clock.now() < token.renew_at:
            return token
        async with self._login:
            token = self._token
            if token is not None and token is not refused and self._clock.now() < token.renew_at:
                return token
            try:
                self._token = await self._converse(token)
            except RetriableError:
                if token is None or token is refused or self._clock.now() >= token.expires_at:
                    raise
                # The UAA is away; what we have is good for a while yet.
                return token
            self._watch.token(self._token)
            return self._token

    async def _converse(self, last: oauth.Token | None) -> oauth.Token:
        endpoint = (await self.links()).login.rstrip("/") + "/oauth/token"
        self._credentials = self._credentials.renewed()
        dialogue = oauth.login(self._credentials, last)
        form = next(dialogue)
        try:
            while True:
                form = dialogue.send(await self._post(endpoint, form))
        except StopIteration as end:
            token: oauth.Token = end.value
        # A token that sees only part must not be used: an empty list would look healthy.
        oauth.check_scopes(token)
        return token

    async def _post(self, endpoint: str, form: oauth.Form) -> oauth.Reply:
        auth = httpx.BasicAuth(form.client_id, form.client_secret)
        response = await self._send(
            "UAA token", "POST", endpoint, data=dict(form.fields), auth=auth, headers={"Accept": "application/json"}
        )
        return oauth.Reply(response.status_code, response.headers, response.content, self._clock.now())

    async def _request(
        self, url: str, what: str, params: Params, *, token: oauth.Token | None = None, authorized: bool = True
    ) -> Answer:
        headers = {"Accept": "application/json"}
        if authorized and token is not None:
            headers["Authorization"] = f"bearer {token.access}"
            await self._budget.wait(self._clock)
        response = await self._send(what, "GET", self.resolve(url), params=dict(params) or None, headers=headers)
        self._budget.learn(response.headers, self._clock.now())
        self._watch.budget(self._budget.remaining)
        return read(response.status_code, response.headers, response.content, what=what, now=self._clock.now())

    async def _send(self, what: str, method: str, url: str, **more: Any) -> httpx.Response:
        started = time.perf_counter()
        try:
            response = await self._http.request(method, url, follow_redirects=False, **more)
        except httpx.InvalidURL as error:
            raise RefusedError(f"{what}: {url} is no URL", 0, None) from error
        except httpx.HTTPError as error:
            self._watch.request(what, "error", time.perf_counter() - started)
            distrust = _distrust(error, url)
            if distrust is not None:
                raise distrust from error
            reason = str(error) or type(error).__name__
            raise RetriableError(f"{what}: no answer from {_origin(url)} ({reason})") from error
        self._watch.request(what, str(response.status_code), time.perf_counter() - started)
        return response


def http_client(ca_file: Path | None, *, timeout_s: float, verify: bool = True) -> httpx.AsyncClient:
    """Return the HTTP client: keep-alive, gzip, no redirects, no retries.

    Raise ApiError for a CA file that cannot be read.
    """
    context: ssl.SSLContext | bool = verify
    if ca_file is not None and verify:
        try:
            context = ssl.create_default_context(cafile=str(ca_file))
        except (OSError, ssl.SSLError) as error:
            raise ApiError(f"CFSTREAM_CF_CA_FILE: cannot use {ca_file} ({error})") from error
    timeout = httpx.Timeout(timeout_s, connect=min(timeout_s, 10.0))
    limits = httpx.Limits(max_connections=8, max_keepalive_connections=8, keepalive_expiry=60)
    return httpx.AsyncClient(
        verify=context, timeout=timeout, limits=limits, follow_redirects=False, headers={"User-Agent": "cfstream"}
    )


def _distrust(error: BaseException | None, url: str) -> UntrustedError | None:
    """Return what to say of a certificate that is refused; None where something else went wrong."""
    while error is not None:
        if isinstance(error, ssl.SSLCertVerificationError):
            mend = "set CFSTREAM_CF_CA_FILE to the PEM file of the authority that signed it"
            if error.verify_code in _WRONG_NAME:
                mend = "address the server in CFSTREAM_CF_API as its certificate names it"
            reason = error.verify_message.rstrip(".")
            return UntrustedError(f"the certificate of {_origin(url)} is not trusted ({reason}): {mend}")
        error = error.__cause__ or error.__context__
    return None


_WRONG_NAME = {62, 64}
"""X509_V_ERR_HOSTNAME_MISMATCH, X509_V_ERR_IP_ADDRESS_MISMATCH (openssl/x509_vfy.h)."""


def _origin(url: str) -> str:
    parts = urlsplit(url)
    port = parts.port or {"http": 80, "https": 443}.get(parts.scheme, 0)
    return f"{parts.scheme}://{parts.hostname}:{port}"


def _links(body: Mapping[str, Any]) -> Links:
    links = body.get("links")
    if not isinstance(links, dict):
        raise RetriableError("GET /: the answer has no links; is this a Cloud Controller? Check CFSTREAM_CF_API")

    def href(name: str) -> str | None:
        link = links.get(name)
        found = link.get("href") if isinstance(link, dict) else None
        return found if isinstance(found, str) and found else None

    login = href("login") or href("uaa")
    if login is None:
        raise RetriableError("GET /: neither a login nor a uaa link; check CFSTREAM_CF_API")
    return Links(login, href("cloud_controller_v3") is not None, href("cloud_controller_v2") is not None)
