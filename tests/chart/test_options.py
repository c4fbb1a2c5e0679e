"""Each value does what its comment says, checked on the rendered objects."""

from pathlib import Path

import pytest
from support.chart_options import CASES, GONE, Case, merged, nested

from helm.commented import read
from helm.render import CHART, Chart, Rendering, at


def names(rendering: Rendering, kind: str) -> list[str]:
    return [each["metadata"]["name"] for each in rendering.all(kind)]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.value)
def test_option(chart: Chart, minimal: Path, case: Case) -> None:
    rendering = chart.render(minimal, values=merged(case.given, nested(case.value, case.set_to)))
    kind, name = case.where
    if case.expected is GONE:
        assert not [each for each in names(rendering, kind) if each.endswith(f"-{name}")]
    else:
        assert at(rendering.one(kind, name), case.path) == case.expected


def test_every_value_has_a_case() -> None:
    values = {leaf.name for top in read(CHART / "values.yaml") for leaf in top.leaves()}
    assert values == {case.value for case in CASES}


def test_a_case_asks_for_something_else_than_the_default() -> None:
    defaults = {leaf.name: leaf.default for top in read(CHART / "values.yaml") for leaf in top.leaves()}
    same = [case.value for case in CASES if case.set_to == defaults[case.value]]
    assert same == ["setup.mode"]
