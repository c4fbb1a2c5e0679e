"""The client and the one retry layer, on the simulated Cloud Controller without sockets."""

import asyncio
from datetime import UTC, datetime
from email.utils import format_datetime
from pathlib import Path
from random import Random
from typing import Any

import httpx
import orjson
import pytest
import structlog
from pydantic import SecretStr
from support.producer_world import HandClock, World
from support.simulated import standing_still

from plumbing.backoff import Backoff
from plumbing.waiting import StoppedError
from producer.api.answer import Answer, error_of, read, retry_after_s
from producer.api.budget import Budget
from producer.api.client import CloudController
from producer.api.errors import (
    ForbiddenError,
    LimitedError,
    LoginError,
    RefusedError,
    RetriableError,
    TokenRefusedError,
)
from producer.api.oauth import Credentials
from producer.api.patience import Patience
from producer.run import remind
from producer.settings import FEEDS, ProducerSettings
from standin.cloud_controller.faults import Fault
from standin.cloud_controller.options import Options, RateLimit

EVENTS = "/v3/app_usage_events"


def world(*faults: Fault, options: Options | None = None) -> World:
    cc = standing_still(usage_rows=60, options=options)
    cc.step(120)
    found = World(cc)
    for fault in faults:
        found.service.faults.add(fault)
    return found


def paths(found: World) -> list[str]:
    return [request.url.path for request in found.requests]


def tokens(found: World) -> int:
    return paths(found).count("/uaa/oauth/token")


@pytest.mark.parametrize(
    "fault",
    [
        Fault("status", EVENTS, status=500, count=3),
        Fault("status", EVENTS, status=504, count=1),
        Fault("html", EVENTS, status=502, count=2),
        Fault("html", EVENTS, status=200, count=2),
        Fault("empty", EVENTS, count=2),
        Fault("truncated_json", EVENTS, count=2),
        Fault("cut_gzip", EVENTS, count=2),
        Fault("status", "/uaa/oauth/token", status=503, count=2),
        Fault("status", EVENTS, status=429, retry_after=7),
        Fault("status", EVENTS, status=503, retry_after=7, as_date=True),
        Fault("status", EVENTS, status=401),
    ],
    ids=lambda fault: f"{fault.kind} {fault.status} {fault.path}",
)
def test_what_may_heal_is_read_again_whole(fault: Fault) -> None:
    found = world(fault)
    found.page_size = 20
    asyncio.run(found.session())
    assert sum(each.hits for each in found.service.faults.script) == fault.count
    assert [record["guid"] for record in found.records] == [row.guid for row in found.cc.ledger.usage]


@pytest.mark.parametrize("as_date", [False, True])
def test_retry_after_is_obeyed_in_seconds_and_as_a_date(*, as_date: bool) -> None:
    found = world(Fault("status", EVENTS, status=429, retry_after=40, as_date=as_date))
    asyncio.run(found.session())
    assert 39 <= found.clock.slept[0] < 42


def test_a_wait_is_jittered_grows_and_is_capped() -> None:
    clock = HandClock()
    failures = 12

    async def call() -> int:
        nonlocal failures
        failures -= 1
        if failures:
            raise RetriableError("away")
        return 7

    patience = Patience(clock, Random(3), backoff=Backoff(first_s=1, cap_s=20))
    assert asyncio.run(patience.until_done(call)) == 7
    assert patience.trouble is None
    for attempt, slept in enumerate(clock.slept):
        ceiling = min(20, 2**attempt)
        assert ceiling / 2 <= slept <= ceiling
    assert len({round(slept, 6) for slept in clock.slept}) == 11


def test_what_does_not_heal_passes_at_once() -> None:
    async def call() -> int:
        raise RefusedError("no", 400, 10005)

    clock = HandClock()
    with pytest.raises(RefusedError):
        asyncio.run(Patience(clock, Random(1)).until_done(call))
    assert clock.slept == []


def test_many_requests_at_once_log_in_once() -> None:
    found = world()

    async def many() -> None:
        client = found.client()
        await asyncio.gather(*(client.get(EVENTS) for _ in range(20)))
        await client.close()

    asyncio.run(many())
    assert tokens(found) == 1


def test_a_token_is_renewed_before_it_ends() -> None:
    found = world()

    async def twice() -> None:
        client = found.client()
        await client.get(EVENTS)
        found.clock.seconds += 0.79 * found.cc.options.token_lifetime_s
        await client.get(EVENTS)
        assert tokens(found) == 1
        found.clock.seconds += 0.02 * found.cc.options.token_lifetime_s
        await client.get(EVENTS)
        await client.close()

    asyncio.run(twice())
    assert tokens(found) == 2


def test_a_revoked_token_costs_one_login_and_the_page_is_asked_for_again() -> None:
    found = world()

    async def twice() -> Answer:
        client = found.client()
        await client.get(EVENTS)
        found.cc.uaa.revoke_all()
        answer = await client.get(EVENTS)
        await client.close()
        return answer

    assert asyncio.run(twice()).body["resources"]
    assert tokens(found) == 2


def test_a_uaa_that_is_away_when_a_renewal_is_due_disturbs_nobody_until_the_token_ends() -> None:
    found = world()

    async def go() -> None:
        client = found.client()
        await client.get(EVENTS)
        found.service.faults.add(Fault("status", "/uaa/oauth/token", status=503, count=None))
        found.clock.seconds += 0.9 * found.cc.options.token_lifetime_s
        await client.get(EVENTS)
        found.clock.seconds += 0.2 * found.cc.options.token_lifetime_s
        with pytest.raises(RetriableError):
            await client.get(EVENTS)
        await client.close()

    asyncio.run(go())


def test_a_scope_lost_while_running_is_noticed_at_the_next_token_instead_of_an_empty_list() -> None:
    found = world()

    async def go() -> None:
        client = found.client()
        await client.get(EVENTS)
        found.cc.options.scopes = ("cloud_controller.read",)
        found.cc.uaa.revoke_all()
        with pytest.raises(ForbiddenError, match="empty lists"):
            await client.get(EVENTS)
        await client.close()

    asyncio.run(go())


def test_no_redirect_is_followed_with_the_token() -> None:
    found = world(Fault("redirect", EVENTS, status=302, count=None))

    async def go() -> None:
        client = found.client()
        with pytest.raises(RefusedError, match="not followed"):
            await client.get(EVENTS)
        await client.close()

    asyncio.run(go())
    assert {request.url.host for request in found.requests} == {"cc.test"}


def test_a_link_to_another_origin_is_refused() -> None:
    async def go() -> None:
        client = world().client()
        with pytest.raises(RefusedError, match=r"leaves http://cc\.test:80"):
            await client.get("http://evil.test/v3/app_usage_events?page=2")
        assert client.resolve("http://cc.test:80/v3/x") == "http://cc.test:80/v3/x"
        await client.close()

    asyncio.run(go())


def test_next_links_are_never_followed_so_a_foreign_one_does_no_harm() -> None:
    found = world(Fault("foreign_next", EVENTS, count=None))
    found.page_size = 20
    asyncio.run(found.session())
    assert {request.url.host for request in found.requests} == {"cc.test"}
    assert len(found.records) == len(found.cc.ledger.usage)


def test_a_rate_limit_is_respected_before_it_is_used_up() -> None:
    found = world(options=Options(api_rate_limit=RateLimit(requests=30, window_s=3600)))
    found.page_size = 1
    real_sleep = found.clock.sleep

    async def sleep(seconds: float) -> None:
        found.cc.step(seconds)
        await real_sleep(seconds)

    found.clock.sleep = sleep  # type: ignore[method-assign] # time goes on for both
    asyncio.run(found.session())
    assert len(found.records) == len(found.cc.ledger.usage)
    assert "LimitedError" not in str(found.metrics.retries.collect())


def test_the_budget_spreads_what_is_left_until_the_reset() -> None:
    budget = Budget()
    now = 1_000_000_000
    headers = {"x-ratelimit-limit": "100", "x-ratelimit-remaining": "70", "x-ratelimit-reset": "1100"}
    budget.learn(headers, now)
    assert budget.delay_s(now) == 0
    budget.learn(headers | {"x-ratelimit-remaining": "30"}, now)
    assert budget.delay_s(now) == pytest.approx(100 / 20)
    budget.learn(headers | {"x-ratelimit-remaining": "10"}, now)
    assert budget.delay_s(now) == 60
    assert budget.delay_s(now + 100_000_000) == 0


def test_v2_has_its_own_names_for_the_limit() -> None:
    budget = Budget()
    budget.learn({"x-ratelimit-limit-v2-api": "10", "x-ratelimit-remaining-v2-api": "3"}, 0)
    assert (budget.limit, budget.remaining) == (10, 3)


@pytest.mark.parametrize(
    ("status", "body", "kind", "code"),
    [
        (401, {"errors": [{"code": 1000, "detail": "Invalid Auth Token"}]}, TokenRefusedError, None),
        (403, {"errors": [{"code": 10003, "detail": "You are not authorized"}]}, ForbiddenError, None),
        (404, {"errors": [{"code": 10010, "detail": "not found"}]}, RefusedError, 10010),
        (422, {"errors": [{"code": 10008, "detail": "After guid filter"}]}, RefusedError, 10008),
        (400, {"code": 10005, "description": "bad", "error_code": "CF-BadQueryParameter"}, RefusedError, 10005),
        (429, {"errors": [{"code": 10013, "detail": "Rate Limit Exceeded"}]}, LimitedError, None),
        (503, {}, LimitedError, None),
        (500, {}, RetriableError, None),
        (502, {"code": 0, "detail": "string", "title": "string"}, RetriableError, None),
        (409, {"errors": [{"code": 0, "detail": "string", "title": "string"}]}, RefusedError, 0),
        (301, {}, RefusedError, None),
        (404, {}, RetriableError, None),
        (400, {}, RetriableError, None),
    ],
)
def test_each_status_is_grouped_by_what_to_do(status: int, body: dict[str, Any], kind: type, code: int | None) -> None:
    # Limits are answered as JSON that is sent as text/plain.
    error = error_of(status, {"content-type": "text/plain"}, orjson.dumps(body), what="GET /x", now=0)
    assert type(error) is kind
    assert getattr(error, "code", None) == code
    assert str(error).startswith("GET /x: HTTP ")


def test_a_router_without_a_cloud_controller_is_no_lost_cursor() -> None:
    """Its 404 has no code; an event that is gone has one."""
    found = world()
    asyncio.run(found.session())
    found.service.faults.add(Fault("html", f"{EVENTS}(/.*)?", status=404, count=3))
    found.cc.do(5)
    found.cc.step(120)
    asyncio.run(found.session())
    assert found.state.gaps == 0
    assert len(found.records) == len(found.cc.ledger.usage)


def test_a_row_with_half_a_character_does_not_hide_its_page() -> None:
    answer = read(200, {}, rb'{"resources":[{"guid":"\ud800"}]}', what="x", now=5)
    assert answer.body["resources"] == [{"guid": "\ud800"}]
    assert answer.server_time == 5


@pytest.mark.parametrize("content", [b"", b"<html>", b'{"resources":[', b"[1]", b"null"])
def test_a_body_that_is_no_object_is_read_again(content: bytes) -> None:
    with pytest.raises(RetriableError):
        read(200, {}, content, what="x", now=0)


def test_a_date_in_retry_after_is_measured_from_the_servers_date() -> None:
    date = datetime(2030, 1, 1, tzinfo=UTC)
    headers = {"date": format_datetime(date, usegmt=True), "retry-after": "Tue, 01 Jan 2030 00:00:30 GMT"}
    assert retry_after_s(headers, now=0) == 30
    assert retry_after_s({"retry-after": "soon"}, now=0) is None


def test_a_wrong_role_is_answered_by_an_empty_list_and_therefore_refused_before() -> None:
    found = world(options=Options(scopes=("openid",)))

    async def go() -> None:
        client: CloudController = found.client()
        with pytest.raises(ForbiddenError):
            await client.log_in()
        await client.close()

    asyncio.run(go())
    assert EVENTS not in paths(found)


def test_answers_are_asked_for_compressed() -> None:
    found = world()
    asyncio.run(found.session())
    (asked, *_) = [request for request in found.requests if request.url.path == EVENTS]
    assert "gzip" in asked.headers["accept-encoding"]
    assert isinstance(asked, httpx.Request)


def test_filters_by_type_are_the_servers_and_break_no_cursor() -> None:
    found = world()
    found.feed = FEEDS[1]
    found.types = ("app.crash",)
    found.page_size = 3
    asyncio.run(found.session())
    crashes = [row.guid for row in found.cc.ledger.audit if row.type == "app.crash"]
    assert sorted(record["guid"] for record in found.records) == sorted(crashes)


def test_a_secret_rotated_in_its_file_needs_no_restart(tmp_path: Path) -> None:
    found = world()
    options = found.cc.options
    file = tmp_path / "secret"
    file.write_text(options.client_secret + "\n")
    given = Credentials(options.client_id, options.client_secret, client_secret_file=file)
    client = found.client(given)

    async def rotated() -> None:
        await client.get(EVENTS)
        options.client_secret = "new-secret"
        found.cc.uaa.revoke_all()
        with pytest.raises(LoginError):
            await client.get(EVENTS)
        file.write_text("")  # it is being replaced
        with pytest.raises(LoginError):
            await client.get(EVENTS)
        file.write_text("new-secret\n")
        await client.get(EVENTS)
        await client.close()

    asyncio.run(rotated())


class FourHours(HandClock):
    """Ends whoever sleeps a fifth time."""

    async def sleep(self, seconds: float) -> None:
        if len(self.slept) == 4:
            raise StoppedError
        await super().sleep(seconds)


def test_a_certificate_that_is_not_checked_is_warned_of_each_hour() -> None:
    clock = FourHours()
    secret = SecretStr("s")
    settings = ProducerSettings(cf_api="https://api.example.com", cf_client_id="c", cf_client_secret=secret)
    foundations = settings.resolved()
    with structlog.testing.capture_logs() as said, pytest.raises(StoppedError):
        asyncio.run(remind(foundations, clock))
    assert [each["log_level"] for each in said if "not checked" in each["event"]] == ["warning"] * 4
    assert clock.slept == [3600.0] * 4
