"""Google Chat's incoming webhooks: cards, threads by key, repeats known by requestId; 32,000 bytes at most.

Source: developers.google.com/workspace/chat, "Build a Chat app as a webhook", "Cards v2", "spaces.messages.create".
"""

import html
import re
from typing import Any, Self

from pydantic import Field, TypeAdapter, model_validator

from standin.chat_room.service import Answer, Call, Line, Refusal, Service, Strict, json_answer

_REPLY_OPTIONS = ("REPLY_MESSAGE_FALLBACK_TO_NEW_THREAD", "REPLY_MESSAGE_OR_FAIL")
_BOLD = re.compile(r"^<b>(.*?):?</b>\s*(.*)$")
_UNAUTHENTICATED = 401


class _Paragraph(Strict):
    text: str = Field(min_length=1)


class _Link(Strict):
    url: str = Field(pattern="^https?://")


class _OnClick(Strict):
    openLink: _Link  # noqa: N815 - the card's own name


class _Button(Strict):
    text: str
    onClick: _OnClick  # noqa: N815 - as above


class _Buttons(Strict):
    buttons: list[_Button] = Field(min_length=1)


class _Widget(Strict):
    textParagraph: _Paragraph | None = None  # noqa: N815 - as above
    buttonList: _Buttons | None = None  # noqa: N815 - as above

    @model_validator(mode="after")
    def _is_one(self) -> Self:
        if (self.textParagraph is None) == (self.buttonList is None):
            raise ValueError("a widget is exactly one thing")
        return self


class _Section(Strict):
    header: str = ""
    widgets: list[_Widget] = Field(min_length=1, max_length=100)


class _Header(Strict):
    title: str = Field(min_length=1)
    subtitle: str = ""


class _Card(Strict):
    header: _Header | None = None
    sections: list[_Section] = Field(min_length=1, max_length=100)


class _CardWithId(Strict):
    cardId: str = Field(min_length=1)  # noqa: N815 - as above
    card: _Card


class _Thread(Strict):
    threadKey: str = Field(min_length=1, max_length=4000)  # noqa: N815 - as above


class _Message(Strict):
    text: str = ""
    fallbackText: str = ""  # noqa: N815 - as above
    cardsV2: list[_CardWithId] = Field(default=[], max_length=5)  # noqa: N815 - as above
    thread: _Thread | None = None

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if not (self.text or self.cardsV2):
            raise ValueError("Message cannot be empty.")
        return self


def _query(call: Call) -> list[Refusal]:
    if not (call.query.get("key") and call.query.get("token")):
        return [Refusal("query", "key and token are missing")]
    option = call.query.get("messageReplyOption")
    if option is not None and option not in _REPLY_OPTIONS:
        return [Refusal("query.messageReplyOption", f"{option} is none of {', '.join(_REPLY_OPTIONS)}")]
    return []


def _accepted(call: Call) -> Answer:
    request = call.query.get("requestId", "unnamed")
    thread = (call.payload.get("thread") or {}).get("threadKey", "new")
    return json_answer(
        200, {"name": f"spaces/demo/messages/{request}", "thread": {"name": f"spaces/demo/threads/{thread}"}}
    )


def _refused(refusals: list[Refusal]) -> Answer:
    first = refusals[0]
    status, name = (_UNAUTHENTICATED, "UNAUTHENTICATED") if first.field == "query" else (400, "INVALID_ARGUMENT")
    return json_answer(status, {"error": {"code": status, "message": str(first), "status": name}})


def _lines(payload: Any) -> list[Line]:
    found: list[Line] = []
    for section in (section for one in payload.get("cardsV2", ()) for section in one["card"]["sections"]):
        if section.get("header"):
            mark, _, summary = html.unescape(section["header"]).partition(" ")
            found.append((mark, summary))
        for widget in section["widgets"]:
            for line in widget.get("textParagraph", {"text": ""})["text"].split("<br>"):
                bold = _BOLD.match(line)
                name, value = bold.groups() if bold else ("", line)
                found.append((html.unescape(name), html.unescape(value)))
    return [line for line in found if line != ("", "")]


SERVICE = Service(
    name="google-chat",
    label="Google Chat",
    most_bytes=32_000,
    model=TypeAdapter(_Message),
    accepted=_accepted,
    refused=_refused,
    lines=_lines,
    more=_query,
    known_by=lambda call: call.query.get("requestId"),
)
