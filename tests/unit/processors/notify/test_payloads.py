"""What each channel is sent: golden files, limits, and text that tenants choose."""

import base64
import hashlib
import hmac
import re
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from support.alert_records import NOW, alert

from plumbing.clock import SECOND
from processors.notify import batch as batches
from processors.notify.batch import Batch
from processors.notify.config import Receiver
from processors.notify.decide import Telling
from processors.notify.receivers import webhook
from processors.notify.requests import render, request
from schemas.records import Alert

GOLDEN = Path(__file__).parent / "golden"
CHANNELS = ("slack", "teams", "mattermost", "google-chat", "discord", "pagerduty", "webhook", "alertmanager")
LIMITS = {"slack": 13_000, "teams": 28_672, "google-chat": 32_000, "pagerduty": 512_000, "mattermost": 16_383}


def receiver(channel: str, **given: Any) -> Receiver:
    fields: dict[str, Any] = {"name": "r", "type": channel, "url": "https://hooks.example/services/T0/B0/secret"}
    if channel == "pagerduty":
        fields["routing_key"] = "0123456789abcdef0123456789abcdef"
    return Receiver.model_validate(fields | given)


def batch(alerts: list[Alert]) -> Batch:
    firing = frozenset(one["id"] for one in alerts if one["status"] == "firing")
    told = Telling(firing, frozenset(one["id"] for one in alerts) - firing)
    return batches.make("r", '/:{space_guid="space-1"}', {"space_guid": "space-1"}, alerts, told, 4, NOW)


def usual() -> Batch:
    loop = alert(
        "shop",
        labels={"alertname": "crash-loop", "severity": "critical", "kind": "loop", "index": "0"},
        summary="shop is in a crash loop: index 0 crashed 7 times since 2027-01-15T07:40:00Z",
        annotations={
            "since": "2027-01-15T07:40:00Z",
            "deploy": "crashing since the deploy 20 min before (2027-01-15T07:39:00Z)",
            "exit": "APP/PROC/WEB: Exited with status 137 (out of memory)",
            "memory": "512 MB an instance",
            "runbook_url": "https://runbooks.example/crash-loop",
        },
    )
    return batch([alert("cart", status="resolved"), alert("pay"), loop])


@pytest.mark.parametrize("channel", CHANNELS)
def test_payload_is_the_golden_one(channel: str) -> None:
    body = render(receiver(channel), usual(), external_url="https://cfstream.example", now=NOW)
    assert orjson.loads(body) == orjson.loads((GOLDEN / f"{channel}.json").read_bytes())


@pytest.mark.parametrize("channel", CHANNELS)
@pytest.mark.parametrize("text", ["x", "<!here>", "\U0001f4a5", "*_`"])
def test_five_thousand_long_alerts_stay_within_the_limits(channel: str, text: str) -> None:
    many = batch([alert(f"app{n}", summary=text * 5000, annotations={"exit": text * 9000}) for n in range(500)])
    body = render(receiver(channel, max_alerts=100), many, external_url=None, now=NOW)
    assert len(body) <= LIMITS.get(channel, 10_000_000)
    answer = orjson.loads(body)
    if channel == "slack":
        blocks = answer["attachments"][0]["blocks"]
        assert len(blocks) <= 50
        assert all(len(block["text"]["text"]) <= 3000 for block in blocks if block["type"] == "section")
        assert len(blocks[0]["text"]["text"]) <= 150
    if channel == "discord":
        assert len(answer["embeds"][0]["title"]) <= 256
        assert len(answer["embeds"][0]["description"]) <= 4096
    if channel == "pagerduty":
        assert len(answer["payload"]["summary"]) <= 1024
        assert len(answer["dedup_key"]) <= 255


NASTY = (
    "<!channel> <@U123> @here @all @everyone &lt; [x](https://evil.example) <users/all> "
    "**b** `c` \u202etxt\u202c\x00\n# h"
)


@pytest.mark.parametrize("channel", ["slack", "teams", "mattermost", "google-chat", "discord"])
def test_text_of_tenants_mentions_nobody_and_is_no_markup(channel: str) -> None:
    nasty = alert("n", app_name=NASTY, space_name=NASTY, summary=NASTY, annotations={"exit": NASTY})
    body = render(receiver(channel), batch([nasty]), external_url=None, now=NOW).decode()
    assert "\u202e" not in body
    assert "\\u0000" not in body
    shown = orjson.loads(body)
    if channel == "discord":
        assert shown["allowed_mentions"] == {"parse": []}
    texts = list(strings(shown))
    if channel == "slack":
        marked = [block["text"]["text"] for block in shown["attachments"][0]["blocks"] if block["type"] == "section"]
        assert not any("<" in text for text in [shown["text"], *marked])
    if channel == "google-chat":
        allowed = ("<b>", "</b>", "<br>")
        for text in texts:
            for tag in allowed:
                text = text.replace(tag, "")  # noqa: PLW2901 - stripped step by step
            assert "<users" not in text
    if channel in ("mattermost", "teams"):
        assert not any("@here" in text or "@all" in text or re.search(r"(?<!\\)\]\(", text) for text in texts)


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=200))
def test_any_text_makes_a_payload_for_each_channel(text: str) -> None:
    one = batch([alert("n", app_name=text, summary=text, annotations={"exit": text})])
    for channel in CHANNELS:
        assert orjson.loads(render(receiver(channel), one, external_url=None, now=NOW))


def test_a_webhook_is_signed_by_each_secret_with_one_id() -> None:
    """The vector of the Standard Webhooks libraries."""
    body = b'{"test": 2432232314}'
    headers = webhook.signatures(
        "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, body, ["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "other text"]
    )
    first, second = headers["webhook-signature"].split(" ")
    assert first == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    signed = b"msg_p5jXN8AQM9LWM0D4loKWxJek.1614265330." + body
    assert second == "v1," + base64.b64encode(hmac.new(b"other text", signed, hashlib.sha256).digest()).decode()


def test_the_key_is_the_same_on_each_try_and_another_for_a_repeat() -> None:
    one = usual()
    first = request(receiver("webhook", secret="s"), one, external_url=None, now=NOW)
    again = request(receiver("webhook", secret="s"), one, external_url=None, now=NOW + 60 * SECOND)
    assert first.headers["webhook-id"] == again.headers["webhook-id"] == one.key
    assert first.headers["webhook-signature"] != again.headers["webhook-signature"]
    repeat = batches.make("r", one.group_key, one.group_labels, list(one.alerts), one.told, 5, NOW)
    assert repeat.key != one.key


def test_urls_are_made_for_the_channel() -> None:
    chat = request(receiver("google-chat", url="https://chat.example/v1/x?key=k"), usual(), external_url=None, now=NOW)
    assert "key=k&messageReplyOption=REPLY_MESSAGE_FALLBACK_TO_NEW_THREAD&requestId=" in chat.url
    manager = request(receiver("alertmanager", url="https://am.example/"), usual(), external_url=None, now=NOW)
    assert manager.url == "https://am.example/api/v2/alerts"


def test_no_secret_is_in_a_repr() -> None:
    one = receiver("webhook", secret="whsec_c2VjcmV0")
    made = request(one, usual(), external_url=None, now=NOW)
    assert "services" not in repr(made) + repr(one)
    assert "whsec" not in repr(one)


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"type": "teams", "url": "https://x.webhook.office.com/a"}, "Office 365 connectors are retired"),
        ({"type": "slack", "url": "http://hooks.slack.com/a"}, "https"),
        ({"type": "slack", "url": "http://169.254.169.254/a"}, "https|link-local"),
        ({"type": "slack", "url": "https://169.254.169.254/a"}, "link-local"),
        ({"type": "slack"}, "url, url_file or url_env is missing"),
        ({"type": "pagerduty", "routing_key": None}, "routing_key"),
    ],
)
def test_a_receiver_that_cannot_work_is_refused_without_showing_its_url(fields: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValidationError, match=sentence):
        Receiver.model_validate({"name": "r"} | fields)


def strings(node: Any) -> Any:
    if isinstance(node, str):
        yield node
    elif isinstance(node, dict):
        for part in node.values():
            yield from strings(part)
    elif isinstance(node, list):
        for part in node:
            yield from strings(part)
