"""A worker process: runs until told to stop, ends on the first fault."""

import asyncio
import contextlib
import signal
from collections.abc import AsyncIterator
from typing import Any

import structlog
from faust.types import TP
from prometheus_client import CollectorRegistry

from plumbing.errors import CfstreamError
from plumbing.health import Health, serving
from plumbing.settings import masked
from processors.alerts.files import load_rules
from processors.alerts.rules import Rules
from processors.lane.app import LaneApp
from processors.lane.check import check as check_libraries
from processors.parts import Parts, build
from processors.settings import WorkerSettings
from processors.timekeeper import Timekeeper
from processors.topics import require_topics
from schemas.topics import Topics

_log = structlog.get_logger(__name__)

STOP_S = 30.0
"""A clean stop takes about a second. Correctness does not depend on it."""


async def run(settings: WorkerSettings, *, rules: Rules | None = None, until_caught_up: bool = False) -> None:
    """Run a worker until SIGTERM or SIGINT, or until it has caught up. Raise CfstreamError on any fault."""
    check_libraries()
    rules = rules or load_rules(settings.alerts_config)
    topics = Topics(settings.topic_prefix, retention_days=settings.retention_days)
    require_topics(settings, topics)
    registry = CollectorRegistry()
    health = Health()
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    with serving(health, registry, settings.http_host, settings.http_port) as port:
        shown = masked(settings) | {"http_port": port}
        _log.info("worker starts", **{name: str(value) for name, value in shown.items()})
        parts = build(settings, topics, rules, registry)
        health.ready["tables"] = parts.probes.ready
        health.live["progress"] = parts.probes.live
        async with _running(parts):
            await _until_over(parts.app, parts.timekeeper, stop, until_caught_up=until_caught_up)


@contextlib.asynccontextmanager
async def _running(parts: Parts) -> AsyncIterator[None]:
    """Start the worker's parts, and stop them."""
    app = parts.app

    @app.on_partitions_revoked.connect
    async def revoked(*_signal: Any, **_more: Any) -> None:
        parts.probes.rebalance_began()
        await parts.worker.revoked()

    @parts.states.on_recover
    async def recovered() -> None:
        try:
            known = await parts.worker.recovered(sorted(parts.timekeeper.sources()))
            refuse_made_anew(known, await app.lane.ends(list(known)))
            parts.probes.recovered()
        except Exception as error:  # noqa: BLE001 - Faust would drop it, and go on without the derived state
            await app.crash(error)

    app.finalize()
    watching = asyncio.create_task(parts.probes.watch())
    try:
        await app.start()
        yield
    finally:
        watching.cancel()
        try:
            await asyncio.wait_for(app.stop(), STOP_S)
        except TimeoutError:
            _log.warning("the worker did not stop in time; what is durable is whole", seconds=STOP_S)
        await parts.close()


def refuse_made_anew(known: dict[TP, int], ends: dict[TP, int]) -> None:
    """Raise CfstreamError when a source ends before what the tables have applied of it.

    Offsets tell the tables what they have applied. In a topic that was deleted and made anew the old offsets come
    again, and every row would be taken for one that is known.
    """
    for tp, position in known.items():
        if ends.get(tp, position) < position:
            raise CfstreamError(
                f"{tp.topic}/{tp.partition} ends at {ends[tp]}, but the tables have applied it up to {position}: the "
                "topic was made anew. Stop the workers, delete their tables (the topics whose names end in app-state "
                "and worker-progress) and start again; then take a snapshot"
            )


async def _until_over(app: LaneApp, timekeeper: Timekeeper, stop: asyncio.Event, *, until_caught_up: bool) -> None:
    keeping = asyncio.create_task(timekeeper.run(until_caught_up=until_caught_up))
    stopping = asyncio.create_task(stop.wait())
    crashing = asyncio.create_task(app._crashed.wait())  # noqa: SLF001 - mode has no public way to wait for it
    await asyncio.wait({keeping, stopping, crashing}, return_when=asyncio.FIRST_COMPLETED)
    for task in (stopping, crashing):
        task.cancel()
    if app.crashed:
        keeping.cancel()
        reason = app.crash_reason
        if isinstance(reason, CfstreamError):
            raise reason
        raise CfstreamError(f"the worker failed and must start anew: {reason!r}") from reason
    if keeping.done():
        await keeping
    else:
        keeping.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await keeping
