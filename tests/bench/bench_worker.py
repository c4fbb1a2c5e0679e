"""A worker beside Quix Streams and a plain Faust agent, in one run on one broker: rows a second, row to table.

Everybody does the same work on the same rows: decode the Avro row, fold it into its app's state by the product's own
pure functions, keep the state in a table with a changelog in Kafka, and have each new state of an app in Kafka as the
product's AppState record. What differs is the framework's way, and that is what is measured:

- ``worker``: ours, whole, with its totals, watermark, dead letters and HTTP server. A state is encoded and written
  once a chunk; the record is changelog and result at once; offsets follow what is durable.
- ``quix``: Quix Streams as its manual says: one ``apply(stateful=True)``, RocksDB, changelog topic, a result for each
  row. Its producer is awaited every five seconds, when it commits.
- ``quix_sums``: the same with less to do: three numbers a process for a state, a record of four fields. For comparison.
- ``plain_faust``: one event at a time, a table, a send.

The contestants take turns; each figure is the median of the rounds. Rows a second of CPU (user and system, of the
contestant's process) are printed too: on a busy machine they say more.
"""

import json
import os
import subprocess
import sys
import uuid
import venv
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random
from statistics import median
from typing import Any

from confluent_kafka import Producer
from confluent_kafka.admin import NewTopic
from support.usage_rows import SECOND, T0, usage

from plumbing.kafka import admin_client, client_config
from plumbing.settings import CommonSettings
from schemas import provision
from schemas.codec import Codec
from schemas.registry import ConfluentRegistry
from schemas.topics import Topics
from standin.places import data_folder
from standin.stack import Stack

PEERS = Path(__file__).parent / "peers"
QUIX = "quixstreams==3.28.1"
APPS = 3000
ROUNDS = 3
ROWS = {"worker": 200_000, "quix": 60_000, "quix_sums": 100_000, "plain_faust": 10_000}
STATES = ("STARTED", "STARTED", "STARTED", "STOPPED", "BUILDPACK_SET", "STAGING_STARTED", "STAGING_STOPPED")


@contextmanager
def filled(stack: Stack) -> Iterator[tuple[CommonSettings, Topics]]:
    """Fill a usage topic: a month of 3,000 apps, in transactions of 5,000 with a watermark each."""
    settings = CommonSettings(
        kafka_bootstrap_servers=stack.bootstrap_servers,
        schema_registry_url=stack.registry_url,
        topic_prefix=f"bench{uuid.uuid4().hex[:6]}.",
        partitions=4,
    )
    admin = admin_client(settings)
    topics = Topics(settings.topic_prefix)
    provision.apply(admin, topics, partitions=settings.partitions)
    registry = ConfluentRegistry(settings.schema_registry_url)
    codec = Codec(registry)
    encode = codec.encoder(topics.usage.name, topics.usage.schema)
    encode_checkpoint = codec.encoder(topics.checkpoints.name, topics.checkpoints.schema)
    registry.close()
    random = Random(1)
    guids = [str(uuid.UUID(int=random.getrandbits(128))) for _ in range(APPS)]
    producer = Producer(client_config(settings, **{"transactional.id": topics.prefix, "partitioner": "murmur2_random"}))
    producer.init_transactions()
    for start in range(0, max(ROWS.values()), 5000):
        producer.begin_transaction()
        for number in range(start, start + 5000):
            app = random.randrange(APPS)
            place: dict[str, Any] = {"space": guids[app % 150], "org": guids[app % 15]}
            row = usage(random.choice(STATES), number * 13, guids[app], instances=random.randrange(1, 5), **place)
            row["guid"] = str(uuid.UUID(int=random.getrandbits(128)))
            producer.produce(topics.usage.name, encode(row), guids[app])
        checkpoint = {
            "foundation": "f",
            "feed": "app-usage-events",
            "written_at": 0,
            "settled_until": T0 + (start + 5000) * 13 * SECOND,
        }
        producer.produce(topics.checkpoints.name, encode_checkpoint(checkpoint), "f/app-usage-events")
        producer.flush()
        producer.commit_transaction()
    try:
        yield settings, topics
    finally:
        # The peers name their changelogs after their group, which holds the prefix too.
        made = [name for name in admin.list_topics(timeout=20).topics if settings.topic_prefix in name]
        for future in admin.delete_topics(made).values():
            future.result(30)


def quix_python() -> str:
    """Return the interpreter of an environment with Quix Streams: it asks for other versions than ours."""
    folder = data_folder() / "bench" / QUIX
    python = folder / "bin" / "python"
    if not (folder / "ready").exists():
        venv.create(folder, with_pip=True, clear=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", QUIX, "fastavro>=1.13,<2"], check=True)
        (folder / "ready").touch()
    return str(python)


@dataclass(frozen=True)
class Rate:
    """Rows a second, by the clock and of CPU."""

    clock: float
    cpu: float


def run_peer(name: str, settings: CommonSettings, topics: Topics, folder: Path) -> Rate:
    """Run one contestant to its end."""
    script, python, kind = CONTESTANTS[name]
    out = f"{settings.topic_prefix}out-{name}"
    admin = admin_client(settings)
    admin.create_topics([NewTopic(out, 4, 1)])[out].result(20)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("CFSTREAM_")} | {
        "CFSTREAM_KAFKA_BOOTSTRAP_SERVERS": settings.kafka_bootstrap_servers,
        "CFSTREAM_SCHEMA_REGISTRY_URL": settings.schema_registry_url,
        "CFSTREAM_TOPIC_PREFIX": settings.topic_prefix,
        "CFSTREAM_PARTITIONS": str(settings.partitions),
        "CFSTREAM_WORKER_GROUP": f"bench-{uuid.uuid4().hex[:6]}",
        "CFSTREAM_DATA_DIR": str(folder),
        # The peers keep no hours: this is the row's way to the table, the totals and cf.app-state.
        "CFSTREAM_USAGE_HOURS": "off",
    }
    arguments = [settings.kafka_bootstrap_servers, topics.usage.name, out, kind, str(ROWS[name])]
    done = subprocess.run(
        [python(), str(PEERS / f"{script}.py"), *arguments],
        env=environment,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
        cwd=Path(__file__).parents[2],
    )
    assert done.returncode == 0, done.stderr[-3000:]
    report: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    assert report["rows"] >= ROWS[name]
    return Rate(report["rows"] / report["seconds"], report["rows"] / report["cpu_seconds"])


CONTESTANTS: dict[str, tuple[str, Callable[[], str], str]] = {
    "worker": ("worker", lambda: sys.executable, "same"),
    "quix": ("quix", quix_python, "same"),
    "quix_sums": ("quix", quix_python, "sums"),
    "plain_faust": ("plain_faust", lambda: sys.executable, "same"),
}
"""Script, interpreter and kind of work of each."""


def test_rows_a_second_beside_the_peers(stack: Stack, tmp_path: Path) -> None:
    rounds: dict[str, list[Rate]] = {name: [] for name in CONTESTANTS}
    for number in range(ROUNDS):
        with filled(stack) as (settings, topics):
            for name, rates in rounds.items():
                folder = tmp_path / f"{name}-{number}"
                folder.mkdir()
                rates.append(run_peer(name, settings, topics, folder))
    found = {
        name: Rate(median(rate.clock for rate in rates), median(rate.cpu for rate in rates))
        for name, rates in rounds.items()
    }
    ours = found["worker"]
    for name, rate in found.items():
        each = ", ".join(f"{one.clock:,.0f}" for one in rounds[name])
        sys.stdout.write(
            f"\n{name:12} {rate.clock:8,.0f} rows/s ({each}), worker is {ours.clock / rate.clock:5.1f} x; "
            f"{rate.cpu:8,.0f} rows a CPU second, {ours.cpu / rate.cpu:5.1f} x"
        )
    sys.stdout.write("\n")
    assert ours.clock >= 1.2 * found["quix"].clock
    assert ours.clock >= 20 * found["plain_faust"].clock
