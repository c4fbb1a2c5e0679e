"""A producer's back-fill beside its own parts and beside a plain poller, in one run on one broker: rows a second.

The parts are the libraries': orjson reads a page, fastavro encodes its rows, librdkafka commits them in a transaction,
one after the other. The tail does two of them at once (the next page is read while this one is written) and encodes by
code generated from the schema, but it also asks over HTTP, orders, and turns each row into its record.
"""

import asyncio
import os
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from random import Random
from typing import Any

import fastavro
import httpx
import orjson
import psutil
from confluent_kafka import Producer
from confluent_kafka.schema_registry import SchemaRegistryClient
from confluent_kafka.schema_registry.avro import AvroSerializer
from confluent_kafka.serialization import MessageField, SerializationContext
from pydantic import SecretStr

from plumbing.clock import SystemClock
from plumbing.garbage import collect_seldom
from plumbing.kafka import admin_client, client_config
from producer import assemble
from producer.metrics import Metrics
from producer.parse import usage
from producer.parse.privacy import Privacy
from producer.run import enter, prepare_topics
from producer.settings import FEEDS, ProducerSettings
from schemas import avro
from schemas.codec import Codec
from schemas.registry import ConfluentRegistry
from standin.stack import Stack

ROWS = int(os.environ.get("CFSTREAM_BENCH_ROWS", "200000"))
PLAIN_ROWS = 5_000
ROUNDS = 3
PAGE = 5000
PAGES = Path(__file__).parent / "peers" / "pages.py"


@contextmanager
def pages(rows: int, delay_s: float = 0) -> Iterator[str]:
    """Serve so many rows from a process of their own, each page after a delay."""
    with subprocess.Popen(
        [sys.executable, str(PAGES), str(rows), str(delay_s)], stdout=subprocess.PIPE, text=True
    ) as child:
        assert child.stdout is not None
        try:
            yield child.stdout.readline().strip()
        finally:
            child.terminate()


@contextmanager
def settings_for(stack: Stack, api: str) -> Iterator[ProducerSettings]:
    """Return settings with topics of their own, deleted afterwards."""
    found = ProducerSettings(
        kafka_bootstrap_servers=stack.bootstrap_servers,
        schema_registry_url=stack.registry_url,
        topic_prefix=f"bench{uuid.uuid4().hex[:6]}.",
        partitions=12,
        cf_api=api,
        cf_client_id="bench",
        cf_client_secret=SecretStr("bench"),
    )
    try:
        yield found
    finally:
        admin = admin_client(found)
        there = [name for name in admin.list_topics(timeout=15).topics if name.startswith(found.topic_prefix)]
        for future in admin.delete_topics(there).values() if there else ():
            future.result(30)


async def backfilled(settings: ProducerSettings, registry: ConfluentRegistry) -> tuple[int, float]:
    """Run the usage tail to the end of the feed; return rows and seconds, from its first request to its last commit."""
    ports = assemble.Ports(SystemClock(), Random(1), Metrics(), Codec(registry))
    (foundation,) = settings.resolved((FEEDS[0],))
    await asyncio.to_thread(prepare_topics, admin_client(settings), settings, [foundation])
    api = assemble.cloud_controller(foundation, settings, ports)
    access = await enter(foundation, api)
    tail = assemble.tail(foundation, FEEDS[0], access, settings, ports, until_caught_up=True)
    seen: list[tuple[int, float]] = []
    options = replace(
        tail._options, on_page=lambda at: seen.append((at.state.rows if at.state else 0, time.perf_counter()))
    )
    tail._options = options
    began = time.perf_counter()
    await tail.run(asyncio.Event())
    await api.close()
    return seen[-1][0], seen[-1][1] - began


def parts_limit(settings: ProducerSettings, api: str) -> dict[str, float]:
    """Return rows a second of each part alone, and of all one after the other."""
    body = httpx.get(f"{api}/v3/app_usage_events", params={"per_page": PAGE}).content
    rows = orjson.loads(body)["resources"]
    records = [usage.from_v3(row, "f", Privacy()) for row in rows]
    schema = avro.parsed("AppUsageEvent")

    def encode(record: Any) -> bytes:
        out = BytesIO()
        fastavro.schemaless_writer(out, schema, record)
        return out.getvalue()

    values = [encode(record) for record in records]
    prepare_topics(admin_client(settings), settings, settings.resolved())
    producer = Producer(
        client_config(settings, **{"transactional.id": settings.topic_prefix + "parts", "compression.type": "lz4"})
    )
    producer.init_transactions()
    topic = f"{settings.topic_prefix}app-usage-events"

    def produce() -> None:
        producer.begin_transaction()
        for record, value in zip(records, values, strict=True):
            producer.produce(topic, value, (record["app_guid"] or "").encode())
        producer.commit_transaction()

    found = {
        "parse": best(lambda: orjson.loads(body)),
        "encode": best(lambda: [encode(record) for record in records]),
        "produce": best(produce),
    }
    return found | {"limit": 1 / sum(1 / rate for rate in found.values())}


def best(work: Any) -> float:
    """Return rows a second of the quickest of eight runs over a page."""
    times = []
    for _ in range(8):
        began = time.perf_counter()
        work()
        times.append(time.perf_counter() - began)
    return PAGE / min(times)


def plain_poller(settings: ProducerSettings, api: str, folder: Path, rows: int) -> float:
    """Poll as people write it: requests one after the other, a serializer for each row, the cursor in a file."""
    client = SchemaRegistryClient({"url": settings.schema_registry_url})
    topic = f"{settings.topic_prefix}app-usage-events"
    serialize = AvroSerializer(client, avro.text("AppUsageEvent"))
    producer = Producer(client_config(settings, **{"enable.idempotence": True}))
    cursor, state, done = None, folder / "cursor", 0
    began = time.perf_counter()
    with httpx.Client() as http:
        while done < rows:
            query = {"per_page": 50} | ({"after_guid": cursor} if cursor else {})
            answer = http.get(f"{api}/v3/app_usage_events", params=query)
            answer.raise_for_status()
            for row in answer.json()["resources"]:
                record: Any = usage.from_v3(row, "f", Privacy())
                for name in ("created_at", "updated_at"):
                    record[name] = record[name] // 1000 * 1000
                value = serialize(record, SerializationContext(topic, MessageField.VALUE))
                producer.produce(topic, value, record["app_guid"].encode())
                producer.poll(0)
                cursor = row["guid"]
                done += 1
            producer.flush()
            state.write_text(cursor or "")
    client.close()
    return done / (time.perf_counter() - began)


def test_a_backfill_beside_its_parts_and_a_plain_poller(stack: Stack, tmp_path: Path) -> None:
    registry = ConfluentRegistry(stack.registry_url)
    collect_seldom()
    limits, plains, rates = [], [], []
    for _ in range(ROUNDS):
        with pages(ROWS) as api, settings_for(stack, api) as settings:
            limits.append(parts_limit(settings, api))
            plains.append(plain_poller(settings, api, tmp_path, PLAIN_ROWS))
        with pages(ROWS) as api, settings_for(stack, api) as settings:
            rows, seconds = asyncio.run(backfilled(settings, registry))
            assert rows == ROWS
            rates.append(rows / seconds)
    limit = max(limits, key=lambda found: found["limit"])
    plain = max(plains)
    registry.close()
    ours = max(rates)
    print("\n" + ", ".join(f"{name} {rate:,.0f}/s" for name, rate in limit.items()))  # noqa: T201 - the figures
    print(f"back-fill {ours:,.0f}/s ({', '.join(f'{rate:,.0f}' for rate in rates)}), plain poller {plain:,.0f}/s")  # noqa: T201 - the figures
    print(f"of the parts' limit {ours / limit['limit']:.0%}, times the plain poller {ours / plain:.1f}")  # noqa: T201 - the figures
    assert ours >= 0.75 * limit["limit"]
    assert ours >= 5 * plain


def test_memory_stays_flat_over_a_long_backfill(stack: Stack) -> None:
    """A million rows with CFSTREAM_BENCH_ROWS=1000000."""
    with pages(ROWS) as api, settings_for(stack, api) as settings:
        environment = os.environ | {
            "CFSTREAM_KAFKA_BOOTSTRAP_SERVERS": stack.bootstrap_servers,
            "CFSTREAM_SCHEMA_REGISTRY_URL": stack.registry_url,
            "CFSTREAM_TOPIC_PREFIX": settings.topic_prefix,
            "CFSTREAM_PARTITIONS": "12",
            "CFSTREAM_CF_API": api,
            "CFSTREAM_CF_CLIENT_ID": "bench",
            "CFSTREAM_CF_CLIENT_SECRET": "bench",
            "CFSTREAM_LOG_FORMAT": "json",
        }
        command = [sys.executable, "-m", "cfstream", "producer", "run", "--until-caught-up", "--feed", FEEDS[0]]
        began = time.perf_counter()
        with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True) as child:
            assert child.stderr is not None
            process = psutil.Process(child.pid)
            by_page = [process.memory_info().rss / 2**20 for line in child.stderr if "page committed" in line]
        seconds = time.perf_counter() - began
        assert child.returncode == 0
    assert len(by_page) * PAGE >= ROWS
    early, late = max(by_page[: max(8, len(by_page) // 5)]), max(by_page[-len(by_page) // 5 :])
    rate = ROWS / seconds
    print(f"\n{ROWS:,} rows in {seconds:.1f} s, start included: {rate:,.0f}/s")  # noqa: T201 - the figures
    print(f"{early:.0f} MB early, {late:.0f} MB late")  # noqa: T201 - the figures
    assert late <= early + 30


def test_a_slow_api_is_the_only_thing_waited_for(stack: Stack) -> None:
    """Pages that take longer to come than to publish: the whole takes as long as the pages."""
    registry = ConfluentRegistry(stack.registry_url)
    rows, delay_s = 100_000, 0.5
    with pages(rows, delay_s) as api, settings_for(stack, api) as settings:
        latencies = []
        for _ in range(3):
            began = time.perf_counter()
            httpx.get(f"{api}/v3/app_usage_events", params={"per_page": PAGE})
            latencies.append(time.perf_counter() - began)
        published, seconds = asyncio.run(backfilled(settings, registry))
    registry.close()
    bound = rows // PAGE * max(latencies)
    print(f"\n{published:,} rows in {seconds:.2f} s; {rows // PAGE} pages of {max(latencies):.3f} s make {bound:.2f} s")  # noqa: T201 - the figures
    assert published == rows
    assert seconds <= 1.05 * bound + max(latencies)
