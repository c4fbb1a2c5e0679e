"""The metrics of a notifier, each once, with its meaning."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram


class NotifierMetrics:
    """Counters and gauges of one notifier in one registry."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.leader = Gauge(
            "cfstream_notifier_leader", "1 while this notifier is the one that sends.", registry=registry
        )
        self.read = Counter("cfstream_notifier_alerts_read", "Records of the alerts topic read.", registry=registry)
        self.active = Gauge(
            "cfstream_notifier_alerts_active", "Alerts that fire or wait for their all-clear.", registry=registry
        )
        self.sent = Counter(
            "cfstream_notifier_sent", "Notifications that arrived, by receiver.", ["receiver"], registry=registry
        )
        self.tries = Counter(
            "cfstream_notifier_tries", "Tries by receiver and verdict.", ["receiver", "verdict"], registry=registry
        )
        self.given_up = Counter(
            "cfstream_notifier_given_up", "Notifications given up to the dead letters.", ["receiver"], registry=registry
        )
        self.waiting = Gauge(
            "cfstream_notifier_waiting", "Notifications that wait for their receiver.", ["receiver"], registry=registry
        )
        self.delay = Histogram(
            "cfstream_notifier_delay_seconds",
            "From making a notification to its arrival.",
            buckets=(0.05, 0.1, 0.25, 0.5, 1, 5, 30, 300, 3600),
            registry=registry,
        )
        self.undecodable = Counter(
            "cfstream_notifier_undecodable", "Records that could not be read, by topic.", ["topic"], registry=registry
        )
        self.own_alerts = Counter(
            "cfstream_notifier_own_alerts",
            "Alerts that the notifier wrote: storms and the pipeline's own.",
            ["rule"],
            registry=registry,
        )
