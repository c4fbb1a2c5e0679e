"""Which rule, with which figures, holds for an app."""

from collections.abc import Iterable
from fnmatch import fnmatchcase

from processors.alerts.rules import Match, Rule
from processors.alerts.state import AppFacts


def matches(match: Match, facts: AppFacts) -> bool:
    """Say whether all given fields of a match agree with an app."""
    return (
        _any(match.org, facts["org_guid"])
        and _any(match.space, facts["space_guid"], facts["space_name"])
        and _any(match.app, facts["app_guid"], facts["app_name"])
        and all(fnmatchcase(facts["labels"].get(key, ""), value) for key, value in match.labels.items())
    )


def _any(patterns: list[str], *values: str | None) -> bool:
    if not patterns:
        return True
    return any(fnmatchcase(value, pattern) for value in values if value for pattern in patterns)


def applicable(rules: Iterable[Rule], facts: AppFacts) -> list[Rule]:
    """Return the rules that hold for an app, with the figures of the most specific override in each."""
    found = []
    for rule in rules:
        if not matches(rule.match, facts) or (rule.exclude is not None and matches(rule.exclude, facts)):
            continue
        rule_here = _overridden(rule, facts) if rule.overrides else rule
        if rule_here.enabled:
            found.append(rule_here)
    return found


def _overridden(rule: Rule, facts: AppFacts) -> Rule:
    fitting = [override for override in rule.overrides if matches(override.match, facts)]
    if not fitting:
        return rule
    best = max(fitting, key=lambda override: override.match.specificity)  # the first of equals
    return rule.model_copy(update=best.model_dump(exclude={"match"}, exclude_none=True))
