"""The one place where the producer's parts are put together from settings."""

from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Any, cast
from urllib.parse import urlsplit

import structlog

from plumbing.clock import Clock, iso
from plumbing.errors import UsageError
from plumbing.kafka import client_config
from producer.api.budget import Budget
from producer.api.client import CloudController, http_client
from producer.api.errors import ApiError
from producer.api.oauth import Token
from producer.api.patience import Patience
from producer.api.watch import Watch
from producer.checkpoint import BACKFILL
from producer.feeds.dialect import Version
from producer.feeds.reader import USAGE, Reader
from producer.metrics import Metrics
from producer.publish.batch import Batcher
from producer.publish.outlet import Decode, Identity, Outlet
from producer.settings import Foundation, ProducerSettings
from producer.snapshot.read import Reason, Source
from producer.snapshot.take import Snapshot, take
from producer.tail import Progress, Tail, TailOptions
from schemas.codec import Codec
from schemas.topics import Topics

log = structlog.get_logger()

NO_SNAPSHOTS = (
    "there is no v3 API to read snapshots from: an app is known from its first row on, and a gap stays until "
    "each app's next row"
)


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


@dataclass(frozen=True)
class Backfill:
    """Rows with ``since`` <= created_at < ``until`` that a tail left out at its start."""

    since: int
    until: int
    on_page: Callable[[Progress], None]


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
    ports.metrics.unchecked.labels(foundation.name).set(settings.cf_skip_ssl_validation)
    if settings.cf_skip_ssl_validation:
        warn_unchecked(foundation)
    watch = Counting(ports.metrics, foundation.name)
    return CloudController(
        foundation.api, foundation.credentials, http=http, clock=ports.clock, budget=Budget(), watch=watch
    )


def warn_unchecked(foundation: Foundation) -> None:
    """Say that anybody between us and this Cloud Controller could read the secret."""
    log.warning(
        "the Cloud Controller's certificate is not checked",
        foundation=foundation.name,
        hint="set CFSTREAM_CF_CA_FILE instead of CFSTREAM_CF_SKIP_SSL_VALIDATION",
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
    foundation: Foundation,
    feed: str,
    access: Access,
    settings: ProducerSettings,
    ports: Ports,
    *,
    ends_at: int | None = None,
) -> Reader:
    """Return the reader of a feed; ``ends_at`` for a backfill."""
    return Reader(
        feed=feed,
        version=access.version,
        api=access.api,
        patience=patience(foundation, ports),
        settle_s=settings.settle_seconds,
        overlap_s=settings.audit_overlap_seconds,
        page_size=settings.page_size,
        types=foundation.audit_types,
        ends_at=ends_at,
    )


def snapshots(
    foundation: Foundation, api: CloudController, settings: ProducerSettings, ports: Ports
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
            filters=foundation.filters,
        )
        return await take(source, encode, settings.partitions)

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
    until_caught_up: bool,
    backfill: Backfill | None = None,
) -> Tail:
    """Return a tail, or a backfill beside it, ready to run. Registers its schemas; blocks on the registry."""
    topics = topics_of(settings, foundation.topic_prefix)
    options = TailOptions(
        foundation=foundation.name,
        feed=feed,
        topic=(topics.usage if feed == USAGE else topics.audit).name,
        dead_letters=topics.dead_letters.name,
        snapshots=topics.snapshots.name,
        start=foundation.start if backfill is None else iso(backfill.since),
        poll_s=settings.poll_seconds,
        on_gap=settings.on_gap,
        until_caught_up=until_caught_up,
        snapshot_interval_s=settings.snapshot_interval_seconds,
        on_page=None if backfill is None else backfill.on_page,
    )
    take_snapshot = None
    if feed == USAGE and access.has_v3 and backfill is None:
        take_snapshot = snapshots(foundation, access.api, settings, ports)
    written_as = feed if backfill is None else feed + BACKFILL
    return Tail(
        options,
        reader(foundation, feed, access, settings, ports, ends_at=None if backfill is None else backfill.until),
        batcher(foundation, feed, settings, topics, ports),
        outlet(Identity(topics.prefix, foundation.name, written_as), settings, topics, ports),
        clock=ports.clock,
        random=ports.random,
        metrics=ports.metrics,
        take_snapshot=take_snapshot,
    )
