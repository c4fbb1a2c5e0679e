"""After a storm: what it hid stays hidden for a while, so that its end does not set free what is long quiet.

A storm ends when few apps crash together; the alerts of its apps end later, each after its own quiet time. Told then,
thousands would say what the storm has said. Those that still fire when the time is over are told: they go on by
themselves. What begins after the end is told at once. Times are event times, as far as the workers have come.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from plumbing.clock import SECOND
from processors.notify.config import Inhibit
from processors.notify.inhibition import Inhibitor
from schemas.records import Alert, Micros


@dataclass(frozen=True)
class _Past:
    ended_at: Micros
    foundation: str
    inhibitor: Inhibitor


class Aftermath:
    """The storms that ended lately. Forgotten by a restart: then what still fires is told early."""

    def __init__(self, rules: Iterable[Inhibit], hold_s: int) -> None:
        self._rules = tuple(rules)
        self._hold = hold_s * SECOND
        self._past: dict[str, _Past] = {}

    def ended(self, alert: Alert) -> None:
        """Note that an alert is resolved; only storms matter."""
        if "storm" in alert["labels"]:
            inhibitor = Inhibitor(self._rules, [alert["labels"]])
            self._past[alert["id"]] = _Past(alert["as_of"], alert["foundation"], inhibitor)

    def hides(self, alert: Alert, reached: Micros) -> bool:
        """Say whether an alert began under a storm that has not been over for long."""
        return any(
            alert["starts_at"] <= past.ended_at
            and reached < past.ended_at + self._hold
            and past.inhibitor.inhibits(alert["labels"])
            for past in self._past.values()
            if past.foundation == alert["foundation"]
        )

    def forget(self, foundation: str, reached: Micros) -> None:
        """Drop the storms that no longer matter."""
        self._past = {
            id_: past
            for id_, past in self._past.items()
            if past.foundation != foundation or reached < past.ended_at + self._hold
        }
