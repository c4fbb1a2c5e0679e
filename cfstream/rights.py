"""Which part a Kafka principal has rights enough for. Pure; the chart's ``files/rights.yaml`` says the same."""

from collections.abc import Mapping
from typing import NamedTuple

from schemas import topics as names


class Role(NamedTuple):
    """Topics, without the prefix, that a part reads and writes."""

    reads: frozenset[str]
    writes: frozenset[str]


_FEEDS = frozenset({names.USAGE, names.AUDIT, names.SNAPSHOTS})
_TABLES = frozenset({names.STATE, names.PROGRESS, names.PARTIALS, names.USAGE_HOURS})
_SENT = frozenset({names.ALERTS, names.NOTIFICATIONS, names.DEAD_LETTERS})

ROLES = {
    "producer": Role(
        reads=frozenset({names.CHECKPOINTS, names.USAGE}), writes=_FEEDS | {names.DEAD_LETTERS, names.CHECKPOINTS}
    ),
    "worker": Role(
        reads=_FEEDS | _TABLES | {names.CHECKPOINTS},
        writes=_TABLES
        | {names.ALERTS, names.DEAD_LETTERS, names.DRIFT, names.SPACE_USAGE, names.ORG_USAGE, names.FOUNDATION_USAGE},
    ),
    "notifier": Role(
        reads=_SENT | {names.SILENCES, names.CHECKPOINTS, names.PROGRESS, names.DRIFT, names.AUDIT}, writes=_SENT
    ),
}


class Allowed(NamedTuple):
    """What a principal may do with one topic."""

    read: bool
    write: bool


def lacking(role: Role, allowed: Mapping[str, Allowed]) -> list[str]:
    """Return what a role lacks, such as ``read alerts``; by topic without prefix."""
    nothing = Allowed(read=False, write=False)
    return sorted(
        [f"read {name}" for name in role.reads if not allowed.get(name, nothing).read]
        + [f"write {name}" for name in role.writes if not allowed.get(name, nothing).write]
    )
