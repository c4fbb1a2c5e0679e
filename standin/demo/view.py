"""What the demo shows, as one value that records are put into. No I/O and no drawing here."""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field

from plumbing.clock import SECOND
from schemas.records import Alert, Checkpoint
from schemas.tables import AppState

RATE_OVER_S = 5.0


@dataclass
class Feed:
    """One feed: rows published, and how far behind the Cloud Controller's clock, seconds of event time."""

    rows: int = 0
    lag_s: float | None = None


@dataclass
class OrgTotal:
    """What runs in an organization now."""

    apps: int = 0
    running_instances: int = 0
    memory_mb: int = 0


@dataclass
class Crashing:
    """An app that crashed, and whether an alert is firing for it."""

    name: str
    org_guid: str | None
    crashes: int
    last_at: int
    firing: bool


@dataclass
class View:
    """Everything on the screen. ``now`` arguments are seconds of a monotonic clock."""

    feeds: dict[str, Feed] = field(default_factory=dict)
    apps: dict[str, AppState] = field(default_factory=dict)
    firing: dict[str, Alert] = field(default_factory=dict)
    alerts: set[tuple[str, str]] = field(default_factory=set)
    _rates: deque[tuple[float, int]] = field(default_factory=deque)

    def checkpoint(self, record: Checkpoint, *, now: float) -> None:
        """Take a tail's newest position."""
        feed = self.feeds.setdefault(record["feed"], Feed())
        feed.rows = record["rows"]
        if record["settled_until"] is not None:
            feed.lag_s = max(0.0, (record["written_at"] - record["settled_until"]) / SECOND)
        self._rates.append((now, self.rows))
        while len(self._rates) > 1 and now - self._rates[0][0] > RATE_OVER_S:
            self._rates.popleft()

    def app(self, guid: str, record: AppState | None) -> None:
        """Take an app's newest state; None is a tombstone."""
        if record is None:
            self.apps.pop(guid, None)
        else:
            self.apps[guid] = record

    def alert(self, record: Alert) -> None:
        """Take an alert; a repeat changes nothing."""
        self.alerts.add((record["id"], record["status"]))
        if record["status"] == "firing":
            self.firing[record["id"]] = record
        else:
            self.firing.pop(record["id"], None)

    @property
    def rows(self) -> int:
        """Rows published, over all feeds."""
        return sum(feed.rows for feed in self.feeds.values())

    def rows_per_second(self, *, now: float) -> float:
        """Return the rows a second over the last seconds."""
        recent = [(at, rows) for at, rows in self._rates if now - at <= RATE_OVER_S]
        if not recent or now - recent[0][0] < 0.1:  # noqa: PLR2004 - too short to divide by
            return 0.0
        return (self.rows - recent[0][1]) / (now - recent[0][0])

    def orgs(self) -> dict[str, OrgTotal]:
        """Return what runs by organization, the most memory first."""
        totals: dict[str, OrgTotal] = {}
        for state in self.apps.values():
            total = totals.setdefault(state["org_guid"] or "", OrgTotal())
            total.apps += state["deleted_at"] is None
            total.running_instances += state["running_instances"]
            total.memory_mb += state["memory_mb"]
        return dict(sorted(totals.items(), key=lambda item: -item[1].memory_mb))

    def crashing(self, most: int) -> list[Crashing]:
        """Return the apps with the most crashes."""
        firing = {alert["app_guid"] for alert in self.firing.values()}
        found = [
            Crashing(
                name=state["app_name"] or guid,
                org_guid=state["org_guid"],
                crashes=state["crashes"],
                last_at=state["last_crash_at"] or 0,
                firing=guid in firing,
            )
            for guid, state in self.apps.items()
            if state["crashes"]
        ]
        return sorted(found, key=lambda app: (-app.firing, -app.crashes, app.name))[:most]


@dataclass(frozen=True)
class Difference:
    """An app of which the tables and the Cloud Controller disagree: (instances, MB) of each."""

    app_guid: str
    tables: tuple[int, int]
    source: tuple[int, int]


def differences(apps: Mapping[str, AppState], truth: Mapping[str, Mapping[str, int]]) -> list[Difference]:
    """Compare running instances and memory of every app known to either side; an unknown app runs nothing."""
    found = []
    for guid in sorted(apps.keys() | truth.keys()):
        tables, source = apps.get(guid), truth.get(guid)
        ours = (tables["running_instances"], tables["memory_mb"]) if tables else (0, 0)
        theirs = (source["running_instances"], source["memory_mb"]) if source else (0, 0)
        if ours != theirs:
            found.append(Difference(guid, ours, theirs))
    return found
