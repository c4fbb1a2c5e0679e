"""The alerts file: what is wrong is said with line and field."""

from pathlib import Path

import pytest

from plumbing.errors import UsageError
from processors.alerts.files import load_rules
from processors.alerts.rules import Rules


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "alerts.yaml"
    path.write_text(text, "utf-8")
    return path


def test_no_file_means_the_default_rules() -> None:
    assert load_rules(None) == Rules()
    assert {rule.kind for rule in Rules().of_apps} >= {"rate", "loop", "all-instances", "out-of-memory", "giving-up"}
    assert {rule.by for rule in Rules().storms} == {"cell", "space", "org", "foundation"}


def test_rules_are_read_with_durations_and_kind_defaults(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        "rules:\n- name: many\n  kind: rate\n  threshold: 5\n  window: 1h30m\n  for: 2m\n  match: {app: shop-*}\n"
        "receivers:\n  whatever: {}\n",
    )
    (rule,) = load_rules(path).rules
    assert (rule.window, rule.for_, rule.resolve_after, rule.match.app) == (5400, 120, 600, ["shop-*"])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("rules:\n- name: a\n  kind: rate\n  threshold: 0\n", ":4: rules.0.threshold: "),
        ("rules:\n- name: a\n  kind: rat\n", ":3: rules.0.kind: "),
        ("rules:\n- name: a\n  kind: rate\n  window: soon\n", ":4: rules.0.window: 'soon' is no duration"),
        ("rules:\n- name: a\n  kind: rate\n  treshold: 3\n", ":4: rules.0.treshold: is no field here"),
        ("rules:\n- kind: rate\n", ":2: rules.0.name: Field required"),
        ("rules:\n- {name: a, kind: rate}\n- {name: a, kind: loop}\n", "two rules are named 'a'"),
        ("rules:\n- name: Crash Rate\n  kind: rate\n", ":2: rules.0.name: 'Crash Rate' is no rule's name"),
        ("rules:\n- {name: a, kind: storm}\n", "'by' (cell, space, org or foundation)"),
        ("rules:\n- {name: a, kind: storm, by: cell, match: {labels: {team: x}}}\n", "a storm cannot match labels"),
        ("rules:\n- name: a\n  kind: rate\n  summary: '{app.__class__}'\n", ":4: rules.0.summary: "),
        ("rules:\n- name: a\n  kind: rate\n  summary: '{ap}'\n", "{ap} is no place of a summary"),
        ("rules: [\n", "not YAML"),
        ("- a\n", ":1: must be a mapping"),
        ("rulez: []\n", ":1: rulez: is no field here"),
    ],
)
def test_an_error_names_the_line_and_the_field(tmp_path: Path, text: str, expected: str) -> None:
    with pytest.raises(UsageError) as caught:
        load_rules(written(tmp_path, text))
    assert expected in str(caught.value)
    assert str(caught.value).startswith(str(tmp_path / "alerts.yaml"))


def test_a_missing_file_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="CFSTREAM_ALERTS_CONFIG"):
        load_rules(tmp_path / "none.yaml")
