"""The topic definitions."""

import pytest

from schemas import avro
from schemas.topics import Topics


def test_topics_that_meet_in_one_worker_are_all_partitioned() -> None:
    topics = Topics()
    assert all(t.partitioned for t in (topics.usage, topics.audit, topics.snapshots, topics.state))


def test_every_topic_has_a_schema_and_the_prefix() -> None:
    for topic in Topics("foundation-a."):
        assert topic.name.startswith("foundation-a.")
        assert avro.text(topic.schema)


def test_topic_is_found_with_and_without_prefix() -> None:
    topics = Topics("cf.")
    assert topics.named("app-state") is topics.named("cf.app-state") is topics.state


def test_unknown_topic_names_the_known_ones() -> None:
    with pytest.raises(KeyError, match=r"cf\.app-state"):
        Topics().named("appstate")
