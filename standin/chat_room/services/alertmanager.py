"""An Alertmanager's API: POST /api/v2/alerts. Source: alertmanager ``api/v2/openapi.yaml``, ``types/types.go``."""

from typing import Annotated, Any, Self

from pydantic import Field, TypeAdapter, model_validator

from plumbing.clock import micros
from standin.chat_room.service import Answer, Refusal, Service, Strict, json_answer
from standin.chat_room.services.webhook import LabelName, Moment, lines_of


class _Alert(Strict):
    labels: dict[LabelName, str] = Field(min_length=1)
    annotations: dict[LabelName, str] = Field(default={})
    startsAt: Moment | None = None  # noqa: N815 - the format's own name
    endsAt: Moment | None = None  # noqa: N815 - as above
    generatorURL: str | None = None  # noqa: N815 - as above

    @model_validator(mode="after")
    def _is_an_alert(self) -> Self:
        if not any(self.labels.values()):
            raise ValueError("at least one label pair required")
        if self.startsAt and self.endsAt and micros(self.endsAt) < micros(self.startsAt):
            raise ValueError("start time must be before end time")
        return self


def _refused(refusals: list[Refusal]) -> Answer:
    return json_answer(400, str(refusals[0]))


def _lines(payload: Any) -> Any:
    return lines_of(payload)


SERVICE = Service(
    name="alertmanager",
    label="Alertmanager",
    most_bytes=10_000_000,
    model=TypeAdapter(Annotated[list[_Alert], Field(min_length=1)]),
    accepted=lambda _call: Answer(200),
    refused=_refused,
    lines=_lines,
)
