"""The records of the notifier: its log and the silences; see ``avsc/Notification.avsc`` and ``avsc/Silence.avsc``."""

from typing import Literal, TypedDict

from schemas.records import Micros

NotificationStatus = Literal["attempt", "sent", "given_up", "changed", "history"]


class Notification(TypedDict):
    """What one receiver was told of one group."""

    receiver: str
    group_key: str
    status: NotificationStatus
    at: Micros
    sent_at: Micros
    sequence: int
    idempotency_key: str | None
    announced: list[str]
    attempted: list[str] | None


class Silence(TypedDict):
    """Matching alerts are not sent between the two times."""

    id: str
    matchers: list[str]
    starts_at: Micros
    ends_at: Micros
    author: str
    comment: str
    updated_at: Micros
