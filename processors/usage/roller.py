"""Publishes the sums of all partitions, from the one worker that owns partition 0.

It reads the partials whole and follows them, so what it writes is a function of that topic alone. Should two workers
think that they are the one, both write the same in the end; and every sum is written once more some time later.
"""

import time
from collections.abc import Callable

from processors.follower import Follower
from processors.lane.writer import Writes
from processors.standstill import Standstill
from processors.usage.rollup import RollUp
from schemas.codec import Codec
from schemas.tables import UsageHour, UsageTotal
from schemas.topics import Topic, Topics

REWRITE_S = 600.0
EXPIRE_S = 60.0


class Roller:
    """Call ``step`` again and again; ``stand_down`` when partition 0 is not ours."""

    def __init__(
        self,
        *,
        topics: Topics,
        follower: Follower,
        codec: Codec,
        writer: Writes,
        standstill: Standstill,
        new_rollup: Callable[[], RollUp],
    ) -> None:
        self._topics = topics
        self._follower = follower
        self._codec = codec
        self._writer = writer
        self._standstill = standstill
        self._new_rollup = new_rollup
        self._rollup: RollUp | None = None
        self._encode_hour = codec.encoder(topics.usage_hours.name, topics.usage_hours.schema)
        self._total_topics: dict[str, Topic] = {
            "space": topics.space_usage,
            "org": topics.org_usage,
            "foundation": topics.foundation_usage,
        }
        self._encode_total = {
            scope: codec.encoder(topic.name, topic.schema) for scope, topic in self._total_topics.items()
        }
        self._written: dict[str, UsageTotal] = {}
        self._written_hours: dict[str, UsageHour] = {}
        self._rewritten = self._expired = time.monotonic()

    async def step(self, *, to_end: bool = False) -> None:
        """Read what is new and write the sums that changed; ``to_end``: all that is committed now.

        Raise InDoubtError before anything is written.
        """
        rollup = self._rollup
        if rollup is None:
            rollup = self._rollup = self._new_rollup()
            self._rewritten = time.monotonic()
            await self._follower.rewind()
            to_end = True
        pairs = await (self._follower.read_to_end() if to_end else self._follower.read())
        for key, frame in pairs:
            partial = None if frame is None else self._codec.decode(frame)
            rollup.take(key.decode(), partial)  # type: ignore[arg-type]  # the topic holds no other record
        self._standstill.refuse()
        wrote = False
        for total in rollup.changed_totals():
            self._total(total)
            self._written[f"{total['scope']}/{total['guid']}"] = total
            wrote = True
        for base, hour in rollup.changed_hours():
            self._standstill.working()
            self._hour(base, hour)
            self._written_hours[base] = hour
            wrote = True
        if self._housekeeping(rollup) or wrote:
            await self._writer.durable()

    def stand_down(self) -> None:
        """Forget everything: another worker publishes the sums now."""
        self._rollup = None
        self._written.clear()
        self._written_hours.clear()

    async def close(self) -> None:
        """Stop reading."""
        await self._follower.close()

    def _total(self, total: UsageTotal) -> None:
        topic = self._total_topics[total["scope"]]
        self._writer.write(topic.name, total["guid"].encode(), self._encode_total[total["scope"]](total))

    def _hour(self, key: str, hour: UsageHour) -> None:
        self._writer.write(self._topics.usage_hours.name, key.encode(), self._encode_hour(hour))

    def _housekeeping(self, rollup: RollUp) -> bool:
        now = time.monotonic()
        did = False
        if now - self._rewritten > REWRITE_S:
            self._rewritten = now
            for total in self._written.values():
                self._total(total)
            for key, hour in self._written_hours.items():
                self._hour(key, hour)
            did = bool(self._written or self._written_hours)
            self._written.clear()
            self._written_hours.clear()
        if now - self._expired > EXPIRE_S:
            self._expired = now
            for key in rollup.expired():
                self._writer.write(self._topics.partials.name, key.encode(), None)
                did = True
        return did
