"""Matchers over labels, as Alertmanager writes them: ``severity="critical"``, ``app=~"shop-.*"``, ``space!="dev"``."""

import re
from collections.abc import Iterable, Mapping
from functools import cached_property
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, model_serializer, model_validator

_SHAPE = re.compile(r"""\s*([A-Za-z_][A-Za-z0-9_]*)\s*(=~|!~|!=|=)\s*("(?:[^"\\]|\\.)*"|[^"]*?)\s*""", re.DOTALL)
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)

Labels = Mapping[str, str]


class Matcher(BaseModel):
    """One condition on one label. A missing label is the empty text. Regular expressions match the whole value."""

    model_config = ConfigDict(frozen=True)

    name: str
    operator: Literal["=", "!=", "=~", "!~"]
    value: str

    @model_validator(mode="before")
    @classmethod
    def _from_text(cls, data: Any) -> Any:
        return parse(data) if isinstance(data, str) else data

    @model_validator(mode="after")
    def _compiles(self) -> Self:
        if self.operator.endswith("~"):
            try:
                re.compile(self.value)
            except re.error as error:
                raise ValueError(f"{self.value!r} is no regular expression: {error}") from error
        return self

    @model_serializer
    def _as_text(self) -> str:
        return str(self)

    @cached_property
    def _pattern(self) -> re.Pattern[str]:
        return re.compile(self.value, re.DOTALL)

    def matches(self, labels: Labels) -> bool:
        """Say whether labels fulfil the condition."""
        value = labels.get(self.name, "")
        if self.operator.endswith("~"):
            return (self._pattern.fullmatch(value) is not None) == (self.operator == "=~")
        return (value == self.value) == (self.operator == "=")

    def __str__(self) -> str:
        escaped = self.value.replace("\\", "\\\\").replace('"', '\\"')
        return f'{self.name}{self.operator}"{escaped}"'


def parse(text: str) -> dict[str, str]:
    """Return name, operator and value of a matcher's text. Raise ValueError with an example."""
    found = _SHAPE.fullmatch(text)
    if found is None:
        raise ValueError(f'{text!r} is no matcher; write it as severity="critical" or app=~"shop-.*"')
    name, operator, value = found.groups()
    if value.startswith('"'):
        value = _ESCAPE.sub(r"\1", value[1:-1])
    return {"name": name, "operator": operator, "value": value}


def all_match(matchers: Iterable[Matcher], labels: Labels) -> bool:
    """Say whether labels fulfil all conditions; true where there are none."""
    return all(matcher.matches(labels) for matcher in matchers)
