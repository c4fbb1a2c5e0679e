"""How long recovery waits for an answer of Kafka before the worker ends."""

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

from plumbing.errors import CfstreamError

T = TypeVar("T")

ANSWER_S = 60.0
"""Shorter than Faust's own limit (``broker_request_timeout``, 90 s): after that one Faust takes the worker for stopped
and ends its recovery without a word. The worker would stay in the group and recover nothing ever again."""


class NoAnswerError(CfstreamError):
    """Kafka did not answer in time: the worker must end, and its successor asks anew."""


async def answered(what: str, answer: Awaitable[T]) -> T:
    """Wait for an answer. Raise NoAnswerError, which names ``what`` was asked, when it takes longer than ``ANSWER_S``.

    It is awaited in the caller's task: in another one it would end a moment later, and where both limits have passed
    when the process wakes up from a standstill, Faust's would come first.
    """
    try:
        async with asyncio.timeout(ANSWER_S):
            return await answer
    except TimeoutError as error:
        raise NoAnswerError(
            f"Kafka did not say for {ANSWER_S:.0f} s {what}: the worker must start anew. "
            "See whether all brokers are up and every partition has a leader"
        ) from error
