"""A producer's place in the group, on a real Kafka."""

import asyncio
from collections.abc import Iterable

from confluent_kafka.admin import AdminClient, NewTopic

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
    admin, topic = AdminClient(dict(config)), f"{topic_prefix}usage"
    admin.create_topics([NewTopic(topic, 1, 1)])[topic].result()
    runner = Broken([], 1)
    group = Membership(config, f"{topic_prefix}producer-test", topic, runner)
    group.start()
    try:
        error = await asyncio.wait_for(asyncio.shield(runner.failed), 60)
    finally:
        await group.leave()
        admin.delete_topics([topic])[topic].result()
    assert isinstance(error, CfstreamError)
    assert str(error) == "the producers' group: KeyError(0)"
    assert not group.joined
