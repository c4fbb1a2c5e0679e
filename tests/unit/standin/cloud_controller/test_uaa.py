"""The UAA gives out, renews and voids tokens as the real one does."""

import base64
from typing import Any

import orjson
import pytest
from support.simulated import START, Direct, Reply, standing_still

from standin.cloud_controller.http import Call
from standin.cloud_controller.options import Options

PASSWORD = {"grant_type": "password", "username": "auditor@example.com", "password": "auditor-secret"}
CLI = {"client_id": "cf", "client_secret": ""}


@pytest.fixture
def client() -> Direct:
    return Direct(standing_still(apps=3, usage_rows=20))


def claims(reply: Reply) -> dict[str, Any]:
    body = reply.content["access_token"].split(".")[1]
    content: dict[str, Any] = orjson.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
    return content


def test_client_credentials(client: Direct) -> None:
    reply = client.log_in()
    assert (reply.status, reply.content["token_type"], reply.content["expires_in"]) == (200, "bearer", 600)
    assert "refresh_token" not in reply.content
    told = claims(reply)
    assert (told["client_id"], told["scope"]) == ("cfstream", ["cloud_controller.admin_read_only"])
    assert told["exp"] == START // 1_000_000 + 600
    assert "user_name" not in told


def test_the_client_may_come_by_basic_authorization(client: Direct) -> None:
    encoded = base64.b64encode(b"cfstream:cfstream-secret").decode()
    call = Call(
        "POST", "/oauth/token", "http://x", headers={"authorization": f"Basic {encoded}"},
        body=b"grant_type=client_credentials",
    )  # fmt: skip
    assert client.service.answer(call).status == 200


def test_password_with_the_command_lines_client(client: Direct) -> None:
    reply = client.log_in(**CLI, **PASSWORD)
    assert claims(reply)["user_name"] == "auditor@example.com"
    renewed = client.log_in(**CLI, grant_type="refresh_token", refresh_token=reply.content["refresh_token"])
    assert renewed.status == 200
    assert renewed.content["refresh_token"] == reply.content["refresh_token"]


def test_a_rotating_refresh_token_works_once(client: Direct) -> None:
    client.cc.options.rotate_refresh_tokens = True
    first = client.log_in(**CLI, **PASSWORD).content["refresh_token"]
    second = client.log_in(**CLI, grant_type="refresh_token", refresh_token=first).content["refresh_token"]
    assert second != first
    assert client.log_in(**CLI, grant_type="refresh_token", refresh_token=first).content["error"] == "invalid_token"
    assert client.log_in(**CLI, grant_type="refresh_token", refresh_token=second).status == 200


@pytest.mark.parametrize(
    ("form", "status", "error"),
    [
        ({"client_secret": "wrong"}, 401, "unauthorized"),
        ({"client_id": "nobody"}, 401, "unauthorized"),
        ({**CLI}, 401, "unauthorized_client"),
        ({**CLI, **PASSWORD, "password": "wrong"}, 401, "unauthorized"),
        ({"grant_type": "refresh_token", "refresh_token": "made-up"}, 401, "invalid_token"),
        ({"grant_type": "magic"}, 400, "unsupported_grant_type"),
    ],
)
def test_refusals(client: Direct, form: dict[str, str], status: int, error: str) -> None:
    reply = client.log_in(**form)
    assert (reply.status, reply.content["error"]) == (status, error)


def test_a_token_ends_with_its_time(client: Direct) -> None:
    client.cc.step(599)
    assert client.get("/v3/apps").status == 200
    client.cc.step(1)
    assert client.get("/v3/apps").content["errors"][0]["code"] == 1000
    assert client.get("/v2/events").content["error_code"] == "CF-InvalidAuthToken"


def test_revoked_tokens_are_void_and_new_ones_are_not(client: Direct) -> None:
    client.cc.uaa.revoke_all()
    assert client.get("/v3/apps").status == 401
    client.token = client.log_in().content["access_token"]
    assert client.get("/v3/apps").status == 200


def test_a_scope_that_is_lost_shows_in_the_next_token(client: Direct) -> None:
    client.cc.options.scopes = ("cloud_controller.read",)
    assert client.get("/v3/app_usage_events").guids, "the old token still says what it said"
    client.token = client.log_in().content["access_token"]
    assert client.get("/v3/app_usage_events").guids == []


def test_a_changed_token_is_no_token(client: Direct) -> None:
    head, _, signature = client.token.split(".")
    forged = base64.urlsafe_b64encode(orjson.dumps({"sub": "me", "exp": 9_999_999_999, "gen": 0})).decode()
    assert Direct(client.cc, token=f"{head}.{forged}.{signature}").get("/v3/apps").status == 401


@pytest.mark.parametrize("authorization", ["Basic %%%", "Basic /w==", "Bearer \u00fc.b", "Bearer", "Bearer a b"])
def test_garbled_authorizations_are_refused(client: Direct, authorization: str) -> None:
    headers = {"authorization": authorization}
    form = b"grant_type=client_credentials"
    for call in (
        Call("POST", "/oauth/token", "http://x", headers=headers, body=form),
        Call("GET", "/v3/apps", "http://x", headers=headers),
    ):
        assert client.service.answer(call).status == 401


def test_options_are_taken_at_the_start() -> None:
    cc = standing_still(options=Options(client_id="me", client_secret="x", token_lifetime_s=5))
    assert Direct(cc).log_in().content["expires_in"] == 5
