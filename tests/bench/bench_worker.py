"""A worker beside Quix Streams and a plain Faust agent, in one run on one broker: rows a second, row to table."""

import json
import os
import subprocess
import sys
import uuid
import venv
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import NewTopic  # type: ignore[attr-defined]  # public, without a mark
from support.usage_rows import SECOND, T0, usage

from plumbing.kafka import admin_client, client_config
from plumbing.settings import CommonSettings
from schemas import avro, provision
from schemas.codec import Codec
from schemas.registry import ConfluentRegistry
from schemas.topics import Topics
from standin.places import data_folder
from standin.stack import Stack

PEERS = Path(__file__).parent / "peers"
QUIX = "quixstreams==3.28.1"
APPS = 3000
ROWS = {"worker": 200_000, "quix": 100_000, "plain_faust": 15_000}
STATES = ("STARTED", "STARTED", "STARTED", "STOPPED", "BUILDPACK_SET", "STAGING_STARTED", "STAGING_STOPPED")


@pytest.fixture(scope="module")
def settings(stack: Stack) -> CommonSettings:
    return CommonSettings(
        kafka_bootstrap_servers=stack.bootstrap_servers,
        schema_registry_url=stack.registry_url,
        topic_prefix=f"bench{uuid.uuid4().hex[:6]}.",
        partitions=4,
    )


@pytest.fixture(scope="module")
def topics(settings: CommonSettings) -> Iterator[Topics]:
    """Fill the usage topic: a month of 3,000 apps, in transactions of 5,000 with a watermark each."""
    admin = admin_client(settings)
    made = Topics(settings.topic_prefix)
    provision.apply(admin, made, partitions=settings.partitions)
    registry = ConfluentRegistry(settings.schema_registry_url)
    codec = Codec(registry)
    encode = codec.encoder(made.usage.name, made.usage.schema)
    encode_checkpoint = codec.encoder(made.checkpoints.name, made.checkpoints.schema)
    random = Random(1)
    guids = [str(uuid.UUID(int=random.getrandbits(128))) for _ in range(APPS)]
    producer = Producer(client_config(settings, **{"transactional.id": made.prefix, "partitioner": "murmur2_random"}))
    producer.init_transactions()
    for start in range(0, max(ROWS.values()), 5000):
        producer.begin_transaction()
        for number in range(start, start + 5000):
            app = random.randrange(APPS)
            place: dict[str, Any] = {"space": guids[app % 150], "org": guids[app % 15]}
            row = usage(random.choice(STATES), number * 13, guids[app], instances=random.randrange(1, 5), **place)
            row["guid"] = str(uuid.UUID(int=random.getrandbits(128)))
            producer.produce(made.usage.name, encode(row), guids[app])
        checkpoint = {
            "foundation": "f",
            "feed": "app-usage-events",
            "written_at": 0,
            "settled_until": T0 + (start + 5000) * 13 * SECOND,
        }
        producer.produce(made.checkpoints.name, encode_checkpoint(checkpoint), "f/app-usage-events")
        producer.flush()
        producer.commit_transaction()
    yield made
    for future in admin.delete_topics([topic.name for topic in made]).values():
        future.result(30)
    registry.close()


def quix_python() -> str:
    """Return the interpreter of an environment with Quix Streams: it asks for other versions than ours."""
    folder = data_folder() / "bench" / QUIX
    python = folder / "bin" / "python"
    if not (folder / "ready").exists():
        venv.create(folder, with_pip=True, clear=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", QUIX, "fastavro>=1.13,<2"], check=True)
        (folder / "ready").touch()
    return str(python)


def run_peer(name: str, python: str, settings: CommonSettings, topics: Topics, folder: Path) -> float:
    """Run one contestant to its end and return rows a second."""
    out = f"{settings.topic_prefix}out-{name}"
    admin = admin_client(settings)
    admin.create_topics([NewTopic(out, 4, 1)])[out].result(20)
    schema = folder / "AppUsageEvent.avsc"
    schema.write_text(avro.text("AppUsageEvent").replace('"logicalType":"timestamp-micros"', '"doc":"micros"'))
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
    arguments = [settings.kafka_bootstrap_servers, topics.usage.name, out, str(schema), str(ROWS[name])]
    done = subprocess.run(
        [python, str(PEERS / f"{name}.py"), *arguments],
        env=environment,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
        cwd=Path(__file__).parents[2],
    )
    admin.delete_topics([out])[out].result(20)
    assert done.returncode == 0, done.stderr[-3000:]
    report: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    assert report["rows"] >= ROWS[name]
    return float(report["rows"] / report["seconds"])


def test_rows_a_second_beside_the_peers(settings: CommonSettings, topics: Topics, tmp_path: Path) -> None:
    rates = {
        "worker": run_peer("worker", sys.executable, settings, topics, tmp_path),
        "quix": run_peer("quix", quix_python(), settings, topics, tmp_path),
        "plain_faust": run_peer("plain_faust", sys.executable, settings, topics, tmp_path),
    }
    for name, rate in rates.items():
        sys.stdout.write(f"{name:12} {rate:10,.0f} rows/s   worker is {rates['worker'] / rate:5.1f} x\n")
    assert rates["worker"] >= 1.2 * rates["quix"]
    assert rates["worker"] >= 20 * rates["plain_faust"]
