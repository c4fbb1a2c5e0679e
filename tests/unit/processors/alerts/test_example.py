"""The alerts file of the documentation is right and shows every key."""

from pathlib import Path
from typing import Any

import yaml

from processors.alerts.files import NOTIFYING, load_rules, problems, read
from processors.alerts.rules import Override, Rule
from processors.notify.config import AlertsConfig, Receiver, Route, read_config
from processors.notify.routing import routes_of

EXAMPLE = Path(__file__).parents[4] / "docs" / "alerts.yaml"
PAGE = EXAMPLE.with_suffix(".md")


def test_the_example_is_right() -> None:
    assert problems(read(EXAMPLE), AlertsConfig) == []
    assert {rule.kind for rule in load_rules(EXAMPLE).rules} >= {"rate", "per-instance", "loop", "storm"}


def test_the_example_shows_each_part_of_the_file() -> None:
    shown = yaml.safe_load(EXAMPLE.read_text("utf-8"))
    assert set(shown) == set(AlertsConfig.model_fields) - {"inhibit_rules"}


def test_a_critical_alert_of_the_example_reaches_the_team_too() -> None:
    root = read_config(read(EXAMPLE)).route
    critical = {"severity": "critical", "kind": "loop", "space": "production"}
    assert [route.receiver for route in routes_of(root, critical)] == ["on-call", "team"]
    assert [route.receiver for route in routes_of(root, critical | {"kind": "pipeline"})] == ["on-call"]
    assert [route.mute_times for route in routes_of(root, {"severity": "warning", "space": "dev-1"})] == [("nights",)]


def test_the_worker_passes_over_what_is_the_notifiers() -> None:
    assert set(AlertsConfig.model_fields) == {*NOTIFYING, "rules"}


def test_the_page_names_each_kind_and_channel() -> None:
    text = PAGE.read_text("utf-8") + EXAMPLE.read_text("utf-8")
    for kind in _choices(Rule, "kind"):
        assert f"`{kind}`" in text
    for channel in _choices(Receiver, "type"):
        assert channel in text


def test_the_schema_covers_the_models() -> None:
    defined = AlertsConfig.model_json_schema()["$defs"]
    for model in (Rule, Receiver, Route, Override):
        assert set(defined[model.__name__]["properties"]) == {
            field.alias or name for name, field in model.model_fields.items()
        }


def _choices(model: Any, field: str) -> list[str]:
    return list(model.model_json_schema()["properties"][field]["enum"])
