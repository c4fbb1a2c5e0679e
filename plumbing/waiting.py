"""Waiting for what may heal, and ending what waits when the process is told to end."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from random import Random
from typing import TypeVar

import structlog
from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from plumbing.backoff import Backoff
from plumbing.clock import Clock
from plumbing.errors import AwayError
from plumbing.kafka import NoBrokerError, require_broker
from plumbing.settings import CommonSettings

T = TypeVar("T")
START = Backoff(first_s=1, cap_s=30)
"""Between two attempts at a start."""

_log = structlog.get_logger()


class StoppedError(Exception):
    """The process was told to end; nothing is left half done."""


async def unless_stopped(stop: asyncio.Event, awaitable: Awaitable[T]) -> T:
    """Return the awaitable's result, or cancel it and raise StoppedError as soon as ``stop`` is set."""
    work = asyncio.ensure_future(awaitable)
    if stop.is_set():
        work.cancel()
        raise StoppedError
    waiter = asyncio.ensure_future(stop.wait())
    try:
        await asyncio.wait({work, waiter}, return_when=asyncio.FIRST_COMPLETED)
        if work.done():
            return work.result()
        raise StoppedError
    finally:
        waiter.cancel()
        work.cancel()


@dataclass(frozen=True)
class Wait:
    """Waits at a start for what is away: if ``patient``, says so and tries again without end."""

    stop: asyncio.Event
    clock: Clock
    random: Random
    patient: bool

    async def for_answer(self, what: str, call: Callable[[], Awaitable[T]]) -> T:
        """Return what ``call`` returns.

        Raise its AwayError unless ``patient``, any other error at once, and StoppedError as soon as ``stop`` is set.
        """
        attempt = 0
        while True:
            try:
                return await unless_stopped(self.stop, call())
            except AwayError as error:
                if self.stop.is_set():
                    raise StoppedError from error
                if not self.patient:
                    raise
                delay = START.delay(attempt, self.random)
                _log.warning(
                    "no answer: trying again", what=what, reason=error.reason, hint=error.mend, in_s=round(delay, 1)
                )
                await unless_stopped(self.stop, self.clock.sleep(delay))
                attempt += 1

    async def for_broker(self, settings: CommonSettings, work: Callable[[AdminClient], T]) -> T:
        """Return what ``work`` returns; it is called in a thread, with an admin client whose broker has answered."""
        return await self.for_answer("Kafka", lambda: asyncio.to_thread(_once, settings, work, self.stop.is_set))


def _once(settings: CommonSettings, work: Callable[[AdminClient], T], given_up: Callable[[], bool]) -> T:
    admin = require_broker(settings, given_up=given_up)
    try:
        return work(admin)
    except KafkaException as error:
        raise NoBrokerError(f"Kafka: {error.args[0].str()}", "see the brokers' logs") from error
    except TimeoutError as error:  # the client's futures were not done in time
        raise NoBrokerError("Kafka: no answer in time", "see the brokers' logs") from error
