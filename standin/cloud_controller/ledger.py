"""Everything that was ever recorded, and the two tables that readers see of it."""

import random
from collections.abc import Mapping
from typing import Any, NamedTuple

from standin.cloud_controller.clock import SECOND, whole_second
from standin.cloud_controller.guids import guid
from standin.cloud_controller.rows import Actor, AuditRow, Subject, UsageRow
from standin.cloud_controller.table import Table


class Lateness(NamedTuple):
    """How transactions keep rows from being seen in order. Chances are 0..1, times are the longest.

    With ``chance`` a transaction stays open for up to ``most_s`` after its row got its id: the row appears
    late, among rows of higher ids. With ``back_chance`` it had begun up to ``back_most_s`` before: the row's
    time lies before that of rows with lower ids, though never before that of an earlier row on the same app,
    for an app is locked while it is changed.
    """

    chance: float = 0.0
    most_s: float = 0.0
    back_chance: float = 0.0
    back_most_s: float = 0.0


class Ledger:
    """The truth of the feeds. ``usage`` and ``audit`` only grow: pruning and reseeding touch the tables.

    Rows get ids in the order of recording; with lateness a row becomes visible after rows of higher ids.
    """

    def __init__(self, chance: random.Random) -> None:
        self.usage: list[UsageRow] = []
        self.audit: list[AuditRow] = []
        self.usage_table: Table[UsageRow] = Table()
        self.audit_table: Table[AuditRow] = Table()
        self.lateness = Lateness()
        self._chance = chance
        self._newest: dict[str, int] = {}

    def record_usage(
        self,
        at: int,
        subject: Subject,
        *,
        state: str,
        previous_state: str | None,
        instances: tuple[int, int | None] = (1, 1),
        memory_mb: tuple[int, int | None],
        package_state: str | None = "STAGED",
        previous_package_state: str | None = "UNKNOWN",
        row_guid: str | None = None,
        never_late: bool = False,
    ) -> UsageRow:
        """Record a usage row; pairs are (current, previous)."""
        row = UsageRow(
            id=len(self.usage) + 1,
            guid=row_guid or guid(self._chance),
            created_at=self._begin_time(at, subject.app_guid),
            visible_at=at if never_late else self._commit_time(at),
            subject=subject,
            state=state,
            previous_state=previous_state,
            instances=instances[0],
            previous_instances=instances[1],
            memory_mb=memory_mb[0],
            previous_memory_mb=memory_mb[1],
            package_state=package_state,
            previous_package_state=previous_package_state,
        )
        self.usage.append(row)
        self.usage_table.insert(row, at)
        return row

    def record_audit(
        self,
        at: int,
        event_type: str,
        *,
        actor: Actor,
        target: Actor,
        data: Mapping[str, Any] | None = None,
        space_guid: str | None,
        org_guid: str | None,
    ) -> AuditRow:
        """Record an audit row."""
        row = AuditRow(
            id=len(self.audit) + 1,
            guid=guid(self._chance),
            created_at=self._begin_time(at, target.guid),
            visible_at=self._commit_time(at),
            type=event_type,
            actor=actor,
            target=target,
            data=data or {},
            space_guid=space_guid,
            org_guid=org_guid,
        )
        self.audit.append(row)
        self.audit_table.insert(row, at)
        return row

    def commit_until(self, now: int) -> None:
        """Show all rows whose transactions end by now."""
        self.usage_table.commit_until(now)
        self.audit_table.commit_until(now)

    def prune(self, cutoff: int) -> tuple[int, int]:
        """Delete rows older than the retention; returns how many (usage, audit) rows went."""
        return (
            self.usage_table.delete_older_than(cutoff, keep_newest=True),
            self.audit_table.delete_older_than(cutoff, keep_newest=False),
        )

    def _begin_time(self, at: int, thing: str) -> int:
        """Return when the row's transaction began, in whole seconds."""
        late = self.lateness
        if late.back_chance and self._chance.random() < late.back_chance:
            begun = at - int(self._chance.uniform(0, late.back_most_s) * SECOND)
            at = max(begun, self._newest.get(thing, begun))
        self._newest[thing] = at
        return whole_second(at)

    def _commit_time(self, at: int) -> int:
        late = self.lateness
        if late.chance and self._chance.random() < late.chance:
            return at + int(self._chance.uniform(0.001, late.most_s) * SECOND)
        return at
