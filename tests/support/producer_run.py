"""A producer as a child process on a real Kafka, and what it published."""

import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from confluent_kafka.admin import AdminClient
from support.command import Ended, cfstream, clean_environment
from support.producer_world import Identified, identities

from schemas.codec import Codec
from schemas.reader import Row, rows
from schemas.registry import ConfluentRegistry
from schemas.topics import Topic, Topics
from standin.cloud_controller.controller import CloudController
from standin.cloud_controller.server import Tls, running
from standin.cloud_controller.service import Service

PARTITIONS = 3


@dataclass
class Site:
    """One simulated Cloud Controller, and topics of its own on a real Kafka."""

    cc: CloudController
    environment: dict[str, str]
    topics: Topics
    kafka: str
    codec: Codec
    folder: Path
    service: Service
    children: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def run(self, *arguments: str, **more: str) -> Ended:
        """Run a command to its end; ``more`` are settings in lower case."""
        return cfstream(*arguments, environment=self.settings(more), within_s=90)

    def good(self, *arguments: str, **more: str) -> Ended:
        """Run a command that must end with exit 0."""
        ended = self.run(*arguments, **more)
        assert ended.code == 0, f"cfstream {' '.join(arguments)}: {ended.code}: {ended.err[-3000:]}"
        return ended

    def settings(self, more: Mapping[str, str]) -> dict[str, str]:
        """Return the environment with more settings; an empty one is left out."""
        found = self.environment | {f"CFSTREAM_{name.upper()}": value for name, value in more.items()}
        return {name: value for name, value in found.items() if value}

    def start(self, name: str, *arguments: str, **more: str) -> subprocess.Popen[bytes]:
        """Start a command in the background; it logs to a file of that name."""
        with self.log(name).open("ab") as log:
            child = subprocess.Popen(
                [sys.executable, "-m", "cfstream", *arguments],
                env=clean_environment(self.settings(more)),
                stdout=log,
                stderr=log,
            )
        self.children.append(child)
        return child

    def log(self, name: str) -> Path:
        """Return the log of a child."""
        return self.folder / f"{name}.log"

    def said(self, name: str, text: str) -> int:
        """Count how often a child has logged a text."""
        return self.log(name).read_text("utf-8", "replace").count(text) if self.log(name).exists() else 0

    def committed(self, topic: Topic) -> list[Row]:
        """Return the committed records of a topic."""
        return list(rows({"bootstrap.servers": self.kafka}, topic.name))

    def decoded(self, topic: Topic) -> list[tuple[Row, dict[str, Any]]]:
        """Return the committed records of a topic, each with its place."""
        return [(row, self.codec.decode(row.value)) for row in self.committed(topic) if row.value is not None]

    def records(self, topic: Topic) -> list[dict[str, Any]]:
        """Return the committed records of a topic, decoded."""
        return [record for _, record in self.decoded(topic)]

    def published(self, topic: Topic) -> Counter[Identified]:
        """Count the committed rows of a feed's topic by identity."""
        return Counter((record["guid"], record["created_at"]) for record in self.records(topic))

    def assert_exact(self) -> None:
        """Both topics hold each row of the ledger once."""
        for topic, ledger in ((self.topics.usage, self.cc.ledger.usage), (self.topics.audit, self.cc.ledger.audit)):
            published, recorded = self.published(topic), identities(ledger)
            assert published == recorded, (
                f"{topic.name}: missing {recorded - published}, too many {published - recorded}"
            )


@contextmanager
def site(
    cc: CloudController,
    kafka: str,
    registry: str,
    prefix: str,
    folder: Path,
    *,
    tls: Tls | None = None,
    tidy: bool = True,
) -> Iterator[Site]:
    """Serve the Cloud Controller while the block runs; afterwards end the children and, if ``tidy``, delete the topics.

    A broker that ends with the test, or has just been frozen, is best left alone.
    """
    with running(cc, tls=tls) as address:
        environment = {
            "CFSTREAM_CF_API": str(address),
            "CFSTREAM_CF_CLIENT_ID": cc.options.client_id,
            "CFSTREAM_CF_CLIENT_SECRET": cc.options.client_secret,
            "CFSTREAM_KAFKA_BOOTSTRAP_SERVERS": kafka,
            "CFSTREAM_SCHEMA_REGISTRY_URL": registry,
            "CFSTREAM_TOPIC_PREFIX": prefix,
            "CFSTREAM_PARTITIONS": str(PARTITIONS),
            "CFSTREAM_SETTLE_SECONDS": "5",
            "CFSTREAM_POLL_SECONDS": "0.2",
            "CFSTREAM_SHARE_TAILS": "false",
        }
        client = ConfluentRegistry(registry)
        found = Site(cc, environment, Topics(prefix), kafka, Codec(client), folder, address.service)
        try:
            yield found
        finally:
            for child in found.children:
                with suppress(ProcessLookupError):
                    os.kill(child.pid, signal.SIGCONT)
                child.kill()
                child.wait()
            if tidy:
                delete_topics(kafka, prefix)
            client.close()


def delete_topics(kafka: str, prefix: str) -> None:
    """Delete the topics whose names begin so."""
    admin = AdminClient({"bootstrap.servers": kafka})
    there = [name for name in admin.list_topics(timeout=15).topics if name.startswith(prefix)]
    for future in admin.delete_topics(there, operation_timeout=30).values() if there else ():
        future.result(timeout=30)
