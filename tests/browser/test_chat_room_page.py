"""The chat room's page in a real browser."""

from collections.abc import Callable

import httpx

from standin.chat_room.room import Room
from standin.chat_room.server import running


def test_messages_appear_newest_first_and_markup_stays_text(opened: Callable[..., str]) -> None:
    room = Room()
    with running(room) as url:
        for text, status in (("shop crashed 3 times", "firing"), ("<img src=x onerror=alert(1)>", "resolved")):
            answer = httpx.post(f"{url}/hooks/slack", json={"text": text, "status": status})
            assert (answer.status_code, answer.text) == (200, "ok")
        page = opened(url)
    assert "2 messages" in page
    assert "&lt;img src=x onerror=alert(1)&gt;" in page
    assert "<img" not in page
    assert page.index("onerror") < page.index("shop crashed 3 times")
    assert page.count('<li class="firing"') == 1
    assert page.count('<li class="resolved"') == 1


def test_each_receiver_has_a_tab_with_its_own_messages_and_their_payloads(opened: Callable[..., str]) -> None:
    room = Room()
    text = "**WARNING** shop\n**exit:** out \\_of\\_ memory"
    card = {"title": "shop crashed 3 times", "description": text, "color": 1}
    with running(room) as url:
        assert httpx.post(f"{url}/hooks/discord", json={"embeds": [card]}).status_code == 204
        refused = httpx.post(f"{url}/hooks/discord", json={"content": "x" * 2001})
        assert (refused.status_code, refused.json()["code"]) == (400, 50035)
        assert httpx.post(f"{url}/hooks/telegraph", json={"text": "stop"}).status_code == 404
        httpx.post(f"{url}/hooks/slack", json={"text": "for slack alone"})
        page = opened(f"{url}/#discord")
    assert '<a href="#discord" data-hook="discord" aria-current="page">Discord<span>2</span></a>' in page
    for label in ("Slack", "Microsoft Teams", "Mattermost", "Google Chat", "PagerDuty", "Webhook", "Alertmanager"):
        assert f">{label}<" in page
    assert "2 messages" in page
    assert "<dt>exit</dt><dd>out _of_ memory</dd>" in page
    assert "content: String should have at most 2000 characters" in page
    assert '"title": "shop crashed 3 times",' in page, "the payload, unfolded by a click"
    (slack,) = [item for item in page.split("<li ") if "for slack alone" in item]
    assert 'hidden=""' in slack.split(">")[0]


def test_a_repeated_chat_request_is_one_message() -> None:
    """Google Chat knows a repeated request by its id and answers with the message it has."""
    room = Room()
    where = {"key": "k", "token": "t", "requestId": "one"}
    with running(room) as url:
        answers = [httpx.post(f"{url}/hooks/google-chat", params=where, json={"text": "shop"}) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [200, 200]
    assert answers[0].json() == answers[1].json()
    assert room.taken == {"google-chat": 1}


def test_page_that_waits_says_so(opened: Callable[..., str]) -> None:
    with running(Room()) as url:
        assert "waiting for the first alert" in opened(url)


def test_page_may_run_nothing_but_its_own_script() -> None:
    with running(Room()) as url:
        headers = httpx.get(url).headers
    assert "default-src 'none'" in headers["content-security-policy"]
    assert "script-src 'self'" in headers["content-security-policy"]
    assert "unsafe" not in headers["content-security-policy"]
    assert headers["x-frame-options"] == "DENY"


def test_hook_refuses_what_is_no_json() -> None:
    room = Room()
    with running(room) as url:
        assert httpx.post(f"{url}/hooks/slack", content=b"{").status_code == 400
        assert httpx.get(f"{url}/messages", params={"since": "x"}).status_code == 400
    assert room.taken.total() == 0
