"""``cfstream snapshot``: a snapshot on demand, beside a running producer."""

import asyncio

from plumbing.errors import CfstreamError
from plumbing.kafka import client_config
from producer import assemble
from producer.once import Once
from producer.publish.transaction import DoubtError, Publisher
from producer.run import prepare_topics
from producer.snapshot.take import Snapshot

_TRIES = 5


async def publish_now(once: Once) -> Snapshot:
    """Take a snapshot and commit it in one transaction. Raise CfstreamError.

    After a commit in doubt it is written again: it has one id, and a second copy says the same.
    """
    if not once.access.has_v3:
        raise CfstreamError(f"foundation {once.foundation.name} has no v3 API, which a snapshot is read from")
    await once.start.with_broker(once.settings, lambda admin: prepare_topics(admin, once.settings, [once.foundation]))
    snapshot: Snapshot = await assemble.snapshots(once.foundation, once.access.api, once.settings, once.ports)(
        "request"
    )
    topics = assemble.topics_of(once.settings, once.foundation.topic_prefix)
    identity = f"{topics.prefix}producer.{once.foundation.name}.snapshot"
    await asyncio.to_thread(_write, once, identity, topics.snapshots.name, snapshot)
    return snapshot


def _write(once: Once, identity: str, topic: str, snapshot: Snapshot) -> None:
    trouble = ""
    for _ in range(_TRIES):
        publisher = Publisher(client_config(once.settings), identity)
        try:
            publisher.start()
            publisher.publish({topic: snapshot.messages})
        except DoubtError as error:
            trouble = str(error)
        else:
            return
        finally:
            publisher.discard()
    raise CfstreamError(f"the snapshot could not be committed: {trouble}")
