"""The route tree: which routes take an alert, with the options that each has or inherits."""

from collections.abc import Iterator
from dataclasses import dataclass

from processors.notify.config import Route
from processors.notify.matchers import Labels, all_match

EACH_ALONE = "..."
"""In ``group_by``: group by all labels, so that no two alerts share a message."""


@dataclass(frozen=True)
class Options:
    """A route with everything filled in. ``path`` is the way to it in matchers, durations are seconds.

    The defaults are Alertmanager's, but for a shorter first wait: crash alerts have been through a window already.
    """

    path: str = ""
    receiver: str | None = None
    group_by: tuple[str, ...] = ("foundation", "org_guid", "space_guid")
    group_wait_s: int = 10
    group_interval_s: int = 300
    repeat_interval_s: int = 14_400
    mute_times: tuple[str, ...] = ()

    def under(self, route: Route) -> "Options":
        """Return the options of a child. Mute times are not inherited, as in Alertmanager."""

        def own(value: int | None, inherited: int) -> int:
            return inherited if value is None else value

        return Options(
            path=f"{self.path}/{' '.join(str(matcher) for matcher in route.matchers)}",
            receiver=route.receiver or self.receiver,
            group_by=self.group_by if route.group_by is None else tuple(route.group_by),
            group_wait_s=own(route.group_wait, self.group_wait_s),
            group_interval_s=own(route.group_interval, self.group_interval_s),
            repeat_interval_s=own(route.repeat_interval, self.repeat_interval_s),
            mute_times=tuple(route.mute_times),
        )

    def group_labels(self, labels: Labels) -> dict[str, str]:
        """Return the labels by which an alert is grouped under this route."""
        if EACH_ALONE in self.group_by:
            return dict(labels)
        return {name: labels[name] for name in self.group_by if name in labels}


def routes_of(root: Route, labels: Labels) -> list[Options]:
    """Return the routes that take an alert: the deepest that match, the first of siblings unless it says continue."""
    return list(_walk(root, Options().under(root), labels))


def _walk(route: Route, options: Options, labels: Labels) -> Iterator[Options]:
    taken = False
    for child in route.routes:
        if not all_match(child.matchers, labels):
            continue
        yield from _walk(child, options.under(child), labels)
        taken = True
        if not child.continue_:
            break
    if not taken:
        yield options
