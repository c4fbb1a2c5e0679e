"""A receiver's own queue and tries: a slow or dead receiver holds up nobody else."""

import asyncio
from collections.abc import Awaitable, Callable
from random import Random

import structlog

from plumbing.backoff import Backoff
from plumbing.clock import Clock
from plumbing.errors import UsageError
from processors.notify.batch import Batch
from processors.notify.config import Receiver
from processors.notify.requests import request
from processors.notify.sender import Outcome, Post

Done = Callable[[Batch, Outcome], Awaitable[None]]
"""Writes the end of a notification down; durable when it returns."""

MAX_WAITING = 1000
"""Notifications that wait for one receiver. The engine keeps one in flight a group, so this bounds groups."""
TRIES_AT_ONCE = 4
"""So that one message that a service chokes on does not block the rest. After a kill at most so many notifications of
a receiver are sent again: each takes the next one only when the end of the last is written down."""

_BURST = 10
"""Requests that may go out at once after a quiet time; chat services allow short bursts."""

log = structlog.get_logger(__name__)


class Pace:
    """At most so many requests a second, after a short burst. One for each URL."""

    def __init__(self, per_second: float, clock: Clock) -> None:
        self._gap_s = 1 / per_second
        self._clock = clock
        self._next = clock.monotonic() - _BURST * self._gap_s

    async def turn(self) -> None:
        """Wait for a turn."""
        now = self._clock.monotonic()
        at = max(now, self._next)
        self._next = max(self._next, now - _BURST * self._gap_s) + self._gap_s
        if at > now:
            await self._clock.sleep(at - now)

    def hold(self, seconds: float) -> None:
        """Let nobody have a turn for so long: the service asked for it."""
        self._next = max(self._next, self._clock.monotonic() + seconds)


class Lane:
    """Sends the notifications of one receiver; each ends in exactly one call of ``done``, which is waited for."""

    def __init__(
        self,
        receiver: Receiver,
        post: Post,
        done: Done,
        *,
        pace: Pace,
        clock: Clock,
        random: Random,
        external_url: str | None = None,
        backoff: Backoff | None = None,
    ) -> None:
        self._receiver = receiver
        self._post = post
        self._done = done
        self._pace = pace
        self._clock = clock
        self._random = random
        self._external_url = external_url
        self._backoff = backoff or Backoff(first_s=1, cap_s=60)
        self._queue: asyncio.Queue[Batch] = asyncio.Queue(MAX_WAITING)
        self._gone: str | None = None

    @property
    def waiting(self) -> int:
        """How many notifications wait."""
        return self._queue.qsize()

    @property
    def full(self) -> bool:
        """Whether no more can be taken now."""
        return self._queue.full()

    async def put(self, batch: Batch) -> None:
        """Take a notification; never waits for room. Where too many wait already, it is given up at once."""
        try:
            self._queue.put_nowait(batch)
        except asyncio.QueueFull:
            await self._done(batch, Outcome("refused", f"{MAX_WAITING} notifications wait for this receiver already"))

    async def run(self) -> None:
        """Send until cancelled."""
        async with asyncio.TaskGroup() as group:
            for _ in range(TRIES_AT_ONCE):
                group.create_task(self._work())

    async def _work(self) -> None:
        while True:
            batch = await self._queue.get()
            await self._done(batch, await self._deliver(batch))

    async def _deliver(self, batch: Batch) -> Outcome:
        until = self._clock.monotonic() + self._receiver.give_up_after
        attempt = 0
        while True:
            outcome = await self._try(batch)
            if outcome.verdict != "retry":
                return outcome
            wait_s = max(outcome.wait_s or 0, self._backoff.delay(attempt, self._random))
            if outcome.wait_s:
                self._pace.hold(outcome.wait_s)
            attempt += 1
            if self._clock.monotonic() + wait_s > until:
                return Outcome("refused", f"given up after {attempt} tries; the last one: {outcome.reason}")
            log.warning("notification to be tried again", receiver=self._receiver.name, reason=outcome.reason)
            await self._clock.sleep(wait_s)

    async def _try(self, batch: Batch) -> Outcome:
        try:
            made = request(self._receiver, batch, external_url=self._external_url, now=self._clock.now())
        except UsageError as error:  # a secret's file may be there again in a moment
            return Outcome("retry", str(error))
        if made.url == self._gone:
            return Outcome("gone", "this webhook answered 410 before; set its new URL")
        await self._pace.turn()
        outcome = await self._post(made, timeout_s=self._receiver.timeout)
        if outcome.verdict == "gone":
            self._gone = made.url
        return outcome
