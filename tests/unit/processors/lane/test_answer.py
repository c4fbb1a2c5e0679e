"""Kafka that does not answer ends a worker that recovers, with one line; Faust would stand still without a word."""

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from support.lane_consumer import Thread, lane_app

from processors.lane import answer
from processors.lane.answer import ANSWER_S, NoAnswerError
from processors.lane.app import LaneApp
from processors.run import _until

OURS_S, FAUST_S = 0.05, 0.2
QUESTIONS = {
    "highwaters": "where the changelogs end",
    "earliest_offsets": "where the changelogs begin",
    "seek_wait": "where the changelogs are read from",
    "resume": "what the group has committed",
}


@pytest.fixture
async def recovering(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[tuple[LaneApp, Thread, Any]]:
    """An application whose recovery runs; it begins when it is signalled."""
    monkeypatch.setattr(answer, "ANSWER_S", OURS_S)
    app, thread = lane_app(tmp_path, monkeypatch)
    app.conf.broker_request_timeout = FAUST_S
    recovery: Any = app.tables.recovery  # type: ignore[attr-defined]  # not in Faust's interface
    recovery.recovery_delay = 0
    await recovery.start()
    yield app, thread, recovery
    await recovery.stop()


async def end(app: LaneApp) -> None:
    """Wait as the process does until the worker ends, and raise why."""
    await asyncio.wait_for(_until(asyncio.Event(), app, asyncio.Event().wait()), 10 * FAUST_S)  # type: ignore[arg-type]  # it never ends


@pytest.mark.parametrize("silent", QUESTIONS)
async def test_a_question_of_recovery_that_is_not_answered_ends_the_worker_with_one_line(
    silent: str, recovering: tuple[LaneApp, Thread, Any]
) -> None:
    app, thread, recovery = recovering
    thread.silent = silent
    recovery.signal_recovery_start.set()
    with pytest.raises(NoAnswerError, match=f"Kafka did not say for .* s {QUESTIONS[silent]}: the worker must start"):
        await end(app)


async def test_a_standstill_that_outlasts_both_limits_ends_the_worker_too(
    recovering: tuple[LaneApp, Thread, Any],
) -> None:
    app, thread, recovery = recovering
    thread.silent = "highwaters"
    recovery.signal_recovery_start.set()
    await asyncio.sleep(OURS_S / 2)
    time.sleep(2 * FAUST_S)  # noqa: ASYNC251 - the process is frozen
    with pytest.raises(NoAnswerError):
        await end(app)


async def test_faust_s_own_limit_ends_recovery_for_ever_and_nobody_hears_of_it(
    recovering: tuple[LaneApp, Thread, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(answer, "ANSWER_S", 10 * FAUST_S)
    app, thread, recovery = recovering
    thread.silent = "highwaters"
    recovery.signal_recovery_start.set()
    await asyncio.sleep(2 * FAUST_S)
    thread.silent = ""
    recovery.signal_recovery_start.set()
    await asyncio.sleep(FAUST_S)
    assert recovery.signal_recovery_start.is_set()  # nobody has seen it
    assert not app.crashed


async def test_a_recovery_that_is_answered_ends_nothing(recovering: tuple[LaneApp, Thread, Any]) -> None:
    app, _, recovery = recovering
    recovery.signal_recovery_start.set()
    await asyncio.wait_for(recovery.completed.wait(), 10 * FAUST_S)
    await asyncio.sleep(2 * OURS_S)
    assert not app.crashed


async def test_our_limit_is_well_before_faust_s(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    app, _ = lane_app(tmp_path, monkeypatch)
    assert app.conf.broker_request_timeout >= ANSWER_S + 20
