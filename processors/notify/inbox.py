"""What the notifier reads: the alerts from where it left off, and small topics whole from their beginnings."""

from collections.abc import Iterable
from typing import NamedTuple

import structlog
from confluent_kafka import OFFSET_BEGINNING, OFFSET_END, Consumer, KafkaError, KafkaException, TopicPartition

from plumbing.errors import CfstreamError
from plumbing.kafka import ClientConfig
from schemas.topics import Topic

_log = structlog.get_logger(__name__)
_TIMEOUT_S = 15.0


class Item(NamedTuple):
    """One committed record."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None


class Inbox:
    """A consumer with all partitions assigned to it by hand: only the leader reads.

    ``resumed`` topics begin at the committed offset of the group, else at their beginning; ``news`` likewise, but
    else at their end; ``whole`` ones always at their beginning. All calls block; one thread at a time may make them.
    """

    def __init__(
        self,
        client: ClientConfig,
        group: str,
        *,
        resumed: Iterable[Topic],
        whole: Iterable[Topic],
        news: Iterable[Topic] = (),
    ) -> None:
        self._consumer = Consumer(
            client
            | {
                "group.id": group,
                "enable.auto.commit": False,
                "isolation.level": "read_committed",
                "auto.offset.reset": "earliest",
                "enable.partition.eof": True,
                "fetch.wait.max.ms": 100,
            }
        )
        self._news = [topic.name for topic in news]
        self._resumed = [topic.name for topic in resumed] + self._news
        self._whole = [topic.name for topic in whole]
        self._places: list[tuple[str, int]] = []
        self._unread: set[tuple[str, int]] = set()
        self._positions: dict[tuple[str, int], int] = {}
        self._committed: dict[tuple[str, int], int] = {}
        self._notes: dict[tuple[str, int], str] = {}

    def open(self) -> None:
        """Look up where to begin. Raise CfstreamError when Kafka does not answer."""
        try:
            places = [place for name in (*self._resumed, *self._whole) for place in self._partitions(name)]
            resumed = [place for place in places if place.topic in self._resumed]
            for place in self._consumer.committed(resumed, timeout=_TIMEOUT_S) if resumed else []:
                if place.offset >= 0:
                    self._committed[place.topic, place.partition] = place.offset
                    self._notes[place.topic, place.partition] = place.metadata or ""
        except KafkaException as error:
            raise CfstreamError(f"Kafka does not answer: {error.args[0].str()}") from error
        for place in places:
            first = OFFSET_END if place.topic in self._news else OFFSET_BEGINNING
            place.offset = self._committed.get((place.topic, place.partition), first)
        self._places = [(place.topic, place.partition) for place in places]
        self._unread = set(self._places)
        self._consumer.assign(places)

    @property
    def loaded(self) -> bool:
        """Whether each partition was read to its end once."""
        return not self._unread

    def partitions(self, topic: str) -> list[int]:
        """Return the partitions of a topic that are read."""
        return [number for name, number in self._places if name == topic]

    def position(self, topic: str, partition: int) -> int:
        """Return the offset up to which a partition was read."""
        return self._positions.get((topic, partition), self._committed.get((topic, partition), 0))

    def note(self, topic: str, partition: int) -> str:
        """Return what was noted beside the committed offset of a partition; empty where nothing was."""
        return self._notes.get((topic, partition), "")

    def read(self, timeout_s: float) -> list[Item]:
        """Return what has come; waits so long at most. Raise CfstreamError on a fatal fault."""
        items: list[Item] = []
        for message in self._consumer.consume(1000, timeout=timeout_s):
            place = (message.topic() or "", message.partition() or 0)
            error = message.error()
            if error is not None:
                self._trouble(error, place, message.offset())
                continue
            offset = message.offset() or 0
            self._positions[place] = offset + 1
            items.append(Item(*place, offset, _bytes(message.key()), _bytes(message.value())))
        return items

    def commit(self, floors: dict[tuple[str, int], int], notes: dict[tuple[str, int], str] | None = None) -> None:
        """Commit for each resumed partition its floor, or what was read where it has none, and its note beside it."""
        offsets = []
        for place, position in self._positions.items():
            if place[0] not in self._resumed:
                continue
            offset = min(position, floors.get(place, position))
            note = (notes or {}).get(place, "")
            if (self._committed.get(place), self._notes.get(place, "")) != (offset, note):
                self._committed[place], self._notes[place] = offset, note
                offsets.append(TopicPartition(*place, offset, note))
        if not offsets:
            return
        try:
            self._consumer.commit(offsets=offsets, asynchronous=False)
        except KafkaException as error:
            # Nothing is lost: what is not committed is read again.
            for place_ in offsets:
                self._committed.pop((place_.topic, place_.partition), None)
            _log.warning("positions were not committed", error=error.args[0].str())

    def close(self) -> None:
        """Stop reading."""
        self._consumer.close()

    def _partitions(self, name: str) -> list[TopicPartition]:
        found = self._consumer.list_topics(name, timeout=_TIMEOUT_S).topics[name]
        if found.error is not None or not found.partitions:
            raise CfstreamError(f"there is no topic {name}; create the topics with: cfstream topics apply")
        return [TopicPartition(name, number) for number in found.partitions]

    def _trouble(self, error: KafkaError, place: tuple[str, int], offset: int | None) -> None:
        if error.code() == KafkaError._PARTITION_EOF:
            self._unread.discard(place)
            if offset is not None and offset >= 0:
                self._positions[place] = max(offset, self._positions.get(place, 0))
        elif error.fatal():
            raise CfstreamError(f"Kafka's client has given up: {error.str()}")
        else:
            _log.warning("Kafka reports", error=error.str())


def _bytes(data: str | bytes | None) -> bytes | None:
    return data.encode() if isinstance(data, str) else data
