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
    assert page.count('<li class="firing">') == 1
    assert page.count('<li class="resolved">') == 1


def test_page_that_waits_says_so(opened: Callable[..., str]) -> None:
    with running(Room()) as url:
        assert "waiting for the first alert" in opened(url)


def test_page_may_run_nothing_but_its_own_script() -> None:
    with running(Room()) as url:
        headers = httpx.get(url).headers
    assert "default-src 'none'" in headers["content-security-policy"]
    assert "script-src 'self'" in headers["content-security-policy"]
    assert headers["x-frame-options"] == "DENY"


def test_hook_refuses_what_is_no_json() -> None:
    room = Room()
    with running(room) as url:
        assert httpx.post(f"{url}/hooks/slack", content=b"{").status_code == 400
        assert httpx.get(f"{url}/messages", params={"since": "x"}).status_code == 400
    assert room.total == 0
