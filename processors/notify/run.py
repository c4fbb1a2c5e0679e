"""The notifier process: puts the parts together, stands by or leads, runs until told to stop."""

import asyncio
import signal
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager, suppress
from random import Random
from typing import Any

import structlog
from prometheus_client import CollectorRegistry

from plumbing.clock import Clock, SystemClock
from plumbing.errors import CfstreamError, UsageError
from plumbing.health import Health, serving
from plumbing.kafka import admin_client, client_config, registry_options
from plumbing.settings import masked
from plumbing.waiting import StoppedError
from processors.alerts.files import read
from processors.alerts.rules import Rules
from processors.lane.writer import Writer
from processors.notify.api import View, application
from processors.notify.api import serving as serving_api
from processors.notify.config import AlertsConfig, read_config
from processors.notify.decoding import Decoding
from processors.notify.heartbeat import beat
from processors.notify.inbox import Inbox
from processors.notify.lane import Done, Lane, Pace
from processors.notify.leader import Leadership
from processors.notify.metrics import NotifierMetrics
from processors.notify.requests import Request
from processors.notify.sender import Outcome, Post, Sender
from processors.notify.session import MakeLanes, Session
from processors.notify.settings import NotifierSettings
from processors.notify.silence_store import SilenceStore
from processors.notify.storm_watch import StormWatch
from processors.start import prepare
from schemas.codec import Codec
from schemas.errors import SetupError
from schemas.registry import ConfluentRegistry, IncompatibleSchemaError
from schemas.topics import Topics

_log = structlog.get_logger(__name__)
_STANDBY_LOOK_S = 0.5


def configuration(settings: NotifierSettings) -> AlertsConfig:
    """Return the alerts file with what the settings add. Raise UsageError with line and field."""
    document = read(settings.alerts_config) if settings.alerts_config else None
    return read_config(document, settings.slack_webhook_url, settings.secret_file("slack_webhook_url"))


async def run(settings: NotifierSettings) -> None:
    """Run a notifier until SIGTERM or SIGINT. Raise CfstreamError on any fault that it cannot heal."""
    config = configuration(settings)
    if not config.receivers:
        raise UsageError(
            "there is nobody to notify: set CFSTREAM_SLACK_WEBHOOK_URL, or CFSTREAM_ALERTS_CONFIG to a file "
            "with receivers"
        )
    for receiver in config.receivers:
        receiver.address()
    topics = Topics(settings.topic_prefix, retention_days=settings.retention_days)
    registry = CollectorRegistry()
    metrics = NotifierMetrics(registry)
    health = Health()
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    with suppress(StoppedError), serving(health, registry, settings.http_host, settings.http_port) as port:
        _log.info("notifier starts", http_port=port, **_shown(settings))
        await prepare(settings, topics, stop)
        notifier = Notifier(settings, config, topics, metrics)
        health.live["notifier"] = notifier.trouble
        try:
            with _api(settings, notifier.view):
                await notifier.run(stop)
        except BaseExceptionGroup as errors:
            raise _first(errors) from None
    _log.info("notifier ends")


class Notifier:
    """Stands by until it leads, then runs sessions; a lost leadership ends the session and nothing else."""

    def __init__(
        self,
        settings: NotifierSettings,
        config: AlertsConfig,
        topics: Topics,
        metrics: NotifierMetrics,
        clock: Clock | None = None,
    ) -> None:
        self._settings = settings
        self._config = config
        self._topics = topics
        self._metrics = metrics
        self._clock = clock or SystemClock()
        self._client = client_config(settings)
        self._beat = self._clock.monotonic()
        self.view = View()

    def trouble(self) -> str | None:
        """Say what is wrong when the leader has made no round for a minute."""
        silent_s = self._clock.monotonic() - self._beat
        return f"no round for {silent_s:.0f} s" if silent_s > 60 else None  # noqa: PLR2004 - a minute

    async def run(self, stop: asyncio.Event) -> None:
        """Run until ``stop`` is set. Raise CfstreamError, in a group."""
        codec = Codec(ConfluentRegistry(self._settings.schema_registry_url, **registry_options(self._settings)))
        leadership = Leadership(self._client, self._settings.notifier_group, self._topics.notifications.name)
        sender = Sender(self._clock)
        try:
            async with asyncio.TaskGroup() as group:
                election = group.create_task(leadership.run())
                stopping = group.create_task(_then(stop, leadership.lost.set))
                while not stop.is_set():
                    self._alive()
                    if await _within(leadership.held.wait(), _STANDBY_LOOK_S) and not stop.is_set():
                        await self._lead(codec, sender, leadership)
                election.cancel()
                stopping.cancel()
        finally:
            await sender.close()

    async def _lead(self, codec: Codec, sender: Sender, leadership: Leadership) -> None:
        _log.info("this notifier leads")
        self._metrics.leader.set(1)
        try:
            await self._session(codec, sender).run(leadership.lost, self._alive)
        finally:
            self._metrics.leader.set(0)
        _log.info("this notifier leads no more")

    def _alive(self) -> None:
        self._beat = self._clock.monotonic()

    def _session(self, codec: Codec, sender: Sender) -> Session:
        topics, group, clock, metrics = self._topics, self._settings.notifier_group, self._clock, self._metrics
        writer = Writer(self._client)
        try:
            decoding = Decoding(codec, topics, writer, clock, metrics)
            storms = StormWatch(
                rules=Rules(rules=self._config.rules).storms,
                topics=topics,
                inbox=Inbox(self._client, f"{group}-storms", resumed=[topics.audit], whole=[topics.checkpoints]),
                admin=admin_client(self._settings),
                writer=writer,
                decoding=decoding,
                encode=codec.encoder(topics.alerts.name, topics.alerts.schema),
                clock=clock,
                metrics=metrics,
            )
            inbox = Inbox(
                self._client,
                group,
                resumed=[topics.alerts],
                whole=[topics.notifications, topics.silences, topics.checkpoints, topics.progress],
                news=[topics.dead_letters, topics.drift],
            )
            return Session(
                config=self._config,
                topics=topics,
                inbox=inbox,
                writer=writer,
                codec=codec,
                clock=clock,
                metrics=metrics,
                make_lanes=lanes(self._config, sender, clock, metrics),
                decoding=decoding,
                view=self.view,
                beside=[storms.run, lambda: beat(self._config.heartbeat, sender, clock)],
            )
        except IncompatibleSchemaError as error:
            raise CfstreamError(f"{error}: a newer cfstream has registered a schema that this one breaks") from error


@contextmanager
def _api(settings: NotifierSettings, view: View) -> Iterator[None]:
    """Serve the API while the body runs, where a port is set."""
    if settings.notifier_api_port is None:
        yield
        return
    if settings.notifier_api_token is None:
        raise UsageError("CFSTREAM_NOTIFIER_API_PORT needs CFSTREAM_NOTIFIER_API_TOKEN: silences are not for everybody")
    token = settings.notifier_api_token.get_secret_value()
    with SilenceStore.open(settings) as store:
        app = application(view, store, token, SystemClock())
        with serving_api(app, settings.http_host, settings.notifier_api_port) as port:
            _log.info("the API listens", api_port=port)
            yield


def lanes(config: AlertsConfig, post: Post, clock: Clock, metrics: NotifierMetrics) -> MakeLanes:
    """Return what makes a lane for each receiver. Receivers with one URL share its pace."""

    def make(done: Done) -> dict[str, Lane]:
        paces: dict[str, Pace] = {}
        made = {}
        for receiver in config.receivers:
            pace = paces.setdefault(receiver.address(), Pace(receiver.per_second, clock))
            made[receiver.name] = Lane(
                receiver,
                _counted(post, receiver.name, metrics),
                done,
                pace=pace,
                clock=clock,
                random=Random(),  # noqa: S311 - jitter
                external_url=config.external_url,
            )
        return made

    return make


def _counted(post: Post, receiver: str, metrics: NotifierMetrics) -> Post:
    async def counted(request: Request, *, timeout_s: float) -> Outcome:
        outcome = await post(request, timeout_s=timeout_s)
        metrics.tries.labels(receiver, outcome.verdict).inc()
        return outcome

    return counted


def _shown(settings: NotifierSettings) -> dict[str, str]:
    return {
        name: str(value)
        for name, value in masked(settings).items()
        if name in ("notifier_group", "alerts_config", "slack_webhook_url", "kafka_bootstrap_servers")
        and value is not None
    }


async def _within(waiting: Coroutine[Any, Any, object], seconds: float) -> bool:
    try:
        async with asyncio.timeout(seconds):
            await waiting
    except TimeoutError:
        return False
    return True


async def _then(event: asyncio.Event, act: Callable[[], None]) -> None:
    await event.wait()
    act()


def _first(errors: BaseExceptionGroup[BaseException]) -> BaseException:
    """Return the one error that says why, out of a task group's."""
    for error in errors.exceptions:
        if isinstance(error, BaseExceptionGroup):
            return _first(error)
        if isinstance(error, (CfstreamError, SetupError)):
            return error
    return errors.exceptions[0]
