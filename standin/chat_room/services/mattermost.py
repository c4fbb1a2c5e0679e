"""Mattermost's incoming webhooks. Source: developers.mattermost.com, "Incoming webhooks" and "Message attachments"."""

from typing import Any, Literal, Self

from pydantic import Field, TypeAdapter, model_validator

from standin.chat_room.service import Answer, Lenient, Line, Refusal, Service, Strict, json_answer, marked

_MOST_CHARACTERS = 16_383


class _Field(Strict):
    title: str
    value: str
    short: bool = False


class _Attachment(Lenient):
    fallback: str = Field(min_length=1)
    color: str = Field(default="", pattern="^(#[0-9A-Fa-f]{6})?$")
    pretext: str = ""
    title: str = ""
    title_link: str = Field(default="", pattern="^(https?://.*)?$")
    text: str = ""
    fields: list[_Field] = Field(default=[])


class _Priority(Strict):
    priority: Literal["important", "urgent"]
    requested_ack: bool = False
    persistent_notifications: bool = False


class _Message(Lenient):
    text: str = Field(default="", max_length=_MOST_CHARACTERS)
    attachments: list[_Attachment] = Field(default=[])
    priority: _Priority | None = None

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if not (self.text or self.attachments):
            raise ValueError("No text specified.")
        if sum(len(one.text) for one in self.attachments) > _MOST_CHARACTERS:
            raise ValueError(f"the texts have more than {_MOST_CHARACTERS} characters")
        return self


def _refused(refusals: list[Refusal]) -> Answer:
    return json_answer(
        400,
        {
            "id": "web.incoming_webhook.general.app_error",
            "message": str(refusals[0]),
            "detailed_error": "",
            "status_code": 400,
        },
    )


def _lines(payload: Any) -> list[Line]:
    return [marked(line) for one in payload.get("attachments", ()) for line in one["text"].split("\n")]


SERVICE = Service(
    name="mattermost",
    label="Mattermost",
    most_bytes=1_000_000,
    model=TypeAdapter(_Message),
    accepted=lambda _call: Answer(200, b"ok"),
    refused=_refused,
    lines=_lines,
)
