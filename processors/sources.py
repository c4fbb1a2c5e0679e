"""Are the source topics still the ones that the tables were made from? Offsets say nothing in another topic.

Offsets tell the tables what they have applied. In a topic that was deleted and made anew the old offsets come again,
and every row would be taken for one that is known. Kafka gives each topic an id that never comes again: the tables
remember it, and a worker looks at it at its start and all the time.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping

import structlog
from confluent_kafka import KafkaError, KafkaException, TopicCollection
from confluent_kafka.admin import AdminClient
from faust.types import TP

from plumbing.errors import CfstreamError

_log = structlog.get_logger(__name__)

LOOK_S = 5.0
ANSWER_S = 10.0
SPARE_S = 5.0
"""The client itself gives up after ``ANSWER_S``; its answer says why, so it is waited for."""

_MEND = (
    "Stop the workers, delete their tables (the topics whose names end in app-state, worker-progress and "
    "usage-partials) and start again; then take a snapshot"
)


class MadeAnewError(CfstreamError):
    """A source topic was deleted and made anew: the tables do not belong to it."""


class UnseenError(CfstreamError):
    """Kafka did not say which topics it has."""


class Sources:
    """The source topics by name, and the id that Kafka gives each. ``ids`` is one mapping, and grows by ``look``."""

    def __init__(self, admin: AdminClient, names: Iterable[str]) -> None:
        self._admin = admin
        self._names = list(names)
        self.ids: dict[str, str] = {}

    async def look(self) -> None:
        """Ask for the ids. Raise MadeAnewError when one has changed, UnseenError when no broker answers."""
        try:
            found = await asyncio.to_thread(self._ask)
        except (KafkaException, TimeoutError) as error:
            raise UnseenError(f"the source topics cannot be looked at: {error}") from error
        refuse_other_topics(self.ids, found)
        self.ids.update(found)

    async def watch(self, crash: Callable[[BaseException], Awaitable[None]]) -> None:
        """Look for ever; tell ``crash`` of a topic that was made anew."""
        while True:
            await asyncio.sleep(LOOK_S)
            try:
                await self.look()
            except MadeAnewError as error:
                await crash(error)
                return
            except UnseenError as error:
                _log.debug("could not look at the source topics", reason=str(error))

    def _ask(self) -> dict[str, str]:
        found: dict[str, str] = {}
        asked = self._admin.describe_topics(TopicCollection(self._names), request_timeout=ANSWER_S)
        for name, future in asked.items():
            try:
                found[name] = str(future.result(ANSWER_S + SPARE_S).topic_id)
            except KafkaException as error:
                if error.args[0].code() != KafkaError.UNKNOWN_TOPIC_OR_PART:
                    raise
                # Gone for now, perhaps; should it come back, it has another id.
                _log.warning("a source topic cannot be looked at", topic=name, reason=error.args[0].str())
        return found


def refuse_other_topics(remembered: Mapping[str, str], found: Mapping[str, str]) -> None:
    """Raise MadeAnewError when a topic has another id than the one remembered."""
    for name, identity in remembered.items():
        if found.get(name, identity) != identity:
            raise MadeAnewError(f"{name} was deleted and made anew: the tables hold rows of the old one. {_MEND}")


def refuse_shorter(known: Mapping[TP, int], ends: Mapping[TP, int]) -> None:
    """Raise MadeAnewError when a source ends before what the tables have applied of it, whatever its id says."""
    for tp, position in known.items():
        if ends.get(tp, position) < position:
            raise MadeAnewError(
                f"{tp.topic}/{tp.partition} ends at {ends[tp]}, but the tables have applied it up to {position}: the "
                f"topic was made anew. {_MEND}"
            )
