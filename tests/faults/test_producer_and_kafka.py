"""A Kafka that answers late, dies, freezes and comes back: each row once all the same, by the producer's own effort."""

import re
import subprocess
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import httpx
import psutil
import pytest
from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic
from support.kafka_proxy import WAYS, KafkaProxy, proxy
from support.kafka_rows import topics
from support.producer_run import Site, site
from support.waiting import until, until_there_are

from plumbing.kafka import ClientConfig
from producer.publish.readback import last_values
from producer.publish.transaction import DoubtError, Publisher
from producer.settings import FEEDS, Feed
from schemas.reader import rows
from standin.cloud_controller.controller import CloudController
from standin.cloud_controller.history import Past
from standin.embedded_kafka import Broker, Listener
from standin.places import RunFolder, data_folder
from standin.ports import HOST, free_port


@dataclass(frozen=True)
class Kafka:
    """A broker of these tests' own, and the proxy through which its clients come."""

    broker: Broker
    proxy: KafkaProxy


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kafka]:
    plain, inner, outer = free_port(), free_port(), free_port()
    # The broker talks to itself through its plain door: only clients come through the proxy.
    advertised = f"PLAINTEXT://{HOST}:{plain},PROXIED://{HOST}:{outer}"
    broker = Broker(
        data_folder(),
        RunFolder.at(tmp_path_factory.mktemp("kafka")),
        port=plain,
        heap_mb=256,
        listeners={"PROXIED": Listener("PLAINTEXT", inner)},
        options={"advertised.listeners": advertised},
    )
    with proxy(outer, inner) as through:
        try:
            broker.start()
            # A broker's first group waits for the topic of offsets. A producer that asks for its rights meanwhile may
            # be aborted a minute later, by its client (librdkafka #4605): that is not what is tried here.
            first = Consumer({"bootstrap.servers": f"{HOST}:{plain}", "group.id": "first"})
            first.committed([TopicPartition("none", 0)], timeout=60)
            first.close()
            yield Kafka(broker, through)
        finally:
            broker.end()


@pytest.fixture
def here(own: Kafka, registry_url: str, topic_prefix: str, tmp_path: Path) -> Iterator[Site]:
    cc = CloudController(seed=23)
    cc.write_past(Past(usage_rows=2000, apps=40, span_s=3 * 86400.0))
    cc.step(60)
    with site(cc, own.proxy.bootstrap_servers, registry_url, topic_prefix, tmp_path, tidy=False) as found:
        yield found


@dataclass(frozen=True)
class Run:
    """A producer that runs, as others see it."""

    here: Site
    child: subprocess.Popen[bytes]
    address: str
    feeds: tuple[Feed, ...]

    @property
    def trouble(self) -> str:
        """What it says is wrong; empty when it is ready."""
        answer = httpx.get(f"{self.address}/readyz")
        return "" if answer.status_code == 200 else answer.text

    @property
    def memory_mb(self) -> float:
        return float(psutil.Process(self.child.pid).memory_info().rss / 2**20)

    def metric(self, name: str) -> float:
        """Return the sum of a metric over its labels."""
        lines = httpx.get(f"{self.address}/metrics").text.splitlines()
        return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith(f"cfstream_producer_{name}{{"))

    def await_all(self, what: str) -> None:
        """Wait until it has published all that there is, without a restart."""
        cc, topics = self.here.cc, self.here.topics
        cc.step(60)
        found = dict(zip(FEEDS, ((topics.usage, cc.ledger.usage), (topics.audit, cc.ledger.audit)), strict=True))

        def all_there() -> bool:
            pairs = [found[feed] for feed in self.feeds]
            try:
                return all(len(self.here.published(topic)) >= len(ledger) for topic, ledger in pairs)
            except KafkaException:
                return False  # it has just come back

        until(all_there, within_s=120, what=f"all is published {what}")
        until(lambda: not self.trouble, within_s=60, what=f"it is ready {what}")
        assert self.child.poll() is None


def started(here: Site, *feeds: Feed, **settings: str) -> Run:
    """Start a producer and wait for its first pages."""
    child = here.start("run", "producer", "run", *(f"--feed={feed}" for feed in feeds), **settings)
    until(lambda: here.said("run", "page committed") >= 2, within_s=40, what="it publishes")
    found = re.search(r"address=(http://\S+)", here.log("run").read_text())
    assert found is not None
    return Run(here, child, found[1], feeds or FEEDS)


def test_a_commit_that_arrives_within_the_next_transaction_changes_nothing(here: Site, own: Kafka) -> None:
    """The client has given it up; or it has repeated it by itself, on a new connection, and heard of a success."""
    run = started(here, FEEDS[0], page_size="100")
    for number, way in enumerate(WAYS, start=1):
        own.proxy.hold(way)
        here.cc.do(50)
        here.cc.step(60)
        until_there_are(number, lambda: len(own.proxy.delivered), within_s=60, what=f"{way}: delivered late")
        run.await_all(f"after the late commit ({way})")
        assert run.metric("rebuilds_total") >= number
    assert 0 not in own.proxy.delivered, "the broker took the late commit for one of the next transaction"
    run.child.terminate()
    assert run.child.wait(20) == 0
    here.good("producer", "run", "--until-caught-up")
    here.assert_exact()
    own.proxy.forget()


def test_a_producer_used_again_after_a_repeated_commit_would_be_caught(own: Kafka, topic_prefix: str) -> None:
    """A test of the tests: the client alone does not notice; its next transaction is torn. Ours ends in doubt."""
    servers = own.proxy.bootstrap_servers
    admin = AdminClient({"bootstrap.servers": servers})
    topic = f"{topic_prefix}torn"
    admin.create_topics([NewTopic(topic, 1, 1)])[topic].result()
    careless = Producer({"bootstrap.servers": servers, "transactional.id": topic})
    careless.init_transactions(20)
    careless.begin_transaction()
    careless.produce(topic, b"one")
    own.proxy.hold("cut")
    careless.commit_transaction(30)
    careless.begin_transaction()
    careless.produce(topic, b"two, which is never committed")
    careless.flush(10)
    careless.produce(topic, b"three")
    careless.flush(10)
    with suppress(KafkaException):
        careless.abort_transaction(10)
    assert own.proxy.delivered == [0]
    # Whether "three" is in the torn transaction is a matter of milliseconds.
    read = [row.value for row in rows({"bootstrap.servers": servers}, topic)]
    assert read[:2] == [b"one", b"two, which is never committed"]

    careful = Publisher({"bootstrap.servers": servers}, f"{topic}.ours")
    careful.start()
    own.proxy.hold("cut")
    careful.publish({topic: [{"key": b"key", "value": b"four"}]})
    with pytest.raises(DoubtError, match="may have sent it twice"):
        careful.publish({topic: [{"key": b"key", "value": b"five"}]})
    careful.discard()
    own.proxy.forget()
    admin.delete_topics([topic])[topic].result()


def test_fenced_while_it_starts_it_is_in_doubt_and_a_new_one_has_the_id(own: Kafka) -> None:
    """The broker was just ending the open transaction of the one before, at its timeout: nobody has taken over."""
    config: ClientConfig = {"bootstrap.servers": own.proxy.bootstrap_servers}
    with topics(own.proxy.bootstrap_servers, "fenced") as (topic,):
        own.proxy.fence_next_start()
        refused = Publisher(config, topic)
        with pytest.raises(DoubtError, match="another change"):
            refused.start()
        refused.discard()
        publisher = Publisher(config, topic)
        publisher.start()
        publisher.publish({topic: [{"key": b"key", "value": b"one"}]})
        assert [row.value for row in rows(dict(config), topic)] == [b"one"]
        publisher.discard()


def test_a_checkpoint_behind_a_transaction_without_an_end_is_not_guessed(own: Kafka) -> None:
    config: ClientConfig = {"bootstrap.servers": own.proxy.bootstrap_servers}
    with topics(own.proxy.bootstrap_servers, "held") as (topic,):
        open_one = Producer({**config, "transactional.id": topic})
        open_one.init_transactions(20)
        open_one.begin_transaction()
        open_one.produce(topic, b"state", b"tail")
        assert open_one.flush(20) == 0
        with pytest.raises(DoubtError, match=f"holds {topic} at offset 0"):
            last_values(config, topic, timeout_s=3)
        open_one.commit_transaction(20)
        assert last_values(config, topic) == {"tail": b"state"}


@pytest.mark.timeout(600)  # a broker starts three times, on a machine that may be busy
def test_it_outlives_a_kafka_that_dies_freezes_and_bounces(here: Site, own: Kafka) -> None:
    """Not ready but alive meanwhile, in constant memory; it goes on by itself, and each row is there once."""
    run = started(here, page_size="100", poll_seconds="0.5")
    own.broker.kill()
    here.cc.do(2000)
    until(lambda: "Kafka" in run.trouble, within_s=60, what="not ready")
    tried, before_mb = here.said("run", "Kafka: trying again"), run.memory_mb
    until(lambda: here.said("run", "Kafka: trying again") >= tried + 1, within_s=90, what="it tries again")
    assert "Kafka" in run.trouble
    assert httpx.get(f"{run.address}/livez").status_code == 200
    assert run.memory_mb <= before_mb + 15
    own.broker.start()
    run.await_all("after the kill")

    own.broker.restart()
    here.cc.do(100)
    run.await_all("after a clean restart")

    own.broker.pause()
    here.cc.do(100)
    here.cc.step(60)
    until(lambda: "Kafka" in run.trouble, within_s=60, what="not ready while Kafka is frozen")
    assert httpx.get(f"{run.address}/livez").status_code == 200
    own.broker.resume()
    run.await_all("after the freeze")
    here.assert_exact()

    own.broker.pause()
    try:
        until(lambda: "Kafka" in run.trouble, within_s=60, what="not ready while Kafka is frozen again")
        began = time.monotonic()
        run.child.terminate()
        assert run.child.wait(20) == 0
        assert time.monotonic() - began < 10, "it ends within seconds while Kafka is away"
    finally:
        own.broker.resume()


@pytest.mark.timeout(600)  # as above
def test_sharing_its_tails_it_is_not_ready_while_the_group_is_away_and_goes_on_by_itself(
    here: Site, own: Kafka
) -> None:
    """Whose place in the group is lost has no tail that could say that Kafka is away: the group must say it."""
    run = started(here, share_tails="true", page_size="100", poll_seconds="0.5")
    for away, back in ((own.broker.pause, own.broker.resume), (own.broker.kill, own.broker.start)):
        given_up = here.said("run", "tail given up")
        away()
        try:
            here.cc.do(100)
            until_there_are(
                given_up + 2, lambda: here.said("run", "tail given up"), within_s=90, what="it has lost its tails"
            )
            assert "not in the producers' group" in run.trouble
            assert run.metric("tail_running") == 0
            assert httpx.get(f"{run.address}/livez").status_code == 200
        finally:
            back()
        run.await_all("after the outage")
        assert run.metric("tail_running") == 2
    here.assert_exact()

    own.broker.pause()
    try:
        until(lambda: run.metric("tail_running") == 0, within_s=60, what="it has lost its tails again")
        assert "not in the producers' group" in run.trouble
        began = time.monotonic()
        run.child.terminate()
        assert run.child.wait(20) == 0
        assert time.monotonic() - began < 10, "it ends within seconds while Kafka is away"
    finally:
        own.broker.resume()


def test_reading_checkpoints_back_from_a_frozen_kafka_ends_within_seconds_once_given_up(
    own: Kafka,
) -> None:
    config: ClientConfig = {"bootstrap.servers": own.proxy.bootstrap_servers}
    with topics(own.proxy.bootstrap_servers, "frozen") as (topic,):
        own.broker.pause()
        try:
            began = time.monotonic()
            with pytest.raises(DoubtError):
                last_values(config, topic, given_up=lambda: time.monotonic() - began > 2)
            assert time.monotonic() - began < 10
        finally:
            own.broker.resume()

        def read() -> bool:
            with suppress(DoubtError):  # the partition may be without a leader for a moment yet
                return last_values(config, topic) == {}
            return False

        until(read, within_s=60, what="it is read again")
