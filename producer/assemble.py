"""The one place where the producer's parts are put together from settings."""

from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Any, cast
from urllib.parse import urlsplit

from plumbing.clock import Clock
from plumbing.errors import UsageError
from plumbing.kafka import client_config
from producer.api.budget import Budget
from producer.api.client import CloudController, http_client
from producer.api.errors import ApiError
from producer.api.oauth import Token
from producer.api.patience import Patience
from producer.api.watch import Watch
from producer.feeds.dialect import Version
from producer.feeds.reader import USAGE, Reader
from producer.metrics import Metrics
from producer.publish.batch import Batcher
from producer.publish.outlet import Decode, Identity, Outlet
from producer.settings import Foundation, ProducerSettings
from producer.snapshot.read import Reason, Source
from producer.snapshot.take import Snapshot, take
from producer.tail import Tail, TailOptions
from schemas.codec import Codec
from schemas.topics import Topics


@dataclass(frozen=True)
class Ports:
    """What reaches the outside world, and time."""

    clock: Clock
    random: Random
    metrics: Metrics
    codec: Codec


@dataclass(frozen=True)
class Access:
    """A Cloud Controller that lets us in: which API version to read, and whether it has v3 at all."""

    api: CloudController
    version: Version
    has_v3: bool


class Counting(Watch):
    """Counts requests and tokens of one foundation."""

    def __init__(self, metrics: Metrics, foundation: str) -> None:
        self._metrics = metrics
        self._foundation = foundation

    def request(self, what: str, status: str, seconds: float) -> None:
        """Count by path; a guid at its end is left out."""
        parts = what.removeprefix("GET ").split("/")
        path = "/".join(parts[:3]) + ("/:guid" if len(parts) > 3 else "")  # noqa: PLR2004 - "", version, name, guid
        self._metrics.requests.labels(self._foundation, path, status).inc()
        self._metrics.latency.labels(self._foundation).observe(seconds)

    def token(self, token: Token) -> None:
        """Note when the token was got."""
        self._metrics.token_issued.labels(self._foundation).set(token.issued_at / 1_000_000)

    def retry(self, what: str) -> None:
        """Count what is tried again."""
        self._metrics.retries.labels(self._foundation, what).inc()

    def budget(self, remaining: int | None) -> None:
        """Note the budget left."""
        if remaining is not None:
            self._metrics.budget.labels(self._foundation).set(remaining)


def topics_of(settings: ProducerSettings, prefix: str) -> Topics:
    """Return the topics under a prefix."""
    return Topics(prefix, retention_days=settings.retention_days)


def cloud_controller(foundation: Foundation, settings: ProducerSettings, ports: Ports) -> CloudController:
    """Return the client of a foundation; it connects when first used. Raise UsageError for an unusable CA file."""
    try:
        http = http_client(
            foundation.ca_file, timeout_s=settings.cf_timeout_seconds, verify=not settings.cf_skip_ssl_validation
        )
    except ApiError as error:
        raise UsageError(str(error)) from error
    watch = Counting(ports.metrics, foundation.name)
    return CloudController(
        foundation.api, foundation.credentials, http=http, clock=ports.clock, budget=Budget(), watch=watch
    )


def patience(foundation: Foundation, ports: Ports) -> Patience:
    """Return the retry layer of one tail."""
    return Patience(ports.clock, ports.random, watch=Counting(ports.metrics, foundation.name))


async def version_of(foundation: Foundation, api: CloudController) -> Version:
    """Return the API version to read: as set, else v3 where there is one. Raise UsageError, ApiError."""
    links = await api.links()
    if foundation.version == "v2" and not links.v2:
        raise UsageError(
            f"CFSTREAM_CF_API_VERSION=v2: {urlsplit(foundation.api).hostname} has switched v2 off; use auto or v3"
        )
    if foundation.version == "v3" and not links.v3:
        raise UsageError(f"CFSTREAM_CF_API_VERSION=v3: {urlsplit(foundation.api).hostname} has no v3; use auto or v2")
    if foundation.version != "auto":
        return foundation.version
    return "v3" if links.v3 else "v2"


def reader(
    foundation: Foundation, feed: str, api: CloudController, version: Version, settings: ProducerSettings, ports: Ports
) -> Reader:
    """Return the reader of a feed."""
    return Reader(
        feed=feed,
        version=version,
        api=api,
        patience=patience(foundation, ports),
        settle_s=settings.settle_seconds,
        overlap_s=settings.audit_overlap_seconds,
        page_size=settings.page_size,
        types=foundation.audit_types,
    )


def snapshots(
    foundation: Foundation, api: CloudController, settings: ProducerSettings, ports: Ports, partitions: int
) -> Callable[[str], Any]:
    """Return the function that takes a snapshot for a reason."""
    topics = topics_of(settings, foundation.topic_prefix)
    encode = ports.codec.encoder(topics.snapshots.name, topics.snapshots.schema)

    async def taken(reason: str) -> Snapshot:
        source = Source(
            api=api,
            patience=patience(foundation, ports),
            foundation=foundation.name,
            reason=cast("Reason", reason),
            settle_s=settings.settle_seconds,
        )
        return await take(source, encode, partitions)

    return taken


def outlet(identity: Identity, settings: ProducerSettings, topics: Topics, ports: Ports) -> Outlet:
    """Return the way into Kafka for one writer."""
    return Outlet(
        identity,
        client_config(settings),
        topics.checkpoints.name,
        encode=ports.codec.encoder(topics.checkpoints.name, topics.checkpoints.schema),
        decode=cast("Decode", ports.codec.decode),
        clock=ports.clock,
        random=ports.random,
    )


def batcher(foundation: Foundation, feed: str, settings: ProducerSettings, topics: Topics, ports: Ports) -> Batcher:
    """Return the encoder of a feed's pages."""
    topic = topics.usage if feed == USAGE else topics.audit
    return Batcher(
        foundation=foundation.name,
        feed=feed,
        encode=ports.codec.encoder(topic.name, topic.schema),
        encode_dead=ports.codec.encoder(topics.dead_letters.name, topics.dead_letters.schema),
        keep=settings.privacy,
        filters=foundation.filters,
    )


def tail(
    foundation: Foundation,
    feed: str,
    access: Access,
    settings: ProducerSettings,
    ports: Ports,
    *,
    partitions: int,
    until_caught_up: bool,
) -> Tail:
    """Return a tail, ready to run. Registers its schemas; blocks on the registry."""
    topics = topics_of(settings, foundation.topic_prefix)
    options = TailOptions(
        foundation=foundation.name,
        feed=feed,
        topic=(topics.usage if feed == USAGE else topics.audit).name,
        dead_letters=topics.dead_letters.name,
        snapshots=topics.snapshots.name,
        start=foundation.start,
        poll_s=settings.poll_seconds,
        on_gap=settings.on_gap,
        until_caught_up=until_caught_up,
        snapshot_interval_s=settings.snapshot_interval_seconds,
    )
    take_snapshot = None
    if feed == USAGE and access.has_v3:
        take_snapshot = snapshots(foundation, access.api, settings, ports, partitions)
    return Tail(
        options,
        reader(foundation, feed, access.api, access.version, settings, ports),
        batcher(foundation, feed, settings, topics, ports),
        outlet(Identity(topics.prefix, foundation.name, feed), settings, topics, ports),
        clock=ports.clock,
        metrics=ports.metrics,
        take_snapshot=take_snapshot,
    )
