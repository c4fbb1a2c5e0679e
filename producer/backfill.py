"""History before a tail's start: reads it up to where the tail begins, each row once, however often it is run."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

import structlog

from plumbing.clock import iso
from plumbing.errors import UsageError
from producer import assemble
from producer.checkpoint import BACKFILL, TailState
from producer.feeds import settle
from producer.once import Once, checkpoints, state_of
from producer.run import run_tails
from producer.settings import Feed
from producer.tail import Progress

log = structlog.get_logger()


@dataclass(frozen=True)
class Plan:
    """Rows to read: ``since`` <= created_at < ``until``. ``before``: rows published by backfills until now."""

    since: int
    until: int
    before: int = 0


def plan(tail: TailState | None, earlier: TailState | None, since: int) -> Plan | None:
    """Return what is left to read from ``since`` on; None where all of it has been published.

    ``tail``: the feed's tail; ``earlier``: the last backfill of the feed. Raise UsageError where it cannot be done.
    """
    if tail is None:
        raise UsageError(
            f"the tail has not been started yet: start it with CFSTREAM_START={iso(since)} and it needs no backfill"
        )
    if tail.begins_after_guid is not None:
        raise UsageError("the tail was started behind an event's guid: a backfill needs one that was started at a time")
    if tail.begins_at is None:
        return None
    until = tail.begins_at
    if earlier is not None and earlier.begins_at is not None and earlier.ends_at is not None:
        if not earlier.finished:
            if since != earlier.begins_at:
                raise UsageError(f"the backfill since {iso(earlier.begins_at)} is not finished: run that one first")
            return Plan(since, earlier.ends_at, earlier.rows)
        until = earlier.begins_at
    before = 0 if earlier is None else earlier.rows
    return Plan(since, until, before) if since < until else None


async def backfill(once: Once, feed: Feed, since: int, watch: Callable[[Plan, Progress], None]) -> Plan | None:
    """Read a feed's history from ``since`` on; ``watch`` is shown the progress. Return None where there is nothing.

    Where the tail's start is young, or still to come, it waits until all rows before it are final.
    Raise UsageError, FencedError or CfstreamError. Killed and run again, it goes on.
    """
    prefix = once.foundation.topic_prefix
    found = await asyncio.to_thread(checkpoints, once.settings, prefix, once.ports.codec)
    name = once.foundation.name
    planned = plan(state_of(found, name, feed), state_of(found, name, feed + BACKFILL), since)
    if planned is None:
        return None
    if settle.horizon(once.ports.clock.now(), once.settings.settle_seconds) < planned.until:
        log.warning(
            "rows before the tail's start are not final yet: waiting for them", feed=feed, until=iso(planned.until)
        )
    wanted = assemble.Backfill(planned.since, planned.until, lambda progress: watch(planned, progress))
    tail = await asyncio.to_thread(
        assemble.tail,
        once.foundation,
        feed,
        once.access,
        once.settings,
        once.ports,
        until_caught_up=True,
        backfill=wanted,
    )
    await run_tails([tail], asyncio.Event())
    return planned
