"""What each part must be allowed to do in Kafka, and what of it a principal lacks.

The chart's ``files/rights.yaml`` says the same for an operator who makes users of it.
"""

from collections.abc import Collection, Iterable, Mapping
from typing import NamedTuple

from schemas import topics as names
from schemas.errors import SetupError


class Role(NamedTuple):
    """Topics, without the prefix, that a part reads and writes.

    ``by_hand``: those that only commands read which people run with its rights, such as ``cfstream reconcile``.
    """

    reads: frozenset[str]
    writes: frozenset[str]
    by_hand: frozenset[str] = frozenset()


_FEEDS = frozenset({names.USAGE, names.AUDIT, names.SNAPSHOTS})
_TABLES = frozenset({names.STATE, names.PROGRESS, names.PARTIALS})
_TOTALS = frozenset({names.SPACE_USAGE, names.ORG_USAGE, names.FOUNDATION_USAGE, names.USAGE_HOURS})
_SENT = frozenset({names.ALERTS, names.NOTIFICATIONS, names.DEAD_LETTERS})

ROLES = {
    "producer": Role(
        reads=frozenset({names.CHECKPOINTS}),
        writes=_FEEDS | {names.DEAD_LETTERS, names.CHECKPOINTS},
        by_hand=frozenset({names.DEAD_LETTERS, names.STATE}),
    ),
    "worker": Role(
        reads=_FEEDS | _TABLES | {names.CHECKPOINTS},
        writes=_TABLES | _TOTALS | {names.ALERTS, names.DEAD_LETTERS, names.DRIFT},
        by_hand=_TOTALS,
    ),
    "notifier": Role(
        reads=_SENT | {names.SILENCES, names.CHECKPOINTS, names.PROGRESS, names.DRIFT, names.AUDIT},
        writes=_SENT | {names.SILENCES},
    ),
}


class NotAllowedError(SetupError):
    """Kafka's authorizer denies something: to be mended as a wrong setting is.

    ``rights``: what is lacking, such as ``Read on topic cf.alerts``.
    """

    def __init__(self, rights: Iterable[str]) -> None:
        self.rights = list(rights)
        super().__init__(
            f"Kafka does not allow this user: {shortened(self.rights)}; give it that right (docs/kafka-security.md)"
        )


class Allowed(NamedTuple):
    """What a principal may do with one topic."""

    read: bool
    write: bool


def lacking(role: Role, allowed: Mapping[str, Allowed], prefix: str = "") -> list[str]:
    """Return what a role lacks of what it needs to run; ``allowed`` by topic without prefix.

    A topic that is not in ``allowed`` counts as allowed: some services do not tell.
    """
    all_ = Allowed(read=True, write=True)
    return sorted(
        [f"Read on topic {prefix}{name}" for name in role.reads if not allowed.get(name, all_).read]
        + [f"Write on topic {prefix}{name}" for name in role.writes if not allowed.get(name, all_).write]
    )


def shortened(rights: Collection[str], most: int = 4) -> str:
    """Return the first of them as one text."""
    shown = ", ".join(sorted(rights)[:most])
    return shown if len(rights) <= most else f"{shown} and {len(rights) - most} more"
