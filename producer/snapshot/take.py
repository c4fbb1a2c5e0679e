"""Takes a snapshot: reads it whole and encodes it, ready for one transaction. All of it goes out, or nothing."""

import uuid
from dataclasses import dataclass

from producer.publish.batch import Message
from producer.snapshot import read
from schemas.codec import Encoder


@dataclass(frozen=True)
class Snapshot:
    """An encoded snapshot: its records, then an end marker on each partition."""

    snapshot_id: str
    reason: str
    observed_at: int
    records: int
    messages: list[Message]


async def take(source: read.Source, encode: Encoder, partitions: int) -> Snapshot:
    """Read and encode a snapshot, filtered as the rows of the feeds are: what no row would end must not begin.

    Holds the encoded records (about 250 bytes each) and the names of apps in memory.
    """
    at = await read.observed_at(source)
    snapshot_id = str(uuid.uuid4())
    messages: list[Message] = []
    async for record in read.records(source, snapshot_id, at):
        if not source.filters.wants(record):
            continue
        key = record["app_guid"]
        messages.append({"key": None if key is None else key.encode(), "value": encode(record)})
    total = len(messages)
    end = encode(read.end_marker(source, snapshot_id, at, await read.server_time(source), total))
    messages += [{"value": end, "partition": partition} for partition in range(partitions)]
    return Snapshot(snapshot_id, source.reason, at, total, messages)
