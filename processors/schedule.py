"""When time alone will next change an app: a heap of deadlines by partition, so that a tick looks at few apps."""

import heapq

from processors.crashes import CrashWatch
from processors.state import tasks
from processors.state.fold import Keep
from schemas.records import Micros
from schemas.tables import AppState


def next_due(state: AppState, keep: Keep, watch: CrashWatch) -> Micros | None:
    """Return the first event time at which ``tick`` would change the state, None: never."""
    moments = [tasks.expires_at(task, keep.task_expiry) for task in state["tasks"] if tasks.running(task)]
    moments += [row["at"] + keep.staging_expiry for row in state["stagings"]]
    if state["deleted_at"] is not None and not runs(state):
        moments.append(max(state["deleted_at"], state["as_of"]) + keep.forget_after)
    alert = watch.due(state)
    if alert is not None:
        moments.append(alert)
    return min(moments, default=None)


def runs(state: AppState) -> bool:
    """Say whether anything of an app runs."""
    return bool(state["running_instances"] or state["running_tasks"] or state["running_stagings"])


class Schedule:
    """Deadlines of the apps of one foundation's share of a partition. Old entries are passed over when they come up."""

    def __init__(self) -> None:
        self._due: dict[bytes, Micros] = {}
        self._heap: list[tuple[Micros, bytes]] = []

    def set(self, key: bytes, due: Micros | None) -> None:
        """Set or clear the deadline of a key."""
        if due is None:
            self._due.pop(key, None)
        elif self._due.get(key) != due:
            self._due[key] = due
            heapq.heappush(self._heap, (due, key))

    def pop(self, until: Micros) -> list[bytes]:
        """Take the keys whose deadline is not after ``until``."""
        taken: list[bytes] = []
        while self._heap and self._heap[0][0] <= until:
            due, key = heapq.heappop(self._heap)
            if self._due.get(key) == due:
                del self._due[key]
                taken.append(key)
        return taken
