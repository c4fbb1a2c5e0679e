"""The one retry layer: waits and asks again, without end, for what may heal."""

from collections.abc import Awaitable, Callable
from random import Random
from typing import TypeVar

import structlog

from plumbing.backoff import Backoff
from plumbing.clock import Clock
from producer.api.errors import (
    ForbiddenError,
    LimitedError,
    LoginError,
    RetriableError,
    TokenRefusedError,
    UntrustedError,
)
from producer.api.watch import Watch

T = TypeVar("T")
log = structlog.get_logger()

LONG_WAIT = Backoff(first_s=5.0, cap_s=60.0)
"""For what a person has to mend: credentials, rights and trust that were lost in mid-run."""


class Patience:
    """Runs calls until they succeed. ``trouble`` is the sentence of the failure at hand, None when all is well."""

    def __init__(
        self, clock: Clock, random: Random, *, backoff: Backoff | None = None, watch: Watch | None = None
    ) -> None:
        self._clock = clock
        self._random = random
        self._backoff = backoff or Backoff()
        self._watch = watch or Watch()
        self.trouble: str | None = None

    async def until_done(self, call: Callable[[], Awaitable[T]]) -> T:
        """Return the call's result. RefusedError and all that is not ours pass through at once; cancellable.

        Never asks earlier than Retry-After says; a little later, so that many clients do not come at once.
        """
        attempt = 0
        while True:
            try:
                result = await call()
            except (RetriableError, TokenRefusedError, UntrustedError, ForbiddenError, LoginError) as error:
                self.trouble = str(error)
                delay = self._delay(error, attempt)
                log.warning(
                    "Cloud Controller: trying again", reason=str(error), in_s=round(delay, 1), attempt=attempt + 1
                )
                self._watch.retry(type(error).__name__)
                await self._clock.sleep(delay)
                attempt += 1
            else:
                if attempt:
                    log.info("Cloud Controller answers again", after_attempts=attempt)
                self.trouble = None
                return result

    def _delay(self, error: Exception, attempt: int) -> float:
        if isinstance(error, LimitedError) and error.after_s is not None:
            return error.after_s + self._backoff.delay(0, self._random)
        if isinstance(error, RetriableError):
            return self._backoff.delay(attempt, self._random)
        return LONG_WAIT.delay(attempt, self._random)
