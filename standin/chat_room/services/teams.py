"""Microsoft Teams, a Workflows webhook that posts an Adaptive Card; 28 KB at most.

Source: learn.microsoft.com, "Create incoming webhooks with Workflows"; adaptivecards.io, "Schema explorer".
"""

from typing import Annotated, Any, Literal

from pydantic import Field, TypeAdapter

from standin.chat_room.service import Answer, Line, Refusal, Service, Strict, json_answer, marked

_TOO_LARGE = 413


class _TextBlock(Strict):
    type: Literal["TextBlock"]
    text: str = Field(min_length=1)
    wrap: bool = False
    separator: bool = False
    isSubtle: bool = False  # noqa: N815 - the card's own name
    weight: Literal["lighter", "default", "bolder"] = "default"
    size: Literal["small", "default", "medium", "large", "extraLarge"] = "default"
    color: Literal["default", "dark", "light", "accent", "good", "warning", "attention"] = "default"


class _Fact(Strict):
    title: str = Field(min_length=1)
    value: str


class _FactSet(Strict):
    type: Literal["FactSet"]
    facts: list[_Fact] = Field(min_length=1)


class _OpenUrl(Strict):
    type: Literal["Action.OpenUrl"]
    title: str
    url: str = Field(pattern="^https?://")


class _Width(Strict):
    width: Literal["full"]


class _Card(Strict):
    schema_: str = Field(alias="$schema")
    type: Literal["AdaptiveCard"]
    version: str = Field(pattern=r"^1\.[0-5]$")
    body: list[Annotated[_TextBlock | _FactSet, Field(discriminator="type")]] = Field(min_length=1)
    actions: list[_OpenUrl] = Field(default=[], max_length=6)
    msteams: _Width | None = None


class _Attachment(Strict):
    contentType: Literal["application/vnd.microsoft.card.adaptive"]  # noqa: N815 - the card's own name
    contentUrl: str | None  # noqa: N815 - as above
    content: _Card


class _Message(Strict):
    type: Literal["message"]
    attachments: list[_Attachment] = Field(min_length=1)


def _refused(refusals: list[Refusal]) -> Answer:
    first = refusals[0]
    if "bytes are more than" in first.text:
        return json_answer(_TOO_LARGE, {"error": {"code": "RequestEntityTooLarge", "message": str(first)}})
    return json_answer(400, {"error": {"code": "TriggerInputSchemaMismatch", "message": str(first)}})


def _lines(payload: Any) -> list[Line]:
    found: list[Line] = []
    for element in payload["attachments"][0]["content"]["body"][1:]:
        if element["type"] == "FactSet":
            found += [(fact["title"], marked(fact["value"])[1]) for fact in element["facts"]]
        else:
            mark, _, summary = marked(element["text"])[1].partition(" ")
            found.append((mark, summary))
    return found


SERVICE = Service(
    name="teams",
    label="Microsoft Teams",
    most_bytes=28 * 1024,
    model=TypeAdapter(_Message),
    accepted=lambda _call: Answer(202),
    refused=_refused,
    lines=_lines,
)
