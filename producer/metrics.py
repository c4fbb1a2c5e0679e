"""Every metric of the producer, by name; nothing is counted under any other. Labels: foundation, feed."""

from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

_TAIL = ("foundation", "feed")


class Metrics:
    """The producer's metrics in one registry."""

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        self.registry = registry or CollectorRegistry()
        new: Any = {"registry": self.registry}
        self.rows = Counter("cfstream_producer_rows", "Rows committed to the feed's topic.", _TAIL, **new)
        self.duplicates = Counter(
            "cfstream_producer_duplicates_dropped", "Rows read again that had been published.", _TAIL, **new
        )
        self.filtered = Counter("cfstream_producer_filtered", "Rows left out by the operator's filters.", _TAIL, **new)
        self.late = Counter(
            "cfstream_producer_late_rows", "Rows that came after the watermark had passed their time.", _TAIL, **new
        )
        self.dead = Counter("cfstream_producer_dead_letters", "Rows that could not be read.", _TAIL, **new)
        self.gaps = Counter("cfstream_producer_gaps", "Gaps: rows gone before they could be read.", _TAIL, **new)
        self.committed = Counter("cfstream_producer_transactions_committed", "Transactions.", _TAIL, **new)
        self.doubtful = Counter(
            "cfstream_producer_transactions_in_doubt", "Transactions aborted or in doubt.", _TAIL, **new
        )
        self.rebuilds = Counter(
            "cfstream_producer_rebuilds", "Kafka producers made anew and checkpoints read back.", _TAIL, **new
        )
        self.snapshots = Counter("cfstream_producer_snapshots", "Snapshots published.", ("foundation", "reason"), **new)
        self.lag = Gauge(
            "cfstream_producer_lag_seconds",
            "Age of the watermark by the server's clock, less the settle delay: how far the tail is behind.",
            _TAIL,
            **new,
        )
        self.watermark = Gauge(
            "cfstream_producer_settled_until_seconds", "The watermark, as a unix time.", _TAIL, **new
        )
        self.held = Gauge("cfstream_producer_held_rows", "Young rows seen that wait to settle.", _TAIL, **new)
        self.running = Gauge(
            "cfstream_producer_tail_running", "1 where this process runs the tail, 0 where it only could.", _TAIL, **new
        )
        self.requests = Counter(
            "cfstream_producer_api_requests", "Requests by path and status.", ("foundation", "path", "status"), **new
        )
        self.latency = Histogram(
            "cfstream_producer_api_seconds",
            "Time to a whole answer.",
            ("foundation",),
            buckets=(0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30),
            **new,
        )
        self.retries = Counter("cfstream_producer_api_retries", "Calls tried again.", ("foundation", "reason"), **new)
        self.budget = Gauge(
            "cfstream_producer_api_budget_left", "Requests left by X-RateLimit-Remaining.", ("foundation",), **new
        )
        self.token_issued = Gauge(
            "cfstream_producer_token_issued_seconds",
            "When the token in use was got, as a unix time.",
            ("foundation",),
            **new,
        )
        self.unchecked = Gauge(
            "cfstream_producer_tls_unchecked",
            "1 where the Cloud Controller's certificate is not checked (CFSTREAM_CF_SKIP_SSL_VALIDATION).",
            ("foundation",),
            **new,
        )
