"""Alerts, runbook pages and dashboards speak of metrics that exist, and belong together."""

import json
import re
from pathlib import Path

import pytest
import yaml
from prometheus_client import CollectorRegistry

from helm.render import CHART, Chart
from processors.metrics import WorkerMetrics
from processors.notify.metrics import NotifierMetrics
from producer.metrics import Metrics

PAGES = CHART.parent.parent / "docs" / "runbooks"
ALERTS = {path.stem: yaml.safe_load(path.read_text("utf-8")) for path in sorted((CHART / "alerts").glob("*.yaml"))}
DASHBOARDS = sorted((CHART / "dashboards").glob("*.json"))
SUFFIXES = {"counter": ("_total",), "gauge": ("",), "histogram": ("_bucket", "_sum", "_count")}


@pytest.fixture(scope="module")
def metrics() -> dict[str, set[str]]:
    """Each series that a process shows, with its labels."""
    registry = CollectorRegistry()
    families = [
        collector
        for owner in (Metrics(CollectorRegistry()), WorkerMetrics(registry), NotifierMetrics(registry))
        for collector in vars(owner).values()
        if hasattr(collector, "describe")
    ]
    return {
        family.name + suffix: set(collector._labelnames)
        for collector in families
        for family in collector.describe()
        for suffix in SUFFIXES[family.type]
    }


def used(text: str) -> set[str]:
    return set(re.findall(r"\bcfstream_(?:producer|worker|notifier)_[a-z_]+", text))


@pytest.mark.parametrize("name", ALERTS)
def test_an_alert_is_named_as_its_file_and_its_page(name: str) -> None:
    assert ALERTS[name]["alert"] == name
    sections = re.findall(r"^## (.+)$", (PAGES / f"{name}.md").read_text("utf-8"), re.MULTILINE)
    assert sections == ["Meaning", "Impact", "Diagnosis", "Mitigation"]


def test_each_page_has_its_alert() -> None:
    assert {path.stem for path in PAGES.glob("*.md")} == set(ALERTS)


@pytest.mark.parametrize("name", ALERTS)
def test_an_alert_uses_metrics_and_labels_that_exist(name: str, metrics: dict[str, set[str]]) -> None:
    alert = ALERTS[name]
    series = used(alert["expr"])
    assert series
    assert series <= set(metrics)
    assert alert["expr"].count("$selector") >= len(series)
    shown = set(re.findall(r"\$labels\.(\w+)", json.dumps(alert["annotations"])))
    assert all(shown <= metrics[one] | {"pod"} for one in series)
    assert alert["labels"]["severity"] in ("critical", "warning")


@pytest.mark.parametrize("name", ALERTS)
def test_a_page_speaks_of_metrics_that_exist(name: str, metrics: dict[str, set[str]]) -> None:
    assert used((PAGES / f"{name}.md").read_text("utf-8")) <= set(metrics)


@pytest.mark.parametrize("path", DASHBOARDS, ids=lambda path: path.stem)
def test_a_dashboard_uses_metrics_and_labels_that_exist(path: Path, metrics: dict[str, set[str]]) -> None:
    dashboard = json.loads(path.read_text("utf-8"))
    targets = [target for panel in dashboard["panels"] for target in panel.get("targets", ())]
    assert len(targets) > 10
    for target in targets:
        (series, *more) = used(target["expr"])
        assert not more
        assert set(re.findall(r"{{(\w+)}}", target["legendFormat"])) <= metrics[series] | {"pod"}
    ids = [panel["id"] for panel in dashboard["panels"]]
    assert len(ids) == len(set(ids))


def test_the_notifiers_alerts_come_with_the_notifier(chart: Chart, minimal: Path) -> None:
    def rules(values: dict[str, object]) -> set[str]:
        groups = chart.render(minimal, values={"metrics": {"rules": True}} | values).one("PrometheusRule", "cfstream")
        return {rule["alert"] for rule in groups["spec"]["groups"][0]["rules"]}

    without = {name for name in ALERTS if "cfstream_notifier_" not in ALERTS[name]["expr"]}
    assert rules({}) == without
    assert rules({"notifier": {"enabled": True, "slackWebhook": {"existingSecret": "s"}}}) == set(ALERTS)
