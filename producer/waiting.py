"""Ends what waits when the process is told to end."""

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

T = TypeVar("T")


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
