"""The rate limit, respected before it is used up: spreads requests by the headers that the server sends.

X-RateLimit-Limit, -Remaining and -Reset (a unix time); v2 adds ``-V2-API`` to each name.
"""

from collections.abc import Mapping

from plumbing.clock import SECOND, Clock
from producer.api.answer import http_date

RESERVE = 0.1
"""Part of the limit that is left to others who use the same client."""

LONGEST_WAIT_S = 60.0
"""A single wait; a reset far away is looked at again after this."""


class Budget:
    """What the server said last about our limit."""

    def __init__(self) -> None:
        self.limit: int | None = None
        self.remaining: int | None = None
        self._reset_at = 0

    def learn(self, headers: Mapping[str, str], now: int) -> None:
        """Take in the headers of an answer; those without a limit change nothing. ``now`` in microseconds."""
        for suffix in ("", "-v2-api"):
            limit = _number(headers.get(f"x-ratelimit-limit{suffix}"))
            remaining = _number(headers.get(f"x-ratelimit-remaining{suffix}"))
            if limit is not None and remaining is not None:
                reset = _number(headers.get(f"x-ratelimit-reset{suffix}"))
                self.limit, self.remaining = limit, remaining
                # The reset is a time of the server's clock.
                server_now = http_date(headers.get("date")) or now
                self._reset_at = now if reset is None else now + reset * SECOND - server_now

    def delay_s(self, now: int) -> float:
        """Return how long to wait before the next request so that the rest lasts until the reset."""
        if self.limit is None or self.remaining is None or now >= self._reset_at:
            return 0.0
        spare = self.remaining - self.limit * RESERVE
        left_s = (self._reset_at - now) / SECOND
        if spare > self.limit / 2:
            return 0.0
        return min(LONGEST_WAIT_S, left_s / spare if spare >= 1 else left_s)

    async def wait(self, clock: Clock) -> None:
        """Wait as long as the budget asks for."""
        delay = self.delay_s(clock.now())
        if delay > 0:
            await clock.sleep(delay)


def _number(text: str | None) -> int | None:
    try:
        return int(text) if text is not None else None
    except ValueError:
        return None
