"""The page of metrics lists every one of the workers and the notifier, with its meaning, and no other."""

import re
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from processors.metrics import WorkerMetrics
from processors.notify.metrics import NotifierMetrics

PAGE = Path(__file__).parents[3] / "docs" / "metrics.md"


@pytest.mark.parametrize(
    ("owner", "start"), [(WorkerMetrics, "cfstream_worker_"), (NotifierMetrics, "cfstream_notifier_")]
)
def test_the_page_lists_the_metrics_with_their_meaning(
    owner: type[WorkerMetrics] | type[NotifierMetrics], start: str
) -> None:
    row = re.compile(rf"^\| `({start}\w+)` \| (\w+) \| [\w, –]+ \| (.*) \|$", re.MULTILINE)
    listed = {name: (kind, meaning) for name, kind, meaning in row.findall(PAGE.read_text("utf-8"))}
    registry = CollectorRegistry()
    owner(registry)
    there = {
        f"{each.name}_total" if each.type == "counter" else each.name: (each.type, each.documentation)
        for each in registry.collect()
    }
    assert listed == there
