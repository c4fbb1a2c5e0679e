"""Tokens for Kafka: kept, renewed before they end, one request at a time."""

import asyncio
import base64
import threading

import httpx
import pytest
import respx
from support.alert_records import StepClock

from plumbing.settings import CommonSettings
from processors.tokens import Token, TokenError, Tokens, endpoint, read_token

URL = "https://idp.test/oauth/token"
SETTINGS = CommonSettings.load(
    kafka_security_protocol="SASL_SSL",
    kafka_sasl_mechanism="OAUTHBEARER",
    kafka_oauth_token_url=URL,
    kafka_oauth_client_id="me",
    kafka_oauth_client_secret="canary",
    kafka_oauth_scope="kafka",
)


class Endpoint:
    """Gives token after token of 100 s, or fails."""

    def __init__(self) -> None:
        self.asked = 0
        self.fails = False
        self.gate = threading.Event()
        self.gate.set()

    def __call__(self) -> Token:
        self.asked += 1
        self.gate.wait(10)
        if self.fails:
            raise TokenError("away")
        return Token(f"token-{self.asked}", 100)


async def test_a_token_is_kept_until_four_fifths_of_its_life() -> None:
    clock, fetch = StepClock(), Endpoint()
    tokens = Tokens(fetch, clock)
    assert [await tokens.token(), await tokens.token()] == ["token-1", "token-1"]
    clock.time_s += 79
    assert await tokens.token() == "token-1"
    clock.time_s += 1
    assert await tokens.token() == "token-2"


async def test_an_endpoint_that_is_away_does_no_harm_while_the_old_token_holds() -> None:
    clock, fetch = StepClock(), Endpoint()
    tokens = Tokens(fetch, clock)
    await tokens.token()
    fetch.fails = True
    clock.time_s += 99
    assert await tokens.token() == "token-1"
    clock.time_s += 1
    with pytest.raises(TokenError):
        await tokens.token()
    fetch.fails = False
    assert await tokens.token() == "token-4"


async def test_many_connections_at_once_make_one_request() -> None:
    fetch = Endpoint()
    fetch.gate.clear()
    tokens = Tokens(fetch, StepClock())
    waiting = [asyncio.create_task(tokens.token()) for _ in range(5)]
    await asyncio.wait(waiting, timeout=0.05)
    fetch.gate.set()
    assert set(await asyncio.gather(*waiting)) == {"token-1"}
    assert fetch.asked == 1


def test_a_token_tells_its_life_itself_where_the_answer_does_not() -> None:
    claims = base64.urlsafe_b64encode(b'{"exp": 1300, "iat": 1000}').rstrip(b"=")
    assert read_token(b'{"access_token": "x.' + claims + b'.y"}').lifetime_s == 300
    assert read_token(b'{"access_token": "opaque", "expires_in": 60}') == Token("opaque", 60)


@pytest.mark.parametrize("body", [b"", b"<html>", b"{}", b'{"access_token": "opaque"}', b"[]", b'{"access_token": 1}'])
def test_an_answer_without_token_or_life_is_an_error_that_connecting_again_may_heal(body: bytes) -> None:
    with pytest.raises(ConnectionError, match="holds no token"):
        read_token(body)


@respx.mock
def test_the_endpoint_is_asked_as_the_other_client_asks_it() -> None:
    route = respx.post(URL).respond(200, json={"access_token": "t", "expires_in": 60})
    assert endpoint(SETTINGS)() == Token("t", 60)
    request = route.calls.last.request
    assert request.content == b"grant_type=client_credentials&scope=kafka"
    assert request.headers["Authorization"] == "Basic bWU6Y2FuYXJ5"


@respx.mock
@pytest.mark.parametrize("answer", [httpx.Response(401, json={"error": "invalid_client"}), httpx.ConnectError("no")])
def test_a_failure_names_the_endpoint_and_no_secret(answer: httpx.Response | httpx.ConnectError) -> None:
    route = respx.post(URL)
    if isinstance(answer, httpx.Response):
        route.mock(return_value=answer)
    else:
        route.mock(side_effect=answer)
    with pytest.raises(TokenError, match=URL) as told:
        endpoint(SETTINGS)()
    assert "canary" not in str(told.value)
