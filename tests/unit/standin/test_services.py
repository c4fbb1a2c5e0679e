"""The chat room's services: they take what the product sends, and refuse what the real ones refuse."""

from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.alert_records import NOW, alert

from plumbing.clock import SECOND
from processors.notify import batch as batches
from processors.notify.batch import Batch
from processors.notify.config import Receiver
from processors.notify.decide import Telling
from processors.notify.requests import request
from schemas.records import Alert
from standin.chat_room.service import Call, Service
from standin.chat_room.services import SERVICES

SECRET = "whsec_c2VjcmV0LXNlY3JldC1zZWNyZXQ="
QUERY = {"key": "k", "token": "t"}


def sent(channel: str, alerts: list[Alert], url: str | None = None) -> Call:
    """Return the product's request for some alerts, as the room gets it."""
    fields: dict[str, Any] = {"name": "r", "type": channel, "url": "https://hooks.example/x?key=k&token=t"}
    fields |= {"pagerduty": {"routing_key": "0" * 32}, "webhook": {"secret": SECRET}}.get(channel, {})
    made = request(Receiver.model_validate(fields), told(alerts), external_url=url, now=NOW)
    headers = {name.lower(): value for name, value in made.headers.items()}
    return Call(made.body, orjson.loads(made.body), headers, QUERY, SECRET, NOW / SECOND)


def told(alerts: list[Alert]) -> Batch:
    firing = frozenset(one["id"] for one in alerts if one["status"] == "firing")
    ids = frozenset(one["id"] for one in alerts)
    return batches.make("r", "/:{}", {}, alerts, Telling(firing, ids - firing), 1, NOW)


texts = st.text(max_size=400) | st.sampled_from(["<!here>", "@everyone", "*_`", "\u202e", "x" * 9000])


@pytest.mark.parametrize("channel", SERVICES)
@settings(max_examples=40, deadline=None)
@given(
    summaries=st.lists(texts, min_size=1, max_size=60),
    note=texts.filter(bool),
    first=st.sampled_from(["firing", "resolved"]),
    url=st.sampled_from([None, "https://cfstream.example"]),
)
def test_every_service_takes_whatever_the_product_sends(
    channel: str, summaries: list[str], note: str, first: str, url: str | None
) -> None:
    alerts = [
        alert(f"app{n}", status="firing" if n else first, summary=text, annotations={"exit": note})
        for n, text in enumerate(summaries)
    ]
    service, call = SERVICES[channel], sent(channel, alerts, url)
    assert service.refusals(call) == []
    assert service.accepted(call).status in (200, 202, 204)
    assert service.lines(call.payload)


def changed(payload: Any, path: str, value: Any) -> Any:
    """Return a payload with one place of it changed; a value of ``...`` removes it."""
    copy = orjson.loads(orjson.dumps(payload))
    node = copy
    *way, name = [int(part) if part.isdecimal() else part for part in path.split(".")]
    for part in way:
        node = node[part]
    if value is ...:
        del node[name]
    else:
        node[name] = value
    return copy


@pytest.mark.parametrize(
    ("channel", "path", "value", "status", "body"),
    [
        ("slack", "attachments.0.blocks.0.text.text", "x" * 151, 400, b"invalid_attachments"),
        ("slack", "attachments.0.blocks.1.text.text", "x" * 3001, 400, b"invalid_attachments"),
        ("slack", "attachments.0.blocks.1.type", "paragraph", 400, b"invalid_attachments"),
        ("slack", "attachments.0.blocks.0.text.verbatim", True, 400, b"invalid_attachments"),
        ("slack", "text", 7, 400, b"invalid_payload"),
        ("teams", "attachments.0.contentType", "text/plain", 400, b"TriggerInputSchemaMismatch"),
        ("teams", "attachments.0.content.version", "9.0", 400, b"TriggerInputSchemaMismatch"),
        ("teams", "attachments.0.content.body.0.text", "x" * 29_000, 413, b"RequestEntityTooLarge"),
        ("mattermost", "attachments.0.text", "x" * 16_384, 400, b"16383"),
        ("mattermost", "attachments.0.fallback", "", 400, b"fallback"),
        ("google-chat", "cardsV2.0.card.header.colour", "red", 400, b"INVALID_ARGUMENT"),
        ("google-chat", "cardsV2.0.card.sections.0.widgets", [], 400, b"INVALID_ARGUMENT"),
        ("google-chat", "fallbackText", "x" * 32_000, 400, b"32000"),
        ("discord", "embeds.0.title", "x" * 257, 400, b"50035"),
        ("discord", "embeds.0.color", 0x1000000, 400, b"50035"),
        ("discord", "embeds", [], 400, b"50006"),
        ("discord", "allowed_mentions.parse", ["here"], 400, b"50035"),
        ("pagerduty", "routing_key", "short", 400, b"routing_key"),
        ("pagerduty", "payload.severity", "fatal", 400, b"payload.severity"),
        ("pagerduty", "payload", ..., 400, b"'payload' is missing"),
        ("pagerduty", "dedup_key", "x" * 256, 400, b"dedup_key"),
        ("webhook", "version", "3", 400, b"version"),
        ("webhook", "alerts.0.startsAt", "yesterday", 400, b"startsAt"),
        ("webhook", "receiver", "another", 401, b"signature is wrong"),
        ("alertmanager", "0.labels", {}, 400, b"labels"),
        ("alertmanager", "0.endsAt", "2001-01-01T00:00:00Z", 400, b"start time must be before end time"),
    ],
)
def test_what_a_service_refuses_and_how_it_says_so(
    channel: str, path: str, value: Any, status: int, body: bytes
) -> None:
    good = sent(channel, [alert("shop")])
    payload = changed(good.payload, path, value)
    call = Call(orjson.dumps(payload), payload, good.headers, good.query, good.secret, good.now_s)
    refusals = SERVICES[channel].refusals(call)
    assert refusals
    answer = SERVICES[channel].refused(refusals)
    assert (answer.status, body in answer.body) == (status, True), answer


@pytest.mark.parametrize("service", SERVICES.values(), ids=SERVICES)
@pytest.mark.parametrize("payload", [None, {}, [], 1, {"text": 1}], ids=repr)
def test_no_service_takes_what_says_nothing(service: Service, payload: Any) -> None:
    refusals = service.refusals(Call(orjson.dumps(payload), payload, query=QUERY))
    assert refusals
    assert service.refused(refusals).status == 400


def test_a_signature_of_another_time_or_none_is_refused() -> None:
    good = sent("webhook", [alert("shop")])
    late = Call(good.body, good.payload, good.headers, {}, SECRET, NOW / SECOND + 301)
    bare = Call(good.body, good.payload, {}, {}, SECRET, NOW / SECOND)
    for call in (late, bare):
        refusals = SERVICES["webhook"].refusals(call)
        assert SERVICES["webhook"].refused(refusals).status == 401


def test_a_chat_url_without_its_key_is_refused() -> None:
    good = sent("google-chat", [alert("shop")])
    service = SERVICES["google-chat"]
    assert service.refused(service.refusals(Call(good.body, good.payload))).status == 401
