"""A generic webhook: Alertmanager's JSON, version 4, with a Standard Webhooks signature that is checked.

Source: alertmanager ``notify/webhook/webhook.go``; standardwebhooks.com, "Verifying signatures".
"""

import base64
import binascii
import hashlib
import hmac
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, TypeAdapter

from plumbing.clock import micros
from standin.chat_room.service import Answer, Call, Line, Refusal, Service, Strict, json_answer

_TOLERANCE_S = 300
_UNSIGNED = 401


def _moment(text: str) -> str:
    if not text.startswith("0001-01-01"):  # Go's zero time: no end yet
        micros(text)
    return text


Moment = Annotated[str, AfterValidator(_moment)]
LabelName = Annotated[str, Field(pattern="^[A-Za-z_][A-Za-z0-9_]*$")]


class _Alert(Strict):
    status: Literal["firing", "resolved"]
    labels: dict[LabelName, str] = Field(min_length=1)
    annotations: dict[str, str]
    startsAt: Moment  # noqa: N815 - the format's own name
    endsAt: Moment  # noqa: N815 - as above
    generatorURL: str  # noqa: N815 - as above
    fingerprint: str = Field(pattern="^[0-9a-f]{16}$")


class _Body(Strict):
    version: Literal["4"]
    groupKey: str  # noqa: N815 - as above
    truncatedAlerts: int = Field(ge=0)  # noqa: N815 - as above
    status: Literal["firing", "resolved"]
    receiver: str
    groupLabels: dict[str, str]  # noqa: N815 - as above
    commonLabels: dict[str, str]  # noqa: N815 - as above
    commonAnnotations: dict[str, str]  # noqa: N815 - as above
    externalURL: str  # noqa: N815 - as above
    alerts: list[_Alert] = Field(min_length=1)


def _signature(call: Call) -> list[Refusal]:
    given = {name: call.headers.get(f"webhook-{name}", "") for name in ("id", "timestamp", "signature")}
    if not all(given.values()):
        return [Refusal("headers", "webhook-id, webhook-timestamp or webhook-signature is missing")]
    if not given["timestamp"].isdecimal() or abs(call.now_s - int(given["timestamp"])) > _TOLERANCE_S:
        return [Refusal("headers", "webhook-timestamp is not of now")]
    signed = f"{given['id']}.{given['timestamp']}.".encode() + call.body
    try:
        key = base64.b64decode(call.secret.removeprefix("whsec_"), validate=True)
    except binascii.Error:
        key = call.secret.encode()
    wanted = "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    if not any(hmac.compare_digest(wanted, one) for one in given["signature"].split(" ")):
        return [Refusal("headers", "webhook-signature is wrong")]
    return []


def _refused(refusals: list[Refusal]) -> Answer:
    status = _UNSIGNED if refusals[0].field == "headers" else 400
    return json_answer(status, {"errors": [str(one) for one in refusals]})


def lines_of(alerts: list[Any]) -> list[Line]:
    """Return alerts in Alertmanager's form for people: the summary, then what else is noted."""
    found: list[Line] = []
    for alert in alerts:
        notes, labels = alert["annotations"], alert["labels"]
        found.append((labels.get("severity", "").upper(), notes.get("summary", "")))
        found += [
            (name, labels[name]) for name in ("alertname", "foundation", "space", "app", "index") if name in labels
        ]
        found += [(name, value) for name, value in notes.items() if name != "summary"]
    return found


SERVICE = Service(
    name="webhook",
    label="Webhook",
    most_bytes=1_000_000,
    model=TypeAdapter(_Body),
    accepted=lambda _call: Answer(200),
    refused=_refused,
    lines=lambda payload: lines_of(payload["alerts"]),
    more=_signature,
)
