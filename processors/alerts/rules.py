"""The alert rules: their model, their bounds, and the rules that hold without any file."""

import re
from collections.abc import Iterable
from typing import Annotated, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    PrivateAttr,
    WithJsonSchema,
    field_validator,
    model_validator,
)

from processors.alerts import templates
from processors.alerts.durations import Seconds
from processors.alerts.state import MAX_THRESHOLD

Severity = Literal["info", "warning", "critical"]
Kind = Literal["rate", "per-instance", "loop", "all-instances", "out-of-memory", "giving-up", "storm"]
Scope = Literal["cell", "space", "org", "foundation"]

_DEFAULTS: dict[str, dict[str, object]] = {
    "rate": {"threshold": 3, "window": 300, "resolve_after": 600, "severity": "warning"},
    "per-instance": {"threshold": 1, "window": 600, "resolve_after": 600, "severity": "warning"},
    "loop": {"threshold": 3, "window": 0, "resolve_after": 1200, "severity": "critical"},
    "all-instances": {"threshold": 2, "window": 300, "resolve_after": 600, "severity": "critical"},
    "out-of-memory": {"threshold": 1, "window": 600, "resolve_after": 1800, "severity": "warning"},
    "giving-up": {"threshold": 190, "window": 0, "resolve_after": 1200, "severity": "critical"},
    "storm": {"threshold": 10, "window": 300, "resolve_after": 600, "severity": "critical"},
}


class Model(BaseModel):
    """Base: unknown keys are errors, values never change."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True, regex_engine="python-re")


def _rule_name(name: str) -> str:
    if not re.fullmatch(_NAME, name):
        raise ValueError(f"{name!r} is no rule's name; write small letters, digits and dashes, such as crash-rate")
    return name


_NAME = r"[a-z0-9][a-z0-9-]{0,62}"
RuleName = Annotated[str, AfterValidator(_rule_name), WithJsonSchema({"type": "string", "pattern": f"^{_NAME}$"})]
Glob = Annotated[str, Field(min_length=1)]


class Match(Model):
    """Which apps. All given fields must agree; each takes names with ``*`` and ``?``, or guids. Empty: every app.

    Names of organizations are in no feed: give their guids. Labels are those that the newest snapshot told.
    """

    org: list[Glob] = Field(default=[], description="Organization guids.")
    space: list[Glob] = Field(default=[], description="Space names (with * and ?) or guids.")
    app: list[Glob] = Field(default=[], description="App names (with * and ?) or guids.")
    labels: dict[str, Glob] = Field(default={}, description="Labels of the app and the value each must have.")

    @field_validator("org", "space", "app", mode="before")
    @classmethod
    def _one_or_more(cls, value: object) -> object:
        return [value] if isinstance(value, str) else value

    @property
    def specificity(self) -> int:
        """App before label before space before org before everything."""
        return 8 * bool(self.app) + 4 * bool(self.labels) + 2 * bool(self.space) + bool(self.org)


class Override(Model):
    """Other figures for some apps. Of several that match, the most specific holds (app, label, space, org)."""

    match: Match
    enabled: bool | None = None
    severity: Severity | None = None
    threshold: float | None = Field(default=None, gt=0, le=MAX_THRESHOLD)
    window: Seconds | None = None
    for_: Seconds | None = Field(default=None, alias="for")
    cool_down: Seconds | None = None
    resolve_after: Seconds | None = None


class Rule(Model):
    """One rule. What is left out takes the default of its kind.

    rate: at least ``threshold`` crashes of an app in ``window``. per-instance: the same, per running instance.
    loop: ``threshold`` crashes in a row of one instance index, by Diego's reckoning. all-instances: every running
    instance crashed in ``window``, for apps of at least ``threshold`` instances. out-of-memory: ``threshold`` exits
    for lack of memory in ``window``. giving-up: one index has crashed ``threshold`` times; Diego gives up at 200.
    storm: at least ``threshold`` different apps crash in ``window`` on one cell, or in one space, org or foundation.
    """

    name: RuleName = Field(description="Label alertname; small letters, digits and dashes.")
    kind: Kind
    enabled: bool = True
    severity: Severity = "warning"
    threshold: float = Field(default=3, gt=0, le=MAX_THRESHOLD)
    window: Seconds = Field(default=300, description="Sliding window, event time.")
    for_: Seconds = Field(default=0, alias="for", description="The condition must hold this long before it fires.")
    cool_down: Seconds = Field(default=0, description="After it resolved, do not fire again for this long.")
    resolve_after: Seconds = Field(default=600, description="Resolve after this long without a crash.")
    by: Scope | None = Field(default=None, description="Storms only: what the crashing apps have in common.")
    probable: bool = Field(default=True, description="Out of memory only: status 137 without the word counts too.")
    match: Match = Match()
    exclude: Match | None = Field(default=None, description="Apps that this rule leaves out.")
    overrides: list[Override] = []
    summary: str | None = Field(default=None, description="Template of the line for people, with {app}, {crashes} …")
    runbook_url: str | None = Field(default=None, pattern=r"^https?://")

    @model_validator(mode="before")
    @classmethod
    def _kind_defaults(cls, data: object) -> object:
        if isinstance(data, dict) and isinstance(kind := data.get("kind"), str):
            return _DEFAULTS.get(kind, {}) | data
        return data

    @field_validator("summary")
    @classmethod
    def _known_placeholders(cls, value: str | None) -> str | None:
        if value is not None:
            templates.check(value)
        return value

    @model_validator(mode="after")
    def _agrees(self) -> Self:
        if (self.kind == "storm") != (self.by is not None):
            raise ValueError("'by' (cell, space, org or foundation) goes with kind storm, and only with it")
        if self.kind == "storm" and (self.match.labels or (self.exclude is not None and self.exclude.labels)):
            raise ValueError("a storm cannot match labels: it sees the crashes of many apps, which carry none")
        if self.window == 0 and self.kind not in ("loop", "giving-up"):
            raise ValueError("'window' must be longer than 0s")
        if self.window > 86_400:  # noqa: PLR2004 - one day
            raise ValueError("'window' may be 1d at most")
        return self


def default_rules() -> list[Rule]:
    """Return the rules that hold without any file."""
    return [
        Rule(name="crash-rate", kind="rate"),
        Rule(name="crash-loop", kind="loop"),
        Rule(name="all-instances-down", kind="all-instances"),
        Rule(name="out-of-memory", kind="out-of-memory"),
        Rule(name="giving-up", kind="giving-up"),
        Rule(name="cell-storm", kind="storm", by="cell", threshold=5),
        Rule(name="space-storm", kind="storm", by="space", threshold=10),
        Rule(name="org-storm", kind="storm", by="org", threshold=20),
        Rule(name="foundation-storm", kind="storm", by="foundation", threshold=50),
    ]


class Rules(Model):
    """The rules in force. Iterate ``of_apps`` for those that look at one app, ``storms`` for the others."""

    rules: list[Rule] = Field(default_factory=default_rules)

    @model_validator(mode="after")
    def _names_once(self) -> Self:
        names = [rule.name for rule in self.rules]
        for name in names:
            if names.count(name) > 1:
                raise ValueError(f"two rules are named {name!r}; give each a name of its own")
        return self

    _of_apps: tuple[Rule, ...] = PrivateAttr(())
    _storms: tuple[Rule, ...] = PrivateAttr(())

    def model_post_init(self, _context: object, /) -> None:
        """Split once: the fold asks for each crash."""
        self._of_apps = tuple(rule for rule in self.rules if rule.enabled and rule.kind != "storm")
        self._storms = tuple(rule for rule in self.rules if rule.enabled and rule.kind == "storm")

    @property
    def of_apps(self) -> tuple[Rule, ...]:
        """Enabled rules over the crashes of one app."""
        return self._of_apps

    @property
    def storms(self) -> tuple[Rule, ...]:
        """Enabled rules over many apps."""
        return self._storms

    @property
    def longest_window_s(self) -> int:
        """The longest window of any rule or override over one app."""
        return max((window for rule in self.of_apps for window in _windows(rule)), default=0)


def _windows(rule: Rule) -> Iterable[int]:
    yield rule.window
    yield from (override.window for override in rule.overrides if override.window is not None)
