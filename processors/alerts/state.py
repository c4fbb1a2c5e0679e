"""What is remembered of an app's crashes: the record ``CrashState`` inside AppState (``schemas/avsc/CrashState.avsc``).

Plain dictionaries and lists, so that the record is written and read as it is. Bounded: ``MAX_RECENT`` crashes,
``MAX_INDEXES`` instance indexes, and one alert for each rule and subject. Functions of this package never change
the state they are given; they return another one, or the same object where nothing changed.
"""

from typing import Literal, TypedDict

from schemas.records import Micros

MAX_RECENT = 256
"""Crashes kept for the windows, newest first to stay; a rule's threshold may not be higher than MAX_THRESHOLD."""
MAX_THRESHOLD = 200
MAX_INDEXES = 64
UNKNOWN_INDEX = -1


class RecentCrash(TypedDict):
    """One crash inside the longest window. ``oom``: 0 no, 1 probable (status 137), 2 stated by the platform."""

    at: Micros
    index: int
    oom: int


class CrashIndex(TypedDict):
    """One instance index that crashes.

    ``streak`` is Diego's crash count: taken from the twin event where it came, else counted by the gaps.
    ``noted_count``/``noted_at`` hold the count of a twin that came before its crash.
    """

    index: int
    first_at: Micros
    last_at: Micros
    gap_s: int
    streak: int
    noted_at: Micros | None
    noted_count: int | None


class CrashAlert(TypedDict):
    """Where a rule stands for this app. ``subject`` is empty, or ``index N``.

    pending: the condition holds since ``since`` and waits for the rule's ``for``. firing: announced under ``id``.
    cooling: resolved at ``last_at``, silent until ``cool_until``. ``crashes`` counts since ``since``.
    """

    rule: str
    subject: str
    status: Literal["pending", "firing", "cooling"]
    since: Micros
    id: str
    last_at: Micros
    crashes: int
    cool_until: Micros | None


class CrashState(TypedDict):
    """All of it. ``cleared_at``: crashes up to then belong to a stopped or replaced version and count no more."""

    total: int
    last_at: Micros | None
    last_index: int | None
    last_cell_id: str | None
    last_exit: str | None
    last_version: str | None
    cleared_at: Micros | None
    deployed_at: Micros | None
    deployed_by: str | None
    recent: list[RecentCrash]
    indexes: list[CrashIndex]
    alerts: list[CrashAlert]


class AppFacts(TypedDict):
    """What the alert rules need to know of an app beside its crashes; the worker fills it from AppState.

    ``instances`` are the running instances of all processes, 0 where unknown or stopped. ``instance_memory_mb``
    is the limit of one running instance, the least and the most of its processes. ``labels`` are the app's
    own labels, as the newest snapshot told them.
    """

    foundation: str
    app_guid: str
    app_name: str | None
    space_guid: str | None
    space_name: str | None
    org_guid: str | None
    instances: int
    instance_memory_mb: tuple[int, int] | None
    labels: dict[str, str]


def empty() -> CrashState:
    """Return the state of an app that never crashed."""
    return {
        "total": 0,
        "last_at": None,
        "last_index": None,
        "last_cell_id": None,
        "last_exit": None,
        "last_version": None,
        "cleared_at": None,
        "deployed_at": None,
        "deployed_by": None,
        "recent": [],
        "indexes": [],
        "alerts": [],
    }
