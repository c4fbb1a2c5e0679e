"""Alertmanager's API: alerts, silences, and who may ask."""

from collections.abc import AsyncIterator

import httpx
import pytest
from support.alert_records import NOW, StepClock, alert

from plumbing.clock import SECOND, iso
from processors.notify.api import View, application
from processors.notify.silences import Silence

TOKEN = "a-token-of-enough-length"
WANTED = {
    "matchers": [
        {"name": "app", "value": "shop", "isRegex": False, "isEqual": True},
        {"name": "space", "value": "dev-.*", "isRegex": True, "isEqual": False},
    ],
    "startsAt": iso(NOW),
    "endsAt": iso(NOW + 7200 * SECOND),
    "createdBy": "somebody",
    "comment": "planned",
}


class Kept:
    """Keeps silences in the view, as the topic would."""

    def __init__(self, view: View) -> None:
        self._view = view

    def put(self, silence: Silence) -> None:
        firing, kept = self._view.known or ([], [])
        self._view.known = firing, [one for one in kept if one.id != silence.id] + [silence]

    def expire(self, silence_id: str) -> None:
        firing, kept = self._view.known or ([], [])
        self._view.known = firing, [one for one in kept if one.id != silence_id]


@pytest.fixture
def view() -> View:
    return View(([alert("shop"), alert("cart")], []))


@pytest.fixture
async def api(view: View) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(application(view, Kept(view), TOKEN, StepClock()))
    headers = {"Authorization": f"Bearer {TOKEN}"}
    async with httpx.AsyncClient(transport=transport, base_url="http://api", headers=headers) as client:
        yield client


async def test_a_silence_is_made_shown_and_ended(api: httpx.AsyncClient) -> None:
    made = (await api.post("/api/v2/silences", json=WANTED)).json()["silenceID"]
    (shown,) = (await api.get("/api/v2/silences")).json()
    assert shown["id"] == made
    assert shown["status"] == {"state": "active"}
    assert shown["matchers"] == WANTED["matchers"]
    silenced = {one["labels"]["app"]: one["status"]["silencedBy"] for one in (await api.get("/api/v2/alerts")).json()}
    assert silenced == {"shop": [made], "cart": []}
    again = await api.post("/api/v2/silences", json=WANTED | {"id": made, "comment": "longer"})
    assert again.json()["silenceID"] == made
    assert (await api.get(f"/api/v2/silence/{made}")).json()["comment"] == "longer"
    assert (await api.delete(f"/api/v2/silence/{made}")).status_code == 200
    assert (await api.get("/api/v2/silences")).json() == []
    assert (await api.get(f"/api/v2/silence/{made}")).status_code == 404


@pytest.mark.parametrize("token", [None, "Bearer wrong", TOKEN, f"Basic {TOKEN}"])
async def test_without_the_token_nothing_is_said(api: httpx.AsyncClient, token: str | None) -> None:
    api.headers.pop("authorization")
    headers = {"Authorization": token} if token else {}
    for path in ("/api/v2/alerts", "/api/v2/silences"):
        answer = await api.get(path, headers=headers)
        assert answer.status_code == 401
        assert "shop" not in answer.text


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{",
        b'{"matchers": [], "endsAt": "2030-01-01T00:00:00Z"}',
        b'{"matchers": [{"name": "a", "value": "("}], "endsAt": "soon"}',
        b'{"matchers": [{"name": "a", "value": "(", "isRegex": true}], "endsAt": "2030-01-01T00:00:00Z"}',
        b'{"matchers": [{"name": "a", "value": "b"}], "endsAt": "2001-01-01T00:00:00Z"}',
        b'{"matchers": [{"name": "a", "value": ".*", "isRegex": true}], "endsAt": "2030-01-01T00:00:00Z"}',
        b" " * 70_000,
    ],
)
async def test_a_bad_silence_is_refused(api: httpx.AsyncClient, view: View, body: bytes) -> None:
    assert (await api.post("/api/v2/silences", content=body)).status_code == 400
    assert view.known is not None
    assert view.known[1] == []


async def test_one_that_stands_by_says_so(api: httpx.AsyncClient, view: View) -> None:
    view.known = None
    assert (await api.get("/api/v2/alerts")).status_code == 503
