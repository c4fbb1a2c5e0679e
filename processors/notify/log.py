"""The notification log: entries to and from their records, and the keys under which they lie."""

from processors.notify.decide import Entry
from processors.notify.engine import GroupId
from schemas.notifications import Notification, NotificationStatus
from schemas.records import Micros

_HISTORY = "history/"


def key(group: GroupId) -> bytes:
    """Return the Kafka key of a group's entry."""
    receiver, group_key = group
    return f"{receiver}/{group_key}".encode()


def history_key(foundation: str) -> bytes:
    """Return the Kafka key under which lies up to when history was summed up."""
    return (_HISTORY + foundation).encode()


def record(
    group: GroupId, entry: Entry, status: NotificationStatus, idempotency_key: str | None, now: Micros
) -> Notification:
    """Return the record of an entry."""
    receiver, group_key = group
    return {
        "receiver": receiver,
        "group_key": group_key,
        "status": status,
        "at": now,
        "sent_at": entry.sent_at,
        "sequence": entry.sequence,
        "idempotency_key": idempotency_key,
        "announced": sorted(entry.announced),
        "attempted": None if entry.attempt is None else sorted(entry.attempt),
    }


def history_record(foundation: str, told_to: Micros) -> Notification:
    """Return the record that says up to which event time history was summed up."""
    return {
        "receiver": "",
        "group_key": foundation,
        "status": "history",
        "at": told_to,
        "sent_at": 0,
        "sequence": 0,
        "idempotency_key": None,
        "announced": [],
        "attempted": None,
    }


def entry_of(written: Notification) -> tuple[GroupId, Entry]:
    """Return a group and its entry from their record."""
    attempted = written["attempted"]
    entry = Entry(
        announced=frozenset(written["announced"]),
        sent_at=written["sent_at"],
        sequence=written["sequence"],
        attempt=None if attempted is None else frozenset(attempted),
    )
    return (written["receiver"], written["group_key"]), entry
