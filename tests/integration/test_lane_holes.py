"""Each hole of stock Faust that would cost rows or numbers: shown on stock Faust, closed in the lane."""

import secrets
from collections.abc import Iterator

import pytest
from support.kafka_rows import committed, end, plain, probe, topics, transactions

KINDS = pytest.mark.parametrize("kind", ["stock", "lane"])


@pytest.fixture
def topic(kafka: str) -> Iterator[str]:
    with topics(kafka, "source") as names:
        yield names[0]


@pytest.fixture
def group() -> str:
    return f"g{secrets.token_hex(4)}"


@KINDS
def test_aborted_records_are_not_delivered(kafka: str, topic: str, group: str, kind: str) -> None:
    transactions(kafka, topic, [([1, 2], True), ([3, 4], False), ([5], True)])
    assert (probe(kind, kafka, group, topic)["met"] == [1, 2, 5]) is (kind == "lane")


@KINDS
def test_commits_keep_up_with_a_topic_of_many_transactions(kafka: str, topic: str, group: str, kind: str) -> None:
    transactions(kafka, topic, [([number, number], True) for number in range(60)])
    assert len(probe(kind, kafka, group, topic)["met"]) == 120
    assert (committed(kafka, group, topic) == end(kafka, topic)) is (kind == "lane")


@KINDS
def test_commits_pass_an_aborted_range_after_the_first_record(kafka: str, topic: str, group: str, kind: str) -> None:
    transactions(kafka, topic, [([0], True), ([1, 2, 3], False), ([4, 5], True), ([6], True), ([7], True)])
    probe(kind, kafka, group, topic)
    assert (committed(kafka, group, topic) == end(kafka, topic)) is (kind == "lane")


@KINDS
def test_a_record_whose_agent_failed_is_given_again(kafka: str, topic: str, group: str, kind: str) -> None:
    transactions(kafka, topic, [(list(range(10)), True)])
    first = probe(kind, kafka, group, topic, "fail-5")
    assert first["crashed"] is (kind == "lane")
    second = probe(kind, kafka, group, topic)
    assert (set(first["met"]) | set(second["met"]) == set(range(10))) is (kind == "lane")


@KINDS
def test_a_record_that_was_not_acknowledged_is_not_committed_over(
    kafka: str, topic: str, group: str, kind: str
) -> None:
    plain(kafka, topic, range(10))
    probe(kind, kafka, group, topic)
    plain(kafka, topic, range(10, 20))
    probe(kind, kafka, group, topic, "hold-10")
    assert (10 in probe(kind, kafka, group, topic)["met"]) is (kind == "lane")
