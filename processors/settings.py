"""Settings of a worker."""

from pathlib import Path
from typing import Literal

from pydantic import Field

from plumbing.clock import SECOND
from plumbing.settings import CommonSettings
from processors.state.fold import Keep

HOUR = 3600 * SECOND


class WorkerSettings(CommonSettings):
    """What ``cfstream processors run`` needs beside Kafka and the registry."""

    worker_group: str = Field(
        default="cfstream-processors",
        pattern=r"^[A-Za-z0-9._-]+$",
        description="Consumer group of the workers; those of one group share the partitions.",
    )
    worker_instance_id: str | None = Field(
        default=None,
        pattern=r"^[A-Za-z0-9._-]+$",
        description="Name of this worker, stable over restarts and unlike any other's, such as the pod's name: a "
        "restart within the session timeout then moves no partition.",
    )
    worker_session_timeout_s: float = Field(
        default=8,
        ge=6,
        le=300,
        description="Seconds after which a silent worker's partitions go to the others; one with a name "
        "(worker_instance_id) that is back sooner keeps its own.",
    )
    worker_chunk_records: int = Field(
        default=10_000, ge=1, le=100_000, description="Most records taken from Kafka at once."
    )
    worker_commit_seconds: float = Field(default=1, gt=0, le=60, description="Seconds between two commits of offsets.")
    worker_tick_seconds: float = Field(
        default=1, gt=0, le=60, description="Seconds between two looks at what time alone changes: expiry, all-clear."
    )
    worker_store: Literal["memory", "rocksdb"] = Field(
        default="memory",
        description="Where a worker keeps the apps of its partitions: in memory, or on disk in the data folder "
        "(rocksdb, needs cfstream[rocksdb]) where memory is too small. Filled from Kafka at each start either way.",
    )
    worker_stalled_seconds: float = Field(
        default=300,
        ge=10,
        le=3600,
        description="Not live after this long with records waiting and none applied, or not ready and none restored.",
    )
    late_window_hours: float = Field(
        default=6, gt=0, le=48, description="A row may come this much later than newer ones and still correct its hour."
    )
    usage_hours: Literal["app", "space", "off"] = Field(
        default="app",
        description="Publish usage by hour: of apps, spaces, organizations and the foundation (app), without the apps "
        "(space), or none (off). A backfill writes one record for each running app and hour.",
    )
    task_expiry_hours: float = Field(
        default=168, gt=0, le=8784, description="A task of which nothing was heard for so long is taken for ended."
    )
    staging_expiry_minutes: float = Field(
        default=60, gt=0, le=1440, description="A staging that never closed is taken for ended after so long."
    )
    forget_after_hours: float = Field(
        default=24, gt=0, le=8784, description="A deleted app leaves the tables after so long."
    )

    alerts_config: Path | None = Field(
        default=None, description="YAML file with rules, routes and receivers; see 'cfstream alerts check'."
    )

    @property
    def keep(self) -> Keep:
        """The periods, in event time. A deleted app stays at least as long as its hours may be corrected."""
        late_window = int(self.late_window_hours * HOUR)
        return Keep(
            late_window=late_window,
            task_expiry=int(self.task_expiry_hours * HOUR),
            staging_expiry=int(self.staging_expiry_minutes * 60 * SECOND),
            forget_after=max(int(self.forget_after_hours * HOUR), late_window + HOUR),
        )
