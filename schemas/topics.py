"""The topics: names, record types, keys and how Kafka keeps them. Defined here and nowhere else."""

from collections.abc import Iterator
from dataclasses import dataclass, field

DAY_MS = 24 * 60 * 60 * 1000

USAGE = "app-usage-events"
AUDIT = "audit-events"
SNAPSHOTS = "process-snapshots"
STATE = "app-state"
ALERTS = "alerts"
NOTIFICATIONS = "notifications"
SILENCES = "silences"
DEAD_LETTERS = "dead-letters"
CHECKPOINTS = "producer-checkpoints"
SPACE_USAGE = "space-usage"
ORG_USAGE = "org-usage"
FOUNDATION_USAGE = "foundation-usage"
USAGE_HOURS = "usage-hours"
DRIFT = "drift"
PARTIALS = "usage-partials"
PROGRESS = "worker-progress"

# Compacted topics are read whole at a start: keep them small. The lag leaves a stale write of a paused worker
# visible until its successor has written the record anew.
_COMPACTED = {
    "cleanup.policy": "compact",
    "min.cleanable.dirty.ratio": "0.1",
    "segment.ms": "600000",
    "segment.bytes": str(64 * 1024 * 1024),
    "min.compaction.lag.ms": "1800000",
}


@dataclass(frozen=True)
class Topic:
    """One topic: full name, schema of its values, what its key is, and its settings.

    ``partitioned``: has the partition count of the deployment, so that one worker sees all of one app; else one
    partition. ``config`` is given to Kafka when the topic is created.
    """

    name: str
    schema: str
    key: str
    partitioned: bool
    config: dict[str, str] = field(default_factory=dict)

    @property
    def subject(self) -> str:
        """The registry's subject of the values."""
        return f"{self.name}-value"

    @property
    def compacted(self) -> bool:
        """Whether Kafka keeps the last record of each key."""
        return self.config["cleanup.policy"] == "compact"


class Topics:
    """All topics of one deployment, by role. ``prefix`` is put before each name."""

    def __init__(self, prefix: str = "cf.", *, retention_days: int = 90) -> None:
        kept = {"cleanup.policy": "delete", "retention.ms": str(retention_days * DAY_MS)}
        self.prefix = prefix
        self.usage = Topic(prefix + USAGE, "AppUsageEvent", "app guid", partitioned=True, config=kept)
        self.audit = Topic(prefix + AUDIT, "AuditEvent", "app guid, or target guid", partitioned=True, config=kept)
        self.snapshots = Topic(prefix + SNAPSHOTS, "ProcessSnapshot", "app guid", partitioned=True, config=kept)
        self.state = Topic(prefix + STATE, "AppState", "app guid", partitioned=True, config=_COMPACTED)
        self.alerts = Topic(prefix + ALERTS, "Alert", "app guid, or group", partitioned=True, config=kept)
        at_once = _COMPACTED | {"min.compaction.lag.ms": "0"}
        self.notifications = Topic(
            prefix + NOTIFICATIONS, "Notification", "receiver/group", partitioned=False, config=at_once
        )
        self.silences = Topic(prefix + SILENCES, "Silence", "silence id", partitioned=False, config=at_once)
        self.dead_letters = Topic(prefix + DEAD_LETTERS, "DeadLetter", "feed", partitioned=False, config=kept)
        self.checkpoints = Topic(
            prefix + CHECKPOINTS,
            "Checkpoint",
            "foundation/feed",
            partitioned=False,
            config=_COMPACTED | {"min.compaction.lag.ms": "0"},
        )
        self.space_usage = Topic(prefix + SPACE_USAGE, "UsageTotal", "space guid", partitioned=True, config=_COMPACTED)
        self.org_usage = Topic(prefix + ORG_USAGE, "UsageTotal", "org guid", partitioned=True, config=_COMPACTED)
        self.foundation_usage = Topic(
            prefix + FOUNDATION_USAGE, "UsageTotal", "foundation", partitioned=False, config=_COMPACTED
        )
        self.usage_hours = Topic(
            prefix + USAGE_HOURS, "UsageHour", "scope/guid/hour", partitioned=True, config=_COMPACTED
        )
        self.drift = Topic(prefix + DRIFT, "Drift", "app guid", partitioned=True, config=kept)
        # Internal to the workers: nobody else needs to read them.
        self.partials = Topic(
            prefix + PARTIALS, "UsagePartial", "scope/guid[/hour]/partition", partitioned=False, config=_COMPACTED
        )
        self.progress = Topic(prefix + PROGRESS, "PartitionProgress", "foundation", partitioned=True, config=_COMPACTED)

    def __iter__(self) -> Iterator[Topic]:
        """Go through all topics."""
        return (value for value in vars(self).values() if isinstance(value, Topic))

    def named(self, name: str) -> Topic:
        """Find a topic by its full name or by its name without the prefix. Raise KeyError with the known ones."""
        for topic in self:
            if name in (topic.name, topic.name.removeprefix(self.prefix)):
                return topic
        known = ", ".join(topic.name for topic in self)
        raise KeyError(f"no topic {name!r}; there are {known}")
