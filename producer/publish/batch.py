"""Rows of one page to Kafka messages: parse, filter, encode; what cannot be read becomes a dead letter."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from producer.feeds.dialect import Version, head
from producer.parse import audit, usage
from producer.parse.fields import Row, RowError
from producer.parse.privacy import Privacy, redact_urls, scrub_row
from producer.publish.reason import why
from schemas.codec import Encoder
from schemas.records import AppUsageEvent, AuditEvent, DeadLetter

LARGEST_VALUE = 900_000
"""Bytes of one value: a broker takes 1 MiB a message by default, headers and key with it."""

Message = dict[str, Any]
"""``key`` and ``value`` as bytes: what ``Producer.produce_batch`` takes."""

Parser = Callable[[Row, str, Privacy], AppUsageEvent] | Callable[[Row, str, Privacy], AuditEvent]

PARSERS: dict[tuple[str, Version], Parser] = {
    ("app-usage-events", "v3"): usage.from_v3,
    ("app-usage-events", "v2"): usage.from_v2,
    ("audit-events", "v3"): audit.from_v3,
    ("audit-events", "v2"): audit.from_v2,
}


@dataclass(frozen=True)
class Filters:
    """Rows that the operator wants; empty means all. Applied after reading, so that no cursor depends on them."""

    orgs: frozenset[str] = frozenset()
    spaces: frozenset[str] = frozenset()

    def wants(self, record: Mapping[str, Any]) -> bool:
        """Say whether a record is wanted."""
        if self.orgs and record["org_guid"] not in self.orgs:
            return False
        return not self.spaces or record["space_guid"] in self.spaces


@dataclass
class Batch:
    """What one page becomes: messages for the feed's topic and for the dead letters."""

    messages: list[Message] = field(default_factory=list)
    dead: list[Message] = field(default_factory=list)
    filtered: int = 0


@dataclass(frozen=True)
class Batcher:
    """Makes batches of one feed of one foundation."""

    foundation: str
    feed: str
    encode: Encoder
    encode_dead: Encoder
    keep: Privacy
    filters: Filters

    def batch(self, rows: list[Any], version: Version, position: str, now: int) -> Batch:
        """Parse and encode rows in order. ``position`` says in a dead letter where the page began; never raises."""
        parse = PARSERS[self.feed, version]
        foundation, keep, encode = self.foundation, self.keep, self.encode
        wants = self.filters.wants if self.filters.orgs or self.filters.spaces else None
        batch = Batch()
        messages = batch.messages
        for row in rows:
            record: Any = None
            try:
                record = parse(row, foundation, keep)
                if record["guid"] == "":
                    raise RowError("guid is empty")
                if wants is not None and not wants(record):
                    batch.filtered += 1
                    continue
                value = encode(record)
                key = (record["app_guid"] or record.get("target_guid") or record["guid"]).encode()
            except (KeyError, TypeError, ValueError, AttributeError, OverflowError, RecursionError) as error:
                batch.dead.append(self._dead(row, why(record, error), version, position, now))
                continue
            if len(value) > LARGEST_VALUE:
                reason = f"the record has {len(value)} bytes, {LARGEST_VALUE} is the most"
                batch.dead.append(self._dead(row, reason, version, position, now))
                continue
            messages.append({"key": key, "value": value})
        return batch

    def _dead(self, row: Any, reason: str, version: Version, position: str, now: int) -> Message:
        guid, _ = head(row, version)
        body = raw(row, self.keep)
        if len(body) > LARGEST_VALUE:
            reason = f"{reason}; the body is cut, ask for the event by its guid"
            body = body[:LARGEST_VALUE]
        letter: DeadLetter = {
            "foundation": self.foundation,
            "feed": self.feed,
            "stage": "producer",
            "reason": reason,
            "failed_at": now,
            "position": f"{'no guid' if guid is None else printable(guid)} in the page after {position}",
            "api_version": version,
            "key": None,
            "body": body,
        }
        return {"key": self.feed.encode(), "value": self.encode_dead(letter)}


def raw(row: Any, keep: Privacy) -> bytes:
    """Return a row as JSON, without credentials in URLs and without personal fields that are switched off."""
    kept = scrub_row(row, keep) if isinstance(row, dict) else row
    try:
        return redact_urls(orjson.dumps(kept).decode()).encode()
    except (TypeError, ValueError):
        # Half a surrogate pair: written as an escape.
        return redact_urls(json.dumps(kept)).encode()


def printable(text: str) -> str:
    """Return a text that UTF-8 can hold."""
    return text.encode("utf-8", "backslashreplace").decode()
