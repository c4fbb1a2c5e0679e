"""Logging in as a dialogue: requests out, answers in, no network."""

import base64
from typing import Any

import orjson
import pytest

from plumbing.clock import SECOND
from producer.api.errors import ForbiddenError, LoginError, RetriableError
from producer.api.oauth import Credentials, Form, Reply, Token, check_scopes, login

CLIENT = Credentials("cfstream", "s3cr3t")
USER = Credentials("cf", "", "ada", "pa55")
NOW = 1_000 * SECOND
GOOD = "cloud_controller.global_auditor"


def jwt(**claims: Any) -> str:
    part = base64.urlsafe_b64encode(orjson.dumps(claims)).decode().rstrip("=")
    return f"e30.{part}.sig"


def reply(status: int = 200, *, now: int = NOW, **body: Any) -> Reply:
    return Reply(status, {}, orjson.dumps(body), now)


def granted(**more: Any) -> Reply:
    return reply(access_token=jwt(scope=[GOOD]), expires_in=600, **more)


def play(credentials: Credentials, *answers: Reply, last: Token | None = None) -> tuple[list[Form], Token]:
    dialogue = login(credentials, last)
    forms = [next(dialogue)]
    for answer in answers:
        try:
            forms.append(dialogue.send(answer))
        except StopIteration as end:
            return forms, end.value
    raise AssertionError("the dialogue wants more answers")


def test_a_client_logs_in_with_its_credentials_and_a_user_with_a_password() -> None:
    forms, token = play(CLIENT, granted(scope=GOOD))
    assert forms[0].fields == {"grant_type": "client_credentials"}
    assert (forms[0].client_id, forms[0].client_secret) == ("cfstream", "s3cr3t")
    assert token.scopes == {GOOD}
    forms, _ = play(USER, granted(scope=GOOD))
    assert forms[0].fields == {"grant_type": "password", "username": "ada", "password": "pa55"}
    assert (forms[0].client_id, forms[0].client_secret) == ("cf", "")


def test_a_token_is_renewed_at_four_fifths_of_its_life() -> None:
    _, token = play(CLIENT, granted())
    assert (token.renew_at - NOW, token.expires_at - NOW) == (480 * SECOND, 600 * SECOND)


def test_the_newest_refresh_token_is_kept_and_an_old_one_where_none_is_given() -> None:
    _, first = play(USER, granted(refresh_token="r1"))
    forms, second = play(USER, granted(refresh_token="r2"), last=first)
    assert forms[0].fields == {"grant_type": "refresh_token", "refresh_token": "r1"}
    forms, third = play(USER, granted(), last=second)
    assert forms[0].fields["refresh_token"] == "r2"
    assert third.refresh == "r2"


@pytest.mark.parametrize("status", [400, 401])
def test_a_refused_refresh_token_falls_back_to_the_password(status: int) -> None:
    _, first = play(USER, granted(refresh_token="r1"))
    forms, token = play(USER, reply(status, error="invalid_token"), granted(refresh_token="r9"), last=first)
    assert [form.fields["grant_type"] for form in forms] == ["refresh_token", "password"]
    assert token.refresh == "r9"


def test_refused_credentials_say_which_setting_to_check_and_no_secret() -> None:
    with pytest.raises(LoginError, match="CFSTREAM_CF_CLIENT_SECRET") as caught:
        play(CLIENT, reply(401, error="unauthorized", error_description="Bad credentials"))
    assert "s3cr3t" not in str(caught.value)
    with pytest.raises(LoginError, match="CFSTREAM_CF_PASSWORD") as caught:
        play(USER, reply(401, error="unauthorized"))
    assert "pa55" not in str(caught.value)


@pytest.mark.parametrize("status", [500, 502, 503, 429])
def test_a_uaa_in_trouble_may_heal(status: int) -> None:
    with pytest.raises(RetriableError):
        play(CLIENT, reply(status))
    with pytest.raises(RetriableError):
        play(USER, reply(status), last=Token("a", 0, 0, 0, frozenset(), "r"))


@pytest.mark.parametrize("content", [b"<html>", b"{}", b"[]", b'{"access_token":"x","expires_in":"soon"}'])
def test_an_answer_that_is_no_token_may_heal(content: bytes) -> None:
    with pytest.raises(RetriableError, match="no token"):
        play(CLIENT, Reply(200, {}, content, NOW))


def test_scopes_come_from_the_answer_else_from_the_token_itself() -> None:
    _, told = play(CLIENT, reply(access_token=jwt(scope=["other"]), scope=f"openid {GOOD}"))
    _, inside = play(CLIENT, reply(access_token=jwt(scope=[GOOD])))
    _, opaque = play(CLIENT, reply(access_token="opaque"))
    check_scopes(told)
    check_scopes(inside)
    with pytest.raises(ForbiddenError, match=r"cloud_controller\.global_auditor"):
        check_scopes(opaque)


@pytest.mark.parametrize("scope", ["cloud_controller.admin", "cloud_controller.admin_read_only", GOOD])
def test_each_scope_that_reads_everything_will_do(scope: str) -> None:
    _, token = play(CLIENT, granted(scope=scope))
    check_scopes(token)
