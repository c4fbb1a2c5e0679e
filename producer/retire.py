"""``cfstream producer retire``: a feed that is switched off for good must no longer hold back the workers' time."""

import asyncio
from dataclasses import replace

from plumbing.clock import SECOND
from plumbing.errors import UsageError
from producer import assemble, checkpoint
from producer.once import checkpoints, ports_of
from producer.publish.outlet import Identity
from producer.settings import Feed, ProducerSettings

QUIET_S = 30.0
"""A tail whose checkpoint is younger (or younger than three polls) is taken to be running."""


def place(settings: ProducerSettings, name: str | None) -> tuple[str, str]:
    """Return the name and the topic prefix of a foundation; it may have been taken out of the settings already.

    Such a one is looked for under the common prefix. Raise UsageError where it is not clear which is meant.
    """
    entries = settings.foundations
    if name is None:
        if len(entries) > 1:
            raise UsageError(f"--foundation is needed: there are {', '.join(each.name for each in entries)}")
        name = entries[0].name if entries else settings.foundation
    prefixes = [each.topic_prefix for each in entries if each.name == name]
    if len(prefixes) > 1:
        raise UsageError(f"--foundation {name}: two have this name, with other topics; leave one out of the settings")
    own = prefixes[0] if prefixes else None
    return name, settings.topic_prefix if own is None else own


async def retire(settings: ProducerSettings, foundation: str, prefix: str, feed: Feed) -> None:
    """Mark the checkpoint of a tail that runs no more. It keeps the cursor: run again, the tail goes on from it.

    ``prefix``: of the foundation's topics. Raise UsageError for a tail that never ran, or runs. Should it run after
    all, its producer is fenced.
    """
    ports = ports_of(settings)
    found = await asyncio.to_thread(checkpoints, settings, prefix, ports.codec)
    key = checkpoint.key(foundation, feed)
    record = found.get(key)
    if record is None:
        raise UsageError(f"{key} has never been tailed: there is nothing to retire")
    silent_s = (ports.clock.now() - record["written_at"]) / SECOND
    needed_s = max(QUIET_S, 3 * settings.poll_seconds)
    if 0 <= silent_s < needed_s:
        raise UsageError(
            f"{key} is running, its checkpoint is {silent_s:.0f} s old: "
            f"end its producer, wait {needed_s:.0f} s, try again"
        )
    topics = assemble.topics_of(settings, prefix)
    outlet = assemble.outlet(Identity(prefix, foundation, feed), settings, topics, ports)
    try:
        state = await outlet.open(asyncio.Event())
        if state is not None:
            await asyncio.to_thread(outlet.write, {}, replace(state, retired=True), record["written_at"])
    finally:
        await asyncio.to_thread(outlet.close)
