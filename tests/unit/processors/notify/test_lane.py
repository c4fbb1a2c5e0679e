"""Tries, waits and ends of a notification, on a clock that only moves by waiting."""

import asyncio
from collections.abc import Iterator
from email.utils import formatdate
from random import Random
from typing import Any

import httpx
import pytest
from support.alert_records import NOW, StepClock, alert

from plumbing.clock import SECOND
from processors.notify import batch as batches
from processors.notify.batch import Batch
from processors.notify.config import Heartbeat, Receiver
from processors.notify.decide import Telling
from processors.notify.heartbeat import beat
from processors.notify.lane import TRIES_AT_ONCE, Lane, Pace
from processors.notify.requests import Request
from processors.notify.sender import Outcome, Sender, judge

URL = "https://hooks.example/services/T0/B0/canary-secret"


def receiver(**given: Any) -> Receiver:
    return Receiver.model_validate({"name": "r", "type": "webhook", "url": URL, "per_second": 100} | given)


def batch(n: int = 0) -> Batch:
    one = alert(f"a{n}")
    return batches.make("r", f"g{n}", {}, [one], Telling(frozenset({one["id"]})), 0, NOW)


async def ends(
    answers: Iterator[Outcome], *, count: int = 1, clock: StepClock | None = None, **given: Any
) -> tuple[list[Outcome], list[Request], StepClock]:
    """Send ``count`` notifications; each try takes the next answer."""
    clock = clock or StepClock()
    ended: list[Outcome] = []
    tried: list[Request] = []
    all_ended = asyncio.Event()

    async def post(request: Request, *, timeout_s: float) -> Outcome:
        assert timeout_s > 0
        tried.append(request)
        return next(answers)

    async def done(_batch: Batch, outcome: Outcome) -> None:
        ended.append(outcome)
        if len(ended) == count:
            all_ended.set()

    one = receiver(**given)
    lane = Lane(one, post, done, pace=Pace(one.per_second, clock), clock=clock, random=Random(1))
    for n in range(count):
        await lane.put(batch(n))
    work = asyncio.create_task(lane.run())
    await asyncio.wait_for(all_ended.wait(), 10)
    work.cancel()
    await asyncio.gather(work, return_exceptions=True)
    return ended, tried, clock


async def test_a_try_that_fails_is_made_again_with_the_same_key() -> None:
    answers = iter([Outcome("retry", "answered 500")] * 10 + [Outcome("delivered")])
    ended, tried, clock = await ends(answers)
    assert [one.verdict for one in ended] == ["delivered"]
    assert len(tried) == 11
    assert len({request.headers["webhook-id"] for request in tried}) == 1
    assert clock.time_s < 600


async def test_no_try_comes_before_what_the_service_asked_to_wait() -> None:
    answers = iter([Outcome("retry", "answered 429", wait_s=90), Outcome("delivered")])
    _, _, clock = await ends(answers)
    assert clock.time_s >= 90


async def test_given_up_after_its_time() -> None:
    answers = iter([Outcome("retry", "connection failed (ConnectError)")] * 1000)
    ended, tried, clock = await ends(answers, give_up_after="10m")
    assert ended[0].verdict == "refused"
    assert "given up after" in ended[0].reason
    assert clock.time_s <= 600
    assert len(tried) < 40


async def test_a_refusal_is_final() -> None:
    ended, tried, _ = await ends(iter([Outcome("refused", "answered 404")]))
    assert (ended[0].reason, len(tried)) == ("answered 404", 1)


async def test_after_410_nothing_is_sent_to_that_url_any_more() -> None:
    ended, tried, _ = await ends(iter([Outcome("gone", "answered 410")] * 4), count=8)
    assert [one.verdict for one in ended] == ["gone"] * 8
    assert len(tried) <= 4, "those in flight together, and no later one"


async def test_requests_keep_the_pace_of_the_url() -> None:
    _, tried, clock = await ends(iter([Outcome("delivered")] * 50), count=50, per_second=2)
    assert len(tried) == 50
    assert clock.time_s >= (50 - 12) / 2


async def test_no_more_is_sent_than_may_be_in_hand_while_no_end_is_written_down() -> None:
    """So after a kill at most so many notifications come a second time."""
    tried: list[Request] = []
    to_write: list[asyncio.Event] = []

    async def post(request: Request, *, timeout_s: float) -> Outcome:
        assert timeout_s > 0
        tried.append(request)
        return Outcome("delivered")

    async def done(_batch: Batch, _outcome: Outcome) -> None:
        written = asyncio.Event()
        to_write.append(written)
        await written.wait()

    clock = StepClock()
    lane = Lane(receiver(), post, done, pace=Pace(100, clock), clock=clock, random=Random(1))
    for n in range(20):
        await lane.put(batch(n))
    work = asyncio.create_task(lane.run())
    await settled()
    assert len(tried) == TRIES_AT_ONCE
    to_write[0].set()
    await settled()
    assert len(tried) == TRIES_AT_ONCE + 1, "one end is written down, so one more goes out"
    work.cancel()
    await asyncio.gather(work, return_exceptions=True)


async def settled() -> None:
    """Let the tasks go on until each waits for something."""
    for _ in range(200):
        await asyncio.sleep(0)


async def test_the_queue_is_bounded_and_says_what_it_does_not_take() -> None:
    ended: list[Outcome] = []

    async def never(request: Request, *, timeout_s: float) -> Outcome:
        raise AssertionError(request, timeout_s)

    async def done(_batch: Batch, outcome: Outcome) -> None:
        ended.append(outcome)

    clock = StepClock()
    lane = Lane(receiver(), never, done, pace=Pace(1, clock), clock=clock, random=Random(1))
    for n in range(1005):
        await lane.put(batch(n))
    assert lane.waiting == 1000
    assert [one.verdict for one in ended] == ["refused"] * 5


@pytest.mark.parametrize(
    ("status", "headers", "body", "verdict", "wait_s"),
    [
        (200, {}, b"ok", "delivered", None),
        (202, {}, b"", "delivered", None),
        (302, {"location": "https://elsewhere.example"}, b"", "refused", None),
        (400, {}, b"invalid_payload", "refused", None),
        (404, {}, b"no_service", "refused", None),
        (410, {}, b"", "gone", None),
        (408, {}, b"", "retry", None),
        (429, {"retry-after": "30"}, b"", "retry", 30),
        (429, {}, b'{"message":"slow","retry_after":1.5}', "retry", 1.5),
        (429, {"retry-after": "1e9"}, b"", "retry", 3600),
        (500, {}, b"<html>", "retry", None),
        (503, {"retry-after": formatdate(NOW / SECOND + 120, usegmt=True)}, b"", "retry", 120),
    ],
)
def test_what_an_answer_means(
    status: int, headers: dict[str, str], body: bytes, verdict: str, wait_s: float | None
) -> None:
    outcome = judge(status, headers, body, NOW)
    assert (outcome.verdict, outcome.wait_s) == (verdict, wait_s)


@pytest.mark.parametrize("error", [httpx.ConnectError, httpx.ReadTimeout, httpx.RemoteProtocolError])
async def test_a_broken_connection_is_tried_again_and_never_shows_the_url(error: type[httpx.TransportError]) -> None:
    def broken(request: httpx.Request) -> httpx.Response:
        raise error(f"while talking to {request.url}")

    sender = Sender(StepClock(), httpx.MockTransport(broken))
    outcome = await sender(Request(URL, {}, b"{}"), timeout_s=5)
    await sender.close()
    assert outcome.verdict == "retry"
    assert "canary" not in outcome.reason


async def test_redirects_are_not_followed() -> None:
    seen: list[str] = []

    def elsewhere(request: httpx.Request) -> httpx.Response:
        seen.append(str(request.url))
        return httpx.Response(307, headers={"location": "https://elsewhere.example/"})

    sender = Sender(StepClock(), httpx.MockTransport(elsewhere))
    outcome = await sender(Request(URL, {}, b"{}"), timeout_s=5)
    await sender.close()
    assert outcome.verdict == "refused"
    assert seen == [URL]


async def test_a_receiver_that_hangs_is_left_after_its_timeout() -> None:
    async def hang(_request: httpx.Request) -> httpx.Response:
        await asyncio.Event().wait()
        raise AssertionError

    sender = Sender(StepClock(), httpx.MockTransport(hang))
    outcome = await sender(Request(URL, {}, b"{}"), timeout_s=0.05)
    await sender.close()
    assert (outcome.verdict, outcome.reason) == ("retry", "no answer within 0.05 s")


async def test_the_heartbeat_goes_on_when_a_beat_fails() -> None:
    clock = StepClock()
    posted: list[Request] = []
    enough = asyncio.Event()

    async def post(request: Request, *, timeout_s: float) -> Outcome:
        assert timeout_s > 0
        posted.append(request)
        if len(posted) == 5:
            enough.set()
        return Outcome("retry", "answered 500") if len(posted) == 2 else Outcome("delivered")

    settings = Heartbeat.model_validate({"url": "https://watch.example/x", "every": "1m"})
    work = asyncio.create_task(beat(settings, post, clock))
    await asyncio.wait_for(enough.wait(), 10)
    work.cancel()
    await asyncio.gather(work, return_exceptions=True)
    assert clock.waits[:4] == [60, 60, 60, 60]
