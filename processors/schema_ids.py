"""Makes the schemas of frames known before they are decoded: waits for the registry, and is patient with new ids."""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
from random import Random

import structlog

from plumbing.backoff import Backoff
from plumbing.clock import Clock
from schemas.codec import HEADER_BYTES, Codec, UndecodableError, UnknownSchemaError

_log = structlog.get_logger(__name__)

PATIENCE_S = 60.0
"""A replica of the registry may be behind the one that gave the id. They follow a Kafka topic or a database within
seconds; a minute covers one that has just started."""

ASK_AGAIN_S = 60.0
"""An id that was given up is asked for once in this time, without waiting: it may have been registered after all."""

FORGET_S = 3600.0
"""An id given up that nobody has used for so long is new again. Headers of garbage must not stay for ever."""


@dataclass(frozen=True)
class _Unknown:
    """An id that the registry does not know: since when it says so, and when it is asked again. Monotonic seconds."""

    since: float
    ask_at: float
    reason: str


class SchemaIds:
    """Asks the registry for ids that are new to a codec, off the event loop.

    Several may ``learn`` at once: an id's time runs once for all of them.
    """

    def __init__(self, codec: Codec, clock: Clock, random: Random | None = None) -> None:
        self._codec = codec
        self._clock = clock
        self._random = random or Random()  # noqa: S311 - jitter
        self._backoff = Backoff(first_s=0.5, cap_s=15)
        self._unknown: dict[bytes, _Unknown] = {}

    async def learn(self, frames: Iterable[bytes]) -> dict[bytes, str]:
        """Return the headers of the frames that have no schema, and why; all others can be decoded now.

        Waits without end while the registry does not answer, and ``PATIENCE_S`` for the ids that it does not know:
        together, so a chunk full of garbage waits once. An id that was given up before costs no wait.
        """
        unread: dict[bytes, str] = {}
        heads = {frame[:HEADER_BYTES]: frame for frame in frames}
        heads = {head: frame for head, frame in heads.items() if not self._codec.known(frame)}
        attempt = 0
        while heads and (trouble := await self._round(heads, unread)) is not None:
            wait = self._backoff.delay(attempt, self._random)
            event, error = trouble
            _log.warning(event, error=str(error), retry_s=round(wait, 1))
            attempt += 1
            await self._clock.sleep(wait)
        return unread

    async def _round(self, heads: dict[bytes, bytes], unread: dict[bytes, str]) -> tuple[str, Exception] | None:
        """Ask once for each, and leave in ``heads`` what is to be asked again. Return what is waited for, and why."""
        trouble: tuple[str, Exception] | None = None
        for head, frame in list(heads.items()):
            try:
                reason = await self._ask(head, frame)
            except UnknownSchemaError as error:
                trouble = "the schema registry does not know a schema id yet", error
                continue
            except Exception as error:  # noqa: BLE001 - whatever the registry's client raises may heal
                self._unknown.pop(head, None)  # who has been away may be another, or know more
                return "the schema registry does not answer", error
            del heads[head]
            if reason is not None:
                unread[head] = reason
        return trouble

    async def _ask(self, head: bytes, frame: bytes) -> str | None:
        """Return why there is no schema, None when it is known. Raise UnknownSchemaError while it may still come."""
        unknown = self._unknown.get(head)
        if unknown is not None and self._clock.monotonic() < unknown.ask_at:
            return unknown.reason
        try:
            await asyncio.to_thread(self._codec.decode, frame)
        except UnknownSchemaError as error:
            if not self._given_up(head, str(error)):
                raise
            return str(error)
        except UndecodableError as error:
            if not self._codec.known(frame):
                return str(error)
        self._unknown.pop(head, None)
        return None

    def _given_up(self, head: bytes, reason: str) -> bool:
        """Note that an id is unknown, and say whether it was so for long enough."""
        now = self._clock.monotonic()
        known = self._unknown.get(head)
        since = now if known is None else known.since
        over = now - since >= PATIENCE_S
        self._unknown[head] = _Unknown(since, now + ASK_AGAIN_S if over else now, reason)
        if over:
            _log.warning("a schema id is given up: its records go to the dead letters", reason=reason)
            self._unknown = {key: one for key, one in self._unknown.items() if one.ask_at > now - FORGET_S}
        return over
