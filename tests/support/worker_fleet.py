"""Worker processes over topics of a test's own: started, killed, and their tables read and judged."""

import contextlib
import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import IO, Any

from confluent_kafka import Consumer, ConsumerGroupTopicPartitions, KafkaException, Producer, TopicPartition
from support import usage_oracle
from support.usage_rows import HOUR, T0, usage

from plumbing.clock import SECOND
from plumbing.kafka import admin_client, client_config
from plumbing.settings import CommonSettings
from schemas import provision
from schemas.codec import Codec
from schemas.reader import rows, watermarks
from schemas.registry import ConfluentRegistry
from schemas.topics import Topic, Topics
from schemas.versions import row_version

POLL_S = 0.1
LATE_S = 1800


@dataclass
class Feed:
    """Writes a random history in transactions, with its watermark in each, as the producer does."""

    settings: CommonSettings
    topics: Topics
    codec: Codec
    random: Random
    apps: int
    kept: list[dict[str, Any]] = field(default_factory=list)
    clock: int = 0
    tasks: dict[str, list[str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        identity = secrets.token_hex(8)
        self.producer = Producer(
            client_config(self.settings, **{"transactional.id": identity, "partitioner": "murmur2_random"})
        )
        self.producer.init_transactions()
        self.encode = self.codec.encoder(self.topics.usage.name, self.topics.usage.schema)
        self.encode_checkpoint = self.codec.encoder(self.topics.checkpoints.name, self.topics.checkpoints.schema)

    def batch(self, size: int, *, abort: bool = False, poison: bool = False) -> None:
        """Write ``size`` rows in one transaction; one that is aborted leaves nothing for a committed reader."""
        given = [self._row() for _ in range(size)]
        self.producer.begin_transaction()
        for row in given:
            self.producer.produce(self.topics.usage.name, self.encode(row), row["app_guid"])
        if poison:
            self.producer.produce(self.topics.usage.name, b"\x07 no frame", given[0]["app_guid"])
        checkpoint = {
            "foundation": "f",
            "feed": "app-usage-events",
            "written_at": 0,
            "settled_until": T0 + (self.clock - LATE_S) * SECOND,
        }
        self.producer.produce(self.topics.checkpoints.name, self.encode_checkpoint(checkpoint), "f/app-usage-events")
        self.producer.flush()
        if abort:
            self.producer.abort_transaction()
        else:
            self.producer.commit_transaction()
            self.kept += given

    def _row(self) -> dict[str, Any]:
        draw = self.random
        self.clock += draw.choice([0, 1, 2, 10])
        number = draw.randrange(self.apps)
        app = f"app-{number}"
        kind = draw.choice(["STARTED", "STARTED", "STOPPED", "TASK_STARTED", "TASK_STOPPED", "BUILDPACK_SET", "NEW"])
        at = self.clock - (draw.randrange(LATE_S) if draw.random() < 0.05 else 0)
        place: dict[str, Any] = {"space": f"space-{number % 7}", "org": f"org-{number % 3}"}
        running = self.tasks.setdefault(app, [])
        if kind == "TASK_STARTED":
            running.append(f"task-{len(self.kept)}-{draw.getrandbits(40)}")
            return dict(usage(kind, at, app, task=running[-1], memory=64, **place))
        if kind == "TASK_STOPPED" and running:
            return dict(usage(kind, at, app, task=running.pop(0), memory=64, **place))
        kind = "STARTED" if kind == "TASK_STOPPED" else kind
        count = draw.randrange(5)
        return dict(usage(kind, at, app, process=f"{app}-{draw.randrange(2)}", instances=count, **place))

    @property
    def watermark(self) -> int:
        """The last settled second, since the epoch."""
        return T0 // SECOND + self.clock - LATE_S


class Fleet:
    """Topics, a feed and workers of one test."""

    def __init__(self, bootstrap: str, registry: str, folder: Path, *, seed: int, partitions: int = 4) -> None:
        self.folder = folder
        self.random = Random(seed)
        self.environment = {
            "CFSTREAM_KAFKA_BOOTSTRAP_SERVERS": bootstrap,
            "CFSTREAM_SCHEMA_REGISTRY_URL": registry,
            "CFSTREAM_TOPIC_PREFIX": f"t{secrets.token_hex(4)}.",
            "CFSTREAM_PARTITIONS": str(partitions),
            "CFSTREAM_WORKER_GROUP": f"g{secrets.token_hex(4)}",
            "CFSTREAM_WORKER_SESSION_TIMEOUT_S": "6",
            "CFSTREAM_WORKER_CHUNK_RECORDS": "200",
            "CFSTREAM_WORKER_TICK_SECONDS": "0.3",
            "CFSTREAM_DATA_DIR": str(folder),
            "CFSTREAM_LOG_FORMAT": "json",
        }
        self.settings = CommonSettings(
            kafka_bootstrap_servers=bootstrap,
            schema_registry_url=registry,
            topic_prefix=self.environment["CFSTREAM_TOPIC_PREFIX"],
            partitions=partitions,
        )
        self.topics = Topics(self.settings.topic_prefix)
        self.registry = ConfluentRegistry(registry)
        self.codec = Codec(self.registry)
        self.admin = admin_client(self.settings)
        provision.apply(self.admin, self.topics, partitions=partitions)
        self.feed = Feed(self.settings, self.topics, self.codec, self.random, apps=60)
        self.workers: dict[str, subprocess.Popen[bytes]] = {}
        self._logs: list[IO[bytes]] = []
        self.restarts = 0
        committed = {"group.id": "nobody", "isolation.level": "read_committed"}
        self.reader = Consumer(client_config(self.settings) | committed)

    def start(self, name: str, *, static: bool = False, **more: str) -> None:
        """Start a worker."""
        log = (self.folder / f"{name}.log").open("ab")
        self._logs.append(log)
        environment = self._environment(more)
        if static:
            environment["CFSTREAM_WORKER_INSTANCE_ID"] = name
        self.workers[name] = subprocess.Popen(
            [sys.executable, "-m", "cfstream", "processors", "run"], env=environment, stdout=log, stderr=log
        )

    def kill(self, name: str) -> None:
        """Kill a worker with SIGKILL."""
        worker = self.workers.pop(name)
        worker.kill()
        worker.wait(10)

    def stop(self, name: str, within_s: float = 60) -> int:
        """End a worker with SIGTERM and return its exit code."""
        worker = self.workers.pop(name)
        worker.terminate()
        try:
            return worker.wait(within_s)
        except subprocess.TimeoutExpired:
            worker.kill()
            worker.wait(10)
            raise

    def ended(self, name: str, within_s: float = 60) -> int:
        """Wait until a worker ends by itself and return its exit code."""
        code = self.workers[name].wait(within_s)
        del self.workers[name]
        return code

    def freeze(self, name: str) -> None:
        """Stop a worker in its tracks (SIGSTOP)."""
        self.workers[name].send_signal(signal.SIGSTOP)

    def thaw(self, name: str) -> None:
        """Let a frozen worker go on (SIGCONT)."""
        self.workers[name].send_signal(signal.SIGCONT)

    def make_anew(self, topic: Topic) -> None:
        """Delete a topic and create it again, empty."""
        self.admin.delete_topics([topic.name], operation_timeout=30)[topic.name].result(30)
        deadline = time.monotonic() + 30
        while topic.name in self.admin.list_topics(timeout=10).topics:
            assert time.monotonic() < deadline, f"{topic.name} is not gone"
            time.sleep(POLL_S)
        provision.apply(self.admin, [topic], partitions=self.settings.partitions)

    def log(self, name: str) -> str:
        """Return what a worker has logged."""
        return (self.folder / f"{name}.log").read_text("utf-8")

    def catch_up(self, **more: str) -> None:
        """Run one more worker until everything committed is applied; the others must have ended.

        It waits until Kafka knows that they have: else it gave some partitions to the dead.
        """
        group = self.environment["CFSTREAM_WORKER_GROUP"]
        deadline = time.monotonic() + 60
        while self.admin.describe_consumer_groups([group])[group].result(10).members:
            assert time.monotonic() < deadline, "the dead are still members of the group"
            time.sleep(POLL_S)
        done = subprocess.run(
            [sys.executable, "-m", "cfstream", "processors", "run", "--until-caught-up"],
            env=self._environment(more),
            capture_output=True,
            text=True,
            timeout=180,
            check=False,
        )
        assert done.returncode == 0, done.stderr[-3000:]

    def await_caught_up(self, restart: str | None = None, within_s: float = 90) -> None:
        """Wait until the group has committed all that is committed in the usage topic.

        ``restart``: a worker to start again whenever it has ended by itself.
        """
        deadline = time.monotonic() + within_s
        while (left := self.waiting()) != 0:
            assert time.monotonic() < deadline, f"{left} offsets wait: {self.workers.keys()}"
            if restart is not None and self.workers[restart].poll() is not None:
                self.restarts += 1
                self.start(restart)
            time.sleep(POLL_S)

    def waiting(self) -> int | None:
        """Return how many offsets of the usage topic the group has not committed; None when nobody answers."""
        group, name = self.environment["CFSTREAM_WORKER_GROUP"], self.topics.usage.name
        partitions = [TopicPartition(name, number) for number in range(self.settings.partitions)]
        try:
            asked = self.admin.list_consumer_group_offsets([ConsumerGroupTopicPartitions(group, partitions)])
            found = asked[group].result(10).topic_partitions or []
            committed = {int(each.partition): max(int(each.offset), 0) for each in found}
            ends = watermarks(self.reader, name, None, 10)
        except KafkaException:
            return None
        return sum((high - committed[number] for number, (_low, high) in ends.items()), 0)

    def await_log(self, name: str, text: str, within_s: float = 60, times: int = 1) -> None:
        """Wait until a worker has logged something so many times."""
        deadline = time.monotonic() + within_s
        while self.log(name).count(text) < times:
            assert time.monotonic() < deadline, f"{name} never said {text!r}: {self.log(name)[-2000:]}"
            time.sleep(POLL_S)

    def table(self, topic: str) -> dict[str, Any]:
        """Return a compacted topic as a reader sees it."""
        newest: dict[bytes, bytes] = {}
        versioned = topic == self.topics.state.name
        for row in rows(client_config(self.settings), topic):
            assert row.key is not None
            if row.value is None:
                newest.pop(row.key, None)
            elif not versioned or row.key not in newest or row_version(row.value) >= row_version(newest[row.key]):
                newest[row.key] = row.value
        return {key.decode(): self.codec.decode(value) for key, value in newest.items()}

    def count(self, topic: str) -> int:
        """Count the committed records of a topic."""
        return sum(1 for _row in rows(client_config(self.settings), topic))

    def differences(self) -> list[Any]:
        """Compare apps, totals and closed hours with the independent reckoning over what was committed."""
        given = self.feed.kept
        figures = ("running_instances", "memory_mb", "running_tasks", "task_memory_mb")
        found = {("app", app): _four(state, figures) for app, state in self.table(self.topics.state.name).items()}
        for topic in (self.topics.space_usage, self.topics.org_usage, self.topics.foundation_usage):
            found |= {(t["scope"], t["guid"]): _four(t, figures) for t in self.table(topic.name).values()}
        seconds = ("instance_seconds", "memory_mb_seconds", "task_seconds", "task_memory_mb_seconds")
        until = self.feed.watermark
        hours = {
            (h["scope"], h["guid"], h["hour"] // SECOND): _four(h, seconds)
            for h in self.table(self.topics.usage_hours.name).values()
            if h["hour"] + HOUR <= until // 3600 * 3600 * SECOND
        }
        return _unequal(usage_oracle.running(given), found) + _unequal(usage_oracle.hours(given, until), hours)

    def end(self) -> None:
        """Kill what still runs and delete the topics."""
        for name in list(self.workers):
            self.kill(name)
        for log in self._logs:
            log.close()
        for future in self.admin.delete_topics([topic.name for topic in self.topics]).values():
            future.result(30)
        self.registry.close()
        self.reader.close()

    def _environment(self, more: Mapping[str, str]) -> dict[str, str]:
        mine = {name: value for name, value in os.environ.items() if not name.startswith("CFSTREAM_")}
        return mine | self.environment | {f"CFSTREAM_{name.upper()}": value for name, value in more.items()}


@contextlib.contextmanager
def fleet(bootstrap: str, registry: str, folder: Path, *, seed: int, partitions: int = 4) -> Iterator[Fleet]:
    """Yield a fleet; whatever happens nothing of it is left running."""
    made = Fleet(bootstrap, registry, folder, seed=seed, partitions=partitions)
    try:
        yield made
    finally:
        made.end()


def _four(record: Mapping[str, Any], names: tuple[str, ...]) -> Any:
    return tuple(record[name] for name in names)


def _unequal(wanted: Mapping[Any, Any], found: Mapping[Any, Any]) -> list[Any]:
    nothing = (0, 0, 0, 0)
    keys = wanted.keys() | found.keys()
    return [
        (key, wanted.get(key, nothing), found.get(key, nothing))
        for key in keys
        if wanted.get(key, nothing) != found.get(key, nothing)
    ]
