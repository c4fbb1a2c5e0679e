"""Sums of the partitions' shares: the totals, and the hours of spaces, organizations and foundations. Pure."""

from collections.abc import Iterator

from schemas.records import Micros
from schemas.tables import UsageHour, UsagePartial, UsageTotal

_SUMMED = ("apps", "running_instances", "memory_mb", "running_tasks", "task_memory_mb")
_RATES = (
    ("instance_seconds", "instances"),
    ("memory_mb_seconds", "memory_mb"),
    ("task_seconds", "tasks"),
    ("task_memory_mb_seconds", "task_memory_mb"),
)
SECOND = 1_000_000


class RollUp:
    """The newest share of each partition, and which sums have changed.

    ``partitions``: how many there are. ``kept``: an hour's shares may be dropped when every partition has closed it
    for longer than this; no late row can change them any more.
    """

    def __init__(self, partitions: int, kept: Micros) -> None:
        self._partitions = partitions
        self._kept = kept
        self._totals: dict[str, dict[int, UsageTotal]] = {}
        self._hours: dict[str, dict[int, UsageHour]] = {}
        self._closed: dict[str, dict[int, Micros]] = {}
        self._changed_totals: set[str] = set()
        self._changed_hours: set[str] = set()

    def take(self, key: str, partial: UsagePartial | None) -> None:
        """Take a record of the partials. A tombstone is our own: what it drops is final and stays published."""
        base, _, partition = key.rpartition("/")
        if partial is None:
            hours = self._hours.get(base)
            if hours is not None:
                hours.pop(int(partition), None)
                if not hours:
                    del self._hours[base]
            self._changed_hours.discard(base)
        elif partial["closed_to"] is not None:
            self._closed.setdefault(base, {})[partial["partition"]] = partial["closed_to"]
        elif partial["total"] is not None:
            self._totals.setdefault(base, {})[partial["partition"]] = partial["total"]
            self._changed_totals.add(base)
        elif partial["hour"] is not None:
            self._hours.setdefault(base, {})[partial["partition"]] = partial["hour"]
            self._changed_hours.add(base)

    def changed_totals(self) -> Iterator[UsageTotal]:
        """Yield the totals that changed since the last call."""
        changed, self._changed_totals = self._changed_totals, set()
        for base in changed:
            yield _sum_totals(list(self._totals[base].values()))

    def changed_hours(self) -> Iterator[tuple[str, UsageHour]]:
        """Yield key and record of the hours that changed since the last call."""
        changed, self._changed_hours = self._changed_hours, set()
        for base in changed:
            yield base, _sum_hours(list(self._hours[base].values()))

    def expired(self) -> list[str]:
        """Return the keys of the shares that no late row can change any more."""
        keys = []
        for base, closed in self._closed.items():
            if len(closed) < self._partitions:
                continue
            before = min(closed.values()) - self._kept
            foundation = base.removeprefix("closed/")
            for hour_base, shares in self._hours.items():
                record = next(iter(shares.values()))
                if record["foundation"] == foundation and record["hour"] < before:
                    keys += [f"{hour_base}/{partition}" for partition in shares]
        return keys


def _sum_totals(shares: list[UsageTotal]) -> UsageTotal:
    total = shares[0].copy()
    total["as_of"] = max(share["as_of"] for share in shares)
    newest = max(shares, key=lambda share: share["as_of"])
    total["name"], total["org_guid"] = newest["name"], newest["org_guid"]
    for name in _SUMMED:
        total[name] = sum(share[name] for share in shares)  # type: ignore[literal-required]  # names of the record
    return total


def _sum_hours(shares: list[UsageHour]) -> UsageHour:
    """Sum the shares of an hour. Those counted less far go on at their level up to the farthest."""
    total = shares[0].copy()
    total["until"] = until = max(share["until"] for share in shares)
    for integral, rate in _RATES:
        total[integral] = sum(  # type: ignore[literal-required]  # names of the record
            share[integral] + share[rate] * ((until - share["until"]) // SECOND)  # type: ignore[literal-required]
            for share in shares
        )
        total[rate] = sum(share[rate] for share in shares)  # type: ignore[literal-required]
    return total
