"""A producer's place in the group, on a real Kafka."""

import asyncio
from collections.abc import Iterable

from support.kafka_rows import topics

from plumbing.errors import CfstreamError
from plumbing.kafka import ClientConfig
from producer.share import Membership, Runner


class Broken(Runner):
    """Cannot start anything."""

    async def start(self, partitions: Iterable[int]) -> None:
        raise KeyError(*partitions)


async def test_an_error_in_the_groups_thread_fails_the_process_with_one_line(kafka: str, topic_prefix: str) -> None:
    """Without that thread no tail would come or go any more."""
    config: ClientConfig = {"bootstrap.servers": kafka}
    runner = Broken([], 1)
    with topics(kafka, "usage") as (topic,):
        group = Membership(config, f"{topic_prefix}producer-test", topic, runner)
        group.start()
        try:
            error = await asyncio.wait_for(asyncio.shield(runner.failed), 60)
        finally:
            await group.leave()
    assert isinstance(error, CfstreamError)
    assert str(error) == "the producers' group: KeyError(0)"
    assert not group.joined
