"""The page on the producer lists every metric that there is, and no other."""

import re
from pathlib import Path

from producer.metrics import Metrics

PAGE = Path(__file__).parents[3] / "docs" / "producer.md"


def test_the_page_lists_the_metrics_with_their_meaning() -> None:
    row = re.compile(r"^\| `(cfstream_producer_\w+)` \| \w+ \| [\w, ]+ \| (.*) \|$", re.MULTILINE)
    listed = dict(row.findall(PAGE.read_text("utf-8")))
    there = {
        f"{each.name}_total" if each.type == "counter" else each.name: each.documentation
        for each in Metrics().registry.collect()
    }
    assert listed == there
