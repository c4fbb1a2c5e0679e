"""The metrics of a worker, each once, with its meaning."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from processors.decode import Decoded

_CHUNK_BUCKETS = (1, 10, 100, 500, 1000, 2000, 5000, 10_000, 20_000)


class WorkerMetrics:
    """Counters and gauges of one worker in one registry."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.records = Counter(
            "cfstream_worker_records", "Records applied and durable, by topic.", ["topic"], registry=registry
        )
        self.chunk_records = Histogram(
            "cfstream_worker_chunk_records", "Records in a chunk.", buckets=_CHUNK_BUCKETS, registry=registry
        )
        self.dead_letters = Counter(
            "cfstream_worker_dead_letters", "Records sent to the dead letters, by topic.", ["topic"], registry=registry
        )
        self.replayed = Counter(
            "cfstream_worker_replayed_records", "Records seen again after a fault and passed over.", registry=registry
        )
        self.unknown_states = Counter(
            "cfstream_worker_unknown_state_records",
            "Usage rows of a state that the fold does not know, by state; they change nothing.",
            ["state"],
            registry=registry,
        )
        self.alerts = Counter("cfstream_worker_alerts", "Alerts written, by status.", ["status"], registry=registry)
        self.apps = Gauge("cfstream_worker_table_rows", "Apps in the tables of this worker.", registry=registry)
        self.lag_records = Gauge(
            "cfstream_worker_lag_records",
            "Offsets between applied and committed, by topic.",
            ["topic"],
            registry=registry,
        )
        self.lag_seconds = Gauge(
            "cfstream_worker_lag_seconds",
            "Age of the event time up to which every row is applied, by foundation.",
            ["foundation"],
            registry=registry,
        )
        self.recovery_seconds = Gauge(
            "cfstream_worker_recovery_seconds", "How long the last recovery took.", registry=registry
        )
        self.restored = Gauge(
            "cfstream_worker_restored_records", "Changelog records read in recovery since the start.", registry=registry
        )
        self.drift = Counter(
            "cfstream_worker_drift", "Differences that snapshots found, by kind.", ["kind"], registry=registry
        )
        self.skipped = Gauge(
            "cfstream_worker_skipped_offsets",
            "Offsets that Kafka had removed before they were read: rows are lost.",
            registry=registry,
        )

        self._applied = 0

    def applied(self) -> int:
        """Return how many records were applied since this was asked last."""
        applied, self._applied = self._applied, 0
        return applied

    def chunk(self, topic: str, records: int, decoded: Decoded) -> None:
        """Count one chunk."""
        self._applied += records
        self.records.labels(topic).inc(records)
        self.chunk_records.observe(records)
        if decoded.dead:
            self.dead_letters.labels(topic).inc(len(decoded.dead))

    def unknown_state(self, state: str) -> None:
        """Count a usage row of an unknown state; the label is cut, for the text comes from outside."""
        self.unknown_states.labels(state[:40]).inc()
