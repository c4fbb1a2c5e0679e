"""Flapping: an alert that comes and goes is told once more, as flapping, and then left alone until it stays quiet."""

from collections import deque

from plumbing.clock import SECOND
from processors.alerts.durations import words
from processors.notify.config import Flapping
from schemas.records import Alert, Micros

Series = tuple[str, str, str, str]
"""What an alert is about, whenever it began: foundation, rule, app or scope, instance index."""


def series_of(alert: Alert) -> Series:
    """Return the series of an alert."""
    labels = alert["labels"]
    subject = alert["app_guid"] or labels.get("scope_guid", "")
    return alert["foundation"], alert["rule"], subject, labels.get("index", "")


class Flaps:
    """Counts how often each series fired within the window, in event time."""

    def __init__(self, settings: Flapping | None) -> None:
        self._settings = settings
        self._fired: dict[Series, deque[tuple[Micros, str]]] = {}

    def fired(self, alert: Alert) -> bool:
        """Note that an alert fires (once an id) and say whether its series flaps."""
        if self._settings is None:
            return False
        times = self._fired.setdefault(series_of(alert), deque(maxlen=self._settings.times))
        if all(known != alert["id"] for _, known in times):
            times.append((alert["starts_at"], alert["id"]))
        return self._flaps(times)

    def flaps(self, alert: Alert) -> bool:
        """Say whether the series of an alert flaps."""
        return self._flaps(self._fired.get(series_of(alert), deque()))

    def text(self) -> str:
        """Return what is said of a flapping alert."""
        if self._settings is None:
            return ""
        return (
            f"fired {self._settings.times} times or more within {words(self._settings.window)}; "
            f"the all-clear waits until it was quiet for {words(self._settings.hold)}"
        )

    @property
    def hold(self) -> Micros:
        """How long the all-clear of a flapping alert waits."""
        return self._settings.hold * SECOND if self._settings else 0

    def forget(self, before: Micros) -> None:
        """Forget the series that did not fire since ``before`` (event time), so that memory is bounded."""
        self._fired = {series: times for series, times in self._fired.items() if times[-1][0] >= before}

    def _flaps(self, times: deque[tuple[Micros, str]]) -> bool:
        settings = self._settings
        if settings is None or len(times) < settings.times:
            return False
        return times[-1][0] - times[0][0] <= settings.window * SECOND
