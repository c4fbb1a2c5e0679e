"""Dead letters of the producer: what they hold, and reading them again after a fix, each exactly once.

What was replayed is kept as offsets in a checkpoint of its own, committed with the records.
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any, cast

import orjson

from plumbing.clock import SystemClock
from plumbing.errors import CfstreamError
from plumbing.kafka import client_config
from producer import assemble, checkpoint
from producer.checkpoint import TailState
from producer.feeds.dialect import Version
from producer.feeds.position import Position
from producer.feeds.seen import Seen
from producer.once import checkpoints, ports_of, state_of
from producer.publish.batch import Batcher, Message
from producer.publish.transaction import DoubtError, Publisher
from producer.settings import FEEDS, Foundation, ProducerSettings
from schemas.codec import UndecodableError
from schemas.reader import rows
from schemas.records import DeadLetter

REPLAYED = "dead-letters.replayed"
"""In the place of a feed's name: which dead letters were replayed."""

_BATCH = 1000

Ask = Callable[[str, str], Any]
"""Asks the Cloud Controller for the event of a feed by its guid; None where there is none. Blocks."""


@dataclass(frozen=True)
class Letter:
    """A dead letter and where it lies."""

    topic: str
    offset: int
    letter: DeadLetter


@dataclass
class Outcome:
    """Counts of a replay. ``before``: replayed earlier; ``others``: not the producer's, or of another foundation."""

    replayed: int = 0
    unreadable: int = 0
    before: int = 0
    others: int = 0


def letters(settings: ProducerSettings, prefix: str) -> Iterator[Letter]:
    """Yield all dead letters, oldest first; what is no DeadLetter is passed over. Blocks."""
    codec = ports_of(settings).codec
    topic = assemble.topics_of(settings, prefix).dead_letters.name
    for row in rows(client_config(settings), topic):
        if row.value is None:
            continue
        try:
            yield Letter(topic, row.offset, cast("DeadLetter", codec.decode(row.value)))
        except UndecodableError:
            continue


def replay(
    settings: ProducerSettings, foundation: Foundation, *, feed: str | None, dry_run: bool, ask: Ask | None = None
) -> Outcome:
    """Read the letters of a foundation again and publish those that can be read now. Blocks.

    With ``ask`` a letter whose body still cannot be read is asked for anew. Raise CfstreamError when a commit is in
    doubt: run it again, nothing is sent twice.
    """
    work = _Replay(settings, foundation, dry_run=dry_run, ask=ask)
    try:
        work.begin()
        for each in letters(settings, foundation.topic_prefix):
            work.take(each, feed)
        work.commit()
    except DoubtError as error:
        raise CfstreamError(f"Kafka: {error}; run it again, nothing is sent twice") from error
    finally:
        work.publisher.discard()
    return work.outcome


class _Replay:
    """One run over the dead letters of a foundation."""

    def __init__(self, settings: ProducerSettings, foundation: Foundation, *, dry_run: bool, ask: Ask | None) -> None:
        self._settings = settings
        self._foundation = foundation
        self._dry_run = dry_run
        self._ask = ask
        self._codec = ports_of(settings).codec
        ports = ports_of(settings)
        self._topics = assemble.topics_of(settings, foundation.topic_prefix)
        self._batchers: dict[str, Batcher] = {
            name: assemble.batcher(foundation, name, settings, self._topics, ports) for name in FEEDS
        }
        self._targets: dict[str, str] = {FEEDS[0]: self._topics.usage.name, FEEDS[1]: self._topics.audit.name}
        self._state = TailState(ends_at=0)
        self._done: set[int] = set()
        self._waiting: dict[str, list[Message]] = {}
        self._new = 0
        self.publisher = Publisher(client_config(settings), f"{self._topics.prefix}producer.{foundation.name}.replay")
        self.outcome = Outcome()

    def begin(self) -> None:
        """Fence another replay and learn what was replayed before."""
        self.publisher.start()
        found = checkpoints(self._settings, self._foundation.topic_prefix, self._codec)
        self._state = state_of(found, self._foundation.name, REPLAYED) or self._state
        self._state = replace(self._state, ends_at=0)
        self._done = set(_offsets(self._state.position.seen))

    def take(self, each: Letter, feed: str | None) -> None:
        """Read one letter again."""
        letter = each.letter
        ours = letter["stage"] == "producer" and letter["foundation"] == self._foundation.name
        if not ours or letter["feed"] not in self._targets or feed not in (None, letter["feed"]):
            self.outcome.others += 1
        elif each.offset in self._done:
            self.outcome.before += 1
        elif (messages := self._read(letter)) is None:
            self.outcome.unreadable += 1
        else:
            self._waiting.setdefault(self._targets[letter["feed"]], []).extend(messages)
            self._done.add(each.offset)
            self._new += 1
            self.outcome.replayed += 1
            if self._new >= _BATCH:
                self.commit()

    def commit(self) -> None:
        """Publish what was read since the last commit, together with its offsets."""
        if self._new and not self._dry_run:
            state = self._state
            self._state = replace(
                state, position=_position(self._done), rows=state.rows + self._new, sequence=state.sequence + 1
            )
            name = self._foundation.name
            record = checkpoint.to_record(self._state, name, REPLAYED, SystemClock().now())
            topic = self._topics.checkpoints
            value = self._codec.encoder(topic.name, topic.schema)(record)
            key = checkpoint.key(name, REPLAYED).encode()
            self.publisher.publish(self._waiting, (topic.name, {"key": key, "value": value}))
        self._waiting, self._new = {}, 0

    def _read(self, letter: DeadLetter) -> list[Message] | None:
        version: Version = "v2" if letter["api_version"] == "v2" else "v3"
        batcher = self._batchers[letter["feed"]]
        batch = batcher.batch([_row(letter["body"])], version, letter["position"], 0)
        guid = letter["position"].partition(" ")[0]
        if batch.dead and self._ask is not None and guid != "no":
            batch = batcher.batch([self._ask(letter["feed"], guid)], version, letter["position"], 0)
        return None if batch.dead else batch.messages


def _row(body: bytes) -> Any:
    try:
        return orjson.loads(body)
    except ValueError:
        pass
    try:
        return json.loads(body)
    except ValueError:
        return None


def _position(offsets: set[int]) -> Position:
    """Keep offsets as ranges, in the texts of a window's seconds."""
    ranges: list[list[int]] = []
    for offset in sorted(offsets):
        if ranges and ranges[-1][1] == offset - 1:
            ranges[-1][1] = offset
        else:
            ranges.append([offset, offset])
    return Position(seen=Seen(0, {first: frozenset({f"{last:016d}"}) for first, last in ranges}))


def _offsets(seen: Seen) -> Iterator[int]:
    for first, lasts in seen.by_second.items():
        for last in lasts:
            yield from range(first, int(last) + 1)
