"""Dead letters of the producer: what they hold, and reading them again after a fix, each exactly once.

What was replayed is kept as offsets in a checkpoint of its own, committed with the records.
"""

import json
from collections.abc import Iterator
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
from producer.publish.batch import Message
from producer.publish.transaction import DoubtError, Publisher
from producer.settings import FEEDS, Foundation, ProducerSettings
from schemas.codec import UndecodableError
from schemas.reader import rows
from schemas.records import DeadLetter

REPLAYED = "dead-letters.replayed"
"""In the place of a feed's name: which dead letters were replayed."""

_BATCH = 1000


@dataclass(frozen=True)
class Letter:
    """A dead letter and where it lies."""

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
    for row in rows(client_config(settings), assemble.topics_of(settings, prefix).dead_letters.name):
        if row.value is None:
            continue
        try:
            yield Letter(row.offset, cast("DeadLetter", codec.decode(row.value)))
        except UndecodableError:
            continue


def replay(settings: ProducerSettings, foundation: Foundation, *, feed: str | None, dry_run: bool) -> Outcome:
    """Read the letters of a foundation again and publish those that can be read now. Blocks.

    Raise CfstreamError when a commit is in doubt: run it again, nothing is sent twice.
    """
    ports = ports_of(settings)
    topics = assemble.topics_of(settings, foundation.topic_prefix)
    batchers = {name: assemble.batcher(foundation, name, settings, topics, ports) for name in FEEDS}
    targets = {FEEDS[0]: topics.usage.name, FEEDS[1]: topics.audit.name}
    publisher = Publisher(client_config(settings), f"{topics.prefix}producer.{foundation.name}.replay")
    outcome = Outcome()
    try:
        publisher.start()
        found = checkpoints(settings, foundation.topic_prefix, ports.codec)
        state = state_of(found, foundation.name, REPLAYED) or TailState(ends_at=0)
        done = set(_offsets(state.position.seen))
        waiting: dict[str, list[Message]] = {}
        new: list[int] = []

        def commit() -> None:
            nonlocal waiting, new, state
            if new and not dry_run:
                state = replace(
                    state, position=_position(done), rows=state.rows + len(new), sequence=state.sequence + 1
                )
                record = checkpoint.to_record(state, foundation.name, REPLAYED, SystemClock().now())
                encode = ports.codec.encoder(topics.checkpoints.name, topics.checkpoints.schema)
                key = checkpoint.key(foundation.name, REPLAYED).encode()
                publisher.publish(waiting, (topics.checkpoints.name, {"key": key, "value": encode(record)}))
            waiting, new = {}, []

        for each in letters(settings, foundation.topic_prefix):
            letter = each.letter
            ours = letter["stage"] == "producer" and letter["foundation"] == foundation.name
            if not ours or letter["feed"] not in targets or feed not in (None, letter["feed"]):
                outcome.others += 1
            elif each.offset in done:
                outcome.before += 1
            else:
                version: Version = "v2" if letter["api_version"] == "v2" else "v3"
                batch = batchers[letter["feed"]].batch([_row(letter["body"])], version, letter["position"], 0)
                if not batch.messages:
                    outcome.unreadable += 1
                    continue
                waiting.setdefault(targets[letter["feed"]], []).extend(batch.messages)
                done.add(each.offset)
                new.append(each.offset)
                outcome.replayed += 1
                if len(new) >= _BATCH:
                    commit()
        commit()
    except DoubtError as error:
        raise CfstreamError(f"Kafka: {error}; run it again, nothing is sent twice") from error
    finally:
        publisher.discard()
    return outcome


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
