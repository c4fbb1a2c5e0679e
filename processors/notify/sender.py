"""One try of a request, and what its answer means. The only place that knows HTTP."""

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Literal, Protocol

import httpx
import orjson

from plumbing.clock import SECOND, Clock
from processors.notify.requests import Request

Verdict = Literal["delivered", "retry", "refused", "gone"]
LONGEST_WAIT_S = 3600.0
_TOO_MANY, _GONE = 429, 410
_AGAIN = frozenset({408, 425, _TOO_MANY})


@dataclass(frozen=True)
class Outcome:
    """How a try ended. ``reason`` is fit for logs: no URL in it. ``wait_s``: what the service asked to wait."""

    verdict: Verdict
    reason: str = ""
    wait_s: float | None = None


class Post(Protocol):
    """One try."""

    async def __call__(self, request: Request, *, timeout_s: float) -> Outcome:
        """Send a request once; never raises for what the other side does."""
        ...


class Sender:
    """Posts over one connection pool; does not follow redirects, and never shows a URL."""

    def __init__(self, clock: Clock, transport: httpx.AsyncBaseTransport | None = None) -> None:
        self._clock = clock
        self._client = httpx.AsyncClient(follow_redirects=False, transport=transport, trust_env=True)

    async def __call__(self, request: Request, *, timeout_s: float) -> Outcome:
        """Send a request once, within ``timeout_s`` in all."""
        try:
            async with asyncio.timeout(timeout_s):
                response = await self._client.post(request.url, content=request.body, headers=request.headers)
        except TimeoutError:
            return Outcome("retry", f"no answer within {timeout_s:g} s")
        except (httpx.InvalidURL, httpx.UnsupportedProtocol) as error:
            return Outcome("refused", f"the URL cannot be used ({type(error).__name__})")
        except httpx.HTTPError as error:
            return Outcome("retry", f"connection failed ({type(error).__name__})")
        return judge(response.status_code, dict(response.headers), response.content, self._clock.now())

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()


def judge(status: int, headers: dict[str, str], body: bytes, now: int) -> Outcome:
    """Return what an answer means. 429 and 5xx come again after what they ask for; other refusals are final."""
    if 200 <= status < 300:  # noqa: PLR2004 - HTTP's success
        return Outcome("delivered")
    said = f"answered {status}"
    if status == _GONE:
        return Outcome("gone", f"{said}: this webhook is no more")
    if status in _AGAIN or status >= 500:  # noqa: PLR2004 - HTTP's server errors
        return Outcome("retry", said, _asked_wait(headers, body, now))
    if 300 <= status < 400:  # noqa: PLR2004 - HTTP's redirects
        return Outcome("refused", f"{said}: redirects are not followed; set the URL it leads to")
    return Outcome("refused", said)


def _asked_wait(headers: dict[str, str], body: bytes, now: int) -> float | None:
    wait = _seconds(headers.get("retry-after", ""), now)
    if wait is None:  # Discord says it in the body, in seconds with a fraction
        try:
            answer = orjson.loads(body)
            wait = float(answer["retry_after"])
        except (orjson.JSONDecodeError, KeyError, TypeError, ValueError):
            return None
    return min(LONGEST_WAIT_S, max(0.0, wait))


def _seconds(text: str, now: int) -> float | None:
    try:
        return float(text)
    except ValueError:
        pass
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return (moment - datetime.fromtimestamp(now / SECOND, UTC)).total_seconds()
