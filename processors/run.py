"""A worker process: runs until told to stop, ends on the first fault."""

import asyncio
import contextlib
import logging
import os
import signal
from collections.abc import AsyncIterator, Coroutine
from typing import Any

import structlog
from prometheus_client import CollectorRegistry

from plumbing.errors import CfstreamError
from plumbing.health import Health, serving
from plumbing.settings import masked
from plumbing.waiting import StoppedError
from processors.alerts.files import load_rules
from processors.alerts.rules import Rules
from processors.lane.answer import answered
from processors.lane.app import LaneApp
from processors.lane.check import check as check_libraries
from processors.parts import Parts, build
from processors.settings import WorkerSettings
from processors.sources import refuse_other_topics, refuse_shorter
from processors.start import prepare
from schemas.topics import Topics

_log = structlog.get_logger(__name__)

STOP_S = 20.0
"""A clean stop takes about a second. Correctness does not depend on it, and Kubernetes waits no longer than 30 s."""


async def run(settings: WorkerSettings, *, rules: Rules | None = None, until_caught_up: bool = False) -> None:
    """Run a worker until SIGTERM or SIGINT, or until it has caught up. Raise CfstreamError on any fault."""
    check_libraries()
    rules = rules or load_rules(settings.alerts_config)
    topics = Topics(settings.topic_prefix, retention_days=settings.retention_days)
    registry = CollectorRegistry()
    health = Health()
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    with contextlib.suppress(StoppedError), serving(health, registry, settings.http_host, settings.http_port) as port:
        shown = masked(settings) | {"http_port": port}
        _log.info("worker starts", **{name: str(value) for name, value in shown.items()})
        await prepare(settings, topics, stop, patient=not until_caught_up)
        parts = build(settings, topics, rules, registry)
        health.ready["tables"] = parts.probes.ready
        health.live["progress"] = parts.probes.live
        async with _ending(parts):
            await parts.sources.look()
            parts.progress.remember(parts.sources.ids)
            if await _until(stop, parts.app, parts.app.start()):
                await _until(stop, parts.app, parts.timekeeper.run(until_caught_up=until_caught_up))
    _log.info("worker ends")


@contextlib.asynccontextmanager
async def _ending(parts: Parts) -> AsyncIterator[None]:
    """Make the worker's parts ready to start; stop them in the end, however far they have come."""
    app = parts.app

    @app.on_partitions_revoked.connect
    async def revoked(*_signal: Any, **_more: Any) -> None:
        parts.probes.rebalance_began()
        await parts.worker.revoked()

    @parts.states.on_recover
    async def recovered() -> None:
        try:
            partitions = sorted(parts.timekeeper.sources())
            known = await parts.worker.recovered(partitions)
            refuse_shorter(known, await answered("where the sources end", app.lane.ends(list(known))))
            for partition in partitions:
                refuse_other_topics(parts.progress.source_ids(partition), parts.sources.ids)
            parts.probes.recovered()
        except Exception as error:  # noqa: BLE001 - Faust would drop it, and go on without the derived state
            await app.crash(error)

    app.finalize()
    watching = [
        asyncio.create_task(parts.probes.watch()),
        asyncio.create_task(parts.sources.watch(app.crash)),
        asyncio.create_task(parts.standstill.watch()),
    ]
    try:
        yield
    finally:
        for task in watching:
            task.cancel()
        await _stop(app)
        await parts.close()


async def _stop(app: LaneApp) -> None:
    stopping = asyncio.create_task(app.stop())
    await asyncio.wait({stopping}, timeout=STOP_S)
    if stopping.done():
        return stopping.result()
    _log.warning("the worker did not stop in time; what is durable is whole", seconds=STOP_S)
    # Faust's services swallow a cancellation, and its thread is no daemon: whoever waits for them waits for ever.
    logging.shutdown()
    os._exit(0)


async def _until(stop: asyncio.Event, app: LaneApp, work: Coroutine[Any, Any, None]) -> bool:
    """Do a piece of work; return whether it came to its end, False when ``stop`` came first.

    Raise CfstreamError when the application crashes meanwhile, or what the work itself raises.
    """
    working = asyncio.create_task(work)
    stopping = asyncio.create_task(stop.wait())
    crashing = asyncio.create_task(app._crashed.wait())  # noqa: SLF001 - mode has no public way to wait for it
    await asyncio.wait({working, stopping, crashing}, return_when=asyncio.FIRST_COMPLETED)
    done = working.done()
    for task in (working, stopping, crashing):
        task.cancel()
    if app.crashed:
        await asyncio.wait({working})
        reason = app.crash_reason
        if isinstance(reason, CfstreamError):
            raise reason
        raise CfstreamError(f"the worker failed and must start anew: {reason!r}") from reason
    with contextlib.suppress(asyncio.CancelledError):
        await working
    return done
