"""How long to wait before the next attempt: exponential, jittered, capped, without end."""

from dataclasses import dataclass
from random import Random


@dataclass(frozen=True)
class Backoff:
    """Full jitter over an exponentially growing ceiling.

    The n-th wait is uniform in [ceiling/2, ceiling] with ceiling = min(``cap_s``, ``first_s`` x 2^n): the lower half
    is left out so that a wait is never nothing.
    """

    first_s: float = 0.5
    cap_s: float = 60.0

    def delay(self, attempt: int, random: Random) -> float:
        """Return the seconds to wait after the ``attempt``-th failure in a row, counted from 0."""
        ceiling = min(self.cap_s, self.first_s * 2.0 ** min(attempt, 32))
        return ceiling / 2 + random.random() * ceiling / 2
