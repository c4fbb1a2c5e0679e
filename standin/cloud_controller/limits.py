"""Request limits: so many a window for every user (middleware/base_rate_limiter.rb)."""

import math

from standin.cloud_controller.options import RateLimit


class RequestCounter:
    """Counts requests by user in windows that start with a user's first request."""

    def __init__(self, header_suffix: str = "") -> None:
        self._suffix = header_suffix
        self._windows: dict[str, tuple[int, int]] = {}

    def count(self, user: str, limit: RateLimit, now_s: int) -> tuple[bool, dict[str, str]]:
        """Count one request; returns whether it is still allowed, and the headers to send.

        What remains is rounded down to whole tenths of the limit, as the real one estimates it over its
        several processes.
        """
        used, ends = self._windows.get(user, (0, 0))
        if now_s >= ends:
            used, ends = 0, now_s + limit.window_s
        used += 1
        self._windows[user] = used, ends
        share = math.floor((limit.requests - used) / limit.requests * 10) / 10 if limit.requests else 0
        headers = {
            f"X-RateLimit-Limit{self._suffix}": str(limit.requests),
            f"X-RateLimit-Remaining{self._suffix}": str(max(0, int(share * limit.requests))),
            f"X-RateLimit-Reset{self._suffix}": str(ends),
        }
        if used <= limit.requests:
            return True, headers
        return False, {**headers, "Retry-After": str(ends - now_s)}
