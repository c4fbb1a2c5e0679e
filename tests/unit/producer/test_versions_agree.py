"""The same history read through v2 and through v3 gives equal records, but for the fields one version lacks."""

import asyncio
from typing import Any

import pytest
from support.producer_world import World
from support.simulated import standing_still

from producer.settings import FEEDS, Feed

ONLY_V2 = {
    FEEDS[0]: {"package_state", "previous_package_state", "actor_username"},
    FEEDS[1]: {"timestamp"},
}
ONLY_V3 = {FEEDS[0]: {"updated_at"}, FEEDS[1]: {"updated_at"}}
"""v2 shows no updated_at of usage events, and null for that of audit events."""


@pytest.mark.parametrize("feed", FEEDS)
def test_a_long_history_reads_equal_in_both_versions(feed: Feed) -> None:
    cc = standing_still(usage_rows=3000, apps=60)
    cc.step(120)
    found: list[list[dict[str, Any]]] = []
    for version, page_size in (("v3", 700), ("v2", 90)):
        world = World(cc, feed, "v3" if version == "v3" else "v2", page_size=page_size)
        asyncio.run(world.session())
        assert not world.dead
        found.append(world.records)
    three, two = found
    if feed == FEEDS[1]:
        # Within one second v3 goes by guid and v2 by id.
        three.sort(key=lambda record: (record["created_at"], record["guid"]))
        two.sort(key=lambda record: (record["created_at"], record["guid"]))
    assert len(three) == len(two) >= 2500
    differing = {name for a, b in zip(three, two, strict=True) for name in a if a[name] != b[name]}
    assert differing <= ONLY_V2[feed] | ONLY_V3[feed]
    for a, b in zip(three, two, strict=True):
        assert all(a[name] is None for name in ONLY_V2[feed])
        assert all(b[name] is None for name in ONLY_V3[feed])
