"""Inhibition: which alerts need not be told because a greater one fires."""

from collections.abc import Iterable

from processors.notify.config import Inhibit
from processors.notify.matchers import Labels, all_match


class Inhibitor:
    """The firing alerts as the inhibit rules see them. Made anew for each flush: asking is a look-up a rule."""

    def __init__(self, rules: Iterable[Inhibit], firing: Iterable[Labels]) -> None:
        self._rules = tuple(rules)
        self._sources: list[set[tuple[str, ...]]] = [set() for _ in self._rules]
        for labels in firing:
            for rule, sources in zip(self._rules, self._sources, strict=True):
                # Alertmanager's guard: what is source and target of one rule does not inhibit through it.
                if all_match(rule.source, labels) and not all_match(rule.target, labels):
                    sources.add(_equal(rule, labels))

    def inhibits(self, labels: Labels) -> bool:
        """Say whether a firing alert hides one with these labels."""
        return any(
            _equal(rule, labels) in sources and all_match(rule.target, labels)
            for rule, sources in zip(self._rules, self._sources, strict=True)
            if sources
        )


def _equal(rule: Inhibit, labels: Labels) -> tuple[str, ...]:
    return tuple(labels.get(name, "") for name in rule.equal)
