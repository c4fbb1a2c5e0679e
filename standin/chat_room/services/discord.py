"""Discord's webhooks. Source: discord.com/developers/docs, "Execute webhook" and "Embed limits"."""

from typing import Any, Literal, Self

from pydantic import Field, TypeAdapter, model_validator

from standin.chat_room.service import Answer, Line, Refusal, Service, Strict, json_answer, marked

_EMBEDS_TOGETHER = 6000
_EMPTY, _BAD_FORM = 50_006, 50_035


class _Field(Strict):
    name: str = Field(min_length=1, max_length=256)
    value: str = Field(min_length=1, max_length=1024)
    inline: bool = False


class _Embed(Strict):
    title: str = Field(default="", max_length=256)
    description: str = Field(default="", max_length=4096)
    url: str | None = Field(default=None, pattern="^https?://")
    color: int = Field(default=0, ge=0, le=0xFFFFFF)
    fields: list[_Field] = Field(default=[], max_length=25)

    @property
    def size(self) -> int:
        """Its characters, as they count towards the limit."""
        return len(self.title) + len(self.description) + sum(len(one.name) + len(one.value) for one in self.fields)


class _Mentions(Strict):
    parse: list[Literal["roles", "users", "everyone"]] = Field(default=[])


class _Message(Strict):
    content: str = Field(default="", max_length=2000)
    username: str | None = Field(default=None, min_length=1, max_length=80)
    embeds: list[_Embed] = Field(default=[], max_length=10)
    allowed_mentions: _Mentions = _Mentions()

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if not (self.content or self.embeds):
            raise ValueError("Cannot send an empty message")
        if sum(one.size for one in self.embeds) > _EMBEDS_TOGETHER:
            raise ValueError(f"the embeds have more than {_EMBEDS_TOGETHER} characters")
        return self


def _refused(refusals: list[Refusal]) -> Answer:
    if refusals[0].text == "Cannot send an empty message":
        return json_answer(400, {"message": refusals[0].text, "code": _EMPTY})
    errors = {one.field or "_": {"_errors": [{"code": "INVALID", "message": one.text}]} for one in refusals}
    return json_answer(400, {"message": "Invalid Form Body", "code": _BAD_FORM, "errors": errors})


def _lines(payload: Any) -> list[Line]:
    texts = [one.get("description", "") for one in payload.get("embeds", ())]
    return [marked(line) for text in texts for line in text.split("\n") if line]


SERVICE = Service(
    name="discord",
    label="Discord",
    most_bytes=100_000,
    model=TypeAdapter(_Message),
    accepted=lambda _call: Answer(204),
    refused=_refused,
    lines=_lines,
)
