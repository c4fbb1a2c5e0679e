"""PagerDuty's Events API v2. Source: developer.pagerduty.com, "Send an alert event"."""

from typing import Any, Literal, Self

from pydantic import Field, TypeAdapter, model_validator

from plumbing.clock import micros
from standin.chat_room.service import Answer, Call, Line, Refusal, Service, Strict, json_answer

_TOO_LARGE = 413


class _Payload(Strict):
    summary: str = Field(min_length=1, max_length=1024)
    source: str = Field(min_length=1)
    severity: Literal["critical", "error", "warning", "info"]
    timestamp: str | None = None
    component: str | None = None
    group: str | None = None
    class_: str | None = Field(default=None, alias="class")
    custom_details: dict[str, Any] | None = None

    @model_validator(mode="after")
    def _has_a_time(self) -> Self:
        if self.timestamp is not None:
            micros(self.timestamp)
        return self


class _Link(Strict):
    href: str = Field(pattern="^https?://")
    text: str = ""


class _Event(Strict):
    routing_key: str = Field(min_length=32, max_length=32)
    event_action: Literal["trigger", "acknowledge", "resolve"]
    dedup_key: str | None = Field(default=None, min_length=1, max_length=255)
    payload: _Payload | None = None
    client: str | None = None
    client_url: str | None = None
    links: list[_Link] = Field(default=[])

    @model_validator(mode="after")
    def _has_what_its_action_needs(self) -> Self:
        if self.event_action == "trigger" and self.payload is None:
            raise ValueError("'payload' is missing or blank")
        if self.event_action != "trigger" and self.dedup_key is None:
            raise ValueError("'dedup_key' is missing or blank")
        return self


def _accepted(call: Call) -> Answer:
    key = call.payload.get("dedup_key")
    return json_answer(202, {"status": "success", "message": "Event processed", "dedup_key": key})


def _refused(refusals: list[Refusal]) -> Answer:
    status = _TOO_LARGE if "bytes are more than" in refusals[0].text else 400
    errors = [str(one) for one in refusals]
    return json_answer(status, {"status": "invalid event", "message": "Event object is invalid", "errors": errors})


def _lines(payload: Any) -> list[Line]:
    event = payload.get("payload") or {}
    found: list[Line] = [("event", payload["event_action"]), ("severity", event.get("severity", ""))]
    found += [(name, event[name]) for name in ("source", "component") if event.get(name)]
    for alert in (event.get("custom_details") or {}).get("alerts", ()):
        found.append((alert["status"], alert["summary"]))
        found += [(name, str(value)) for name, value in alert.items() if name not in ("status", "summary", "severity")]
    return [line for line in found if line[1]]


SERVICE = Service(
    name="pagerduty",
    label="PagerDuty",
    most_bytes=512_000,
    model=TypeAdapter(_Event),
    accepted=_accepted,
    refused=_refused,
    lines=_lines,
)
