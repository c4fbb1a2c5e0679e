"""The chat room reads what each service would show first."""

from typing import Any

import pytest

from standin.chat_room.room import KEPT, Room


@pytest.mark.parametrize(
    ("payload", "text"),
    [
        ({"text": "slack"}, "slack"),
        ({"cardsV2": [{"card": {"header": {"title": "chat"}}}], "fallbackText": "google"}, "google"),
        ({"embeds": [{"title": "discord", "description": "d"}]}, "discord"),
        (
            {"type": "message", "attachments": [{"content": {"body": [{"type": "TextBlock", "text": "teams"}]}}]},
            "teams",
        ),
        ({"payload": {"summary": "pagerduty"}, "event_action": "trigger"}, "pagerduty"),
        ([], ""),
    ],
)
def test_first_line_of_each_service(payload: Any, text: str) -> None:
    assert Room().add("hook", payload, {}).text == text


def test_resolved_is_told_from_firing() -> None:
    room = Room()
    assert room.add("a", {"text": "x", "status": "resolved"}, {}).status == "resolved"
    assert room.add("a", {"text": "x is down"}, {}).status == "firing"


def test_room_is_bounded_and_counts_all() -> None:
    room = Room()
    for number in range(KEPT + 5):
        room.add("a", {"text": str(number)}, {})
    assert room.total == KEPT + 5
    assert [m.text for m in room.since(KEPT + 3)] == [str(KEPT + 3), str(KEPT + 4)]
    assert len(room.since(0)) == KEPT
