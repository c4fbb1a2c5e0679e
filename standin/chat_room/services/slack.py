"""Slack's incoming webhooks. Source: docs.slack.dev, "Block Kit reference" and "Handling errors" of webhooks."""

from typing import Annotated, Any, Literal, Self

from pydantic import Field, TypeAdapter, model_validator

from standin.chat_room.service import Answer, Lenient, Line, Refusal, Service, Strict, marked

_MOST_CHARACTERS = 13_000


class _Text(Strict):
    type: Literal["plain_text", "mrkdwn"]
    text: str = Field(min_length=1, max_length=3000)
    emoji: bool | None = None
    verbatim: bool | None = None

    @model_validator(mode="after")
    def _fields_fit_the_type(self) -> Self:
        if self.type == "mrkdwn" and self.emoji is not None:
            raise ValueError("emoji goes with plain_text alone")
        if self.type == "plain_text" and self.verbatim is not None:
            raise ValueError("verbatim goes with mrkdwn alone")
        return self


class _Title(_Text):
    type: Literal["plain_text"]
    text: str = Field(min_length=1, max_length=150)


class _Label(_Text):
    type: Literal["plain_text"]
    text: str = Field(min_length=1, max_length=75)


class _Button(Strict):
    type: Literal["button"]
    text: _Label
    url: str = Field(max_length=3000)


class _Header(Strict):
    type: Literal["header"]
    text: _Title


class _Section(Strict):
    type: Literal["section"]
    text: _Text


class _Context(Strict):
    type: Literal["context"]
    elements: list[_Text] = Field(min_length=1, max_length=10)


class _Actions(Strict):
    type: Literal["actions"]
    elements: list[_Button] = Field(min_length=1, max_length=25)


class _Divider(Strict):
    type: Literal["divider"]


Blocks = Annotated[
    list[Annotated[_Header | _Section | _Context | _Actions | _Divider, Field(discriminator="type")]],
    Field(max_length=50),
]


class _Attachment(Strict):
    color: str | None = Field(default=None, pattern="^(#[0-9A-Fa-f]{6}|good|warning|danger)$")
    fallback: str | None = None
    text: str | None = None
    blocks: Blocks = Field(default=[])


class _Message(Lenient):
    text: str | None = Field(default=None, max_length=40_000)
    blocks: Blocks = Field(default=[])
    attachments: list[_Attachment] = Field(default=[], max_length=100)

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if not (self.text or self.blocks or self.attachments):
            raise ValueError("no_text")
        if sum(len(str(one)) for one in _texts(self.model_dump())) > _MOST_CHARACTERS:
            raise ValueError("msg_blocks_too_long")
        return self


def _texts(node: Any) -> list[str]:
    if isinstance(node, dict):
        return [
            text
            for name, part in node.items()
            for text in ([part] if name == "text" and isinstance(part, str) else _texts(part))
        ]
    return [text for part in node for text in _texts(part)] if isinstance(node, list) else []


def _refused(refusals: list[Refusal]) -> Answer:
    first = refusals[0]
    if first.text in ("no_text", "msg_blocks_too_long"):
        return Answer(400, first.text.encode())
    for field in ("attachments", "blocks"):
        if field in first.field:
            return Answer(400, f"invalid_{field}".encode())
    return Answer(400, b"invalid_payload")


def _lines(payload: Any) -> list[Line]:
    blocks = [*payload.get("blocks", ()), *(b for one in payload.get("attachments", ()) for b in one.get("blocks", ()))]
    found: list[Line] = []
    for block in blocks:
        if block["type"] == "section":
            found += map(marked, block["text"]["text"].split("\n"))
        elif block["type"] == "context":
            found += [("", element["text"]) for element in block["elements"]]
    return found


SERVICE = Service(
    name="slack",
    label="Slack",
    most_bytes=1_000_000,
    model=TypeAdapter(_Message),
    accepted=lambda _call: Answer(200, b"ok"),
    refused=_refused,
    lines=_lines,
)
