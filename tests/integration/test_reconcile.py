"""``cfstream reconcile`` on filled tables: agreement, drift, and a count that says otherwise than the lists."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from support.producer_run import Site, site

from producer.assemble import NO_SNAPSHOTS
from standin.cloud_controller.controller import CloudController
from standin.cloud_controller.history import Past


@pytest.fixture
def here(kafka: str, registry_url: str, topic_prefix: str, tmp_path: Path) -> Iterator[Site]:
    cc = CloudController(seed=51)
    cc.write_past(Past(usage_rows=300, apps=20, span_s=86400.0))
    cc.step(60)
    with site(cc, kafka, registry_url, topic_prefix, tmp_path) as found:
        found.environment["CFSTREAM_DATA_DIR"] = str(tmp_path / "data")
        yield found


def test_it_tells_agreement_from_drift_app_by_app(here: Site) -> None:
    for command in ("producer", "processors"):
        here.good(command, "run", "--until-caught-up")
    ended = here.good("reconcile")
    assert " apps agree" in ended.out
    assert "its own count says the same" in ended.out
    (line,) = here.good("reconcile", "--json").objects
    assert (line["drift"], line["own_count_differs"]) == ([], False)
    assert line["own_count"]["instances"] == line["source"]["instances"] > 0

    app = next(app for app in here.cc.world.apps.values() if app.started_processes())
    process = app.started_processes()[0]
    process.instances += 3
    ended = here.run("reconcile", "--json")
    assert ended.code == 1
    assert "apps that differ: 1" in ended.err
    (drift,) = ended.objects[0]["drift"]
    assert drift["app_guid"] == app.guid
    assert drift["source"]["instances"] - drift["table"]["instances"] == 3
    assert app.name in here.run("reconcile").out

    # Rows of other spaces are no rows of ours: what the filters leave out is no drift.
    process.instances -= 3
    nowhere = here.run("reconcile", "--json", spaces="no-such-space")
    assert nowhere.objects[0]["source"]["instances"] == 0
    assert nowhere.objects[0]["own_count"] is None


def test_a_foundation_with_v2_alone_says_what_it_cannot_give(here: Site) -> None:
    here.cc.options.v3_enabled = False
    ended = here.good("producer", "run", "--until-caught-up")
    assert NO_SNAPSHOTS in ended.err
    here.assert_exact()
    assert not here.records(here.topics.snapshots)
    for command in ("snapshot", "reconcile"):
        ended = here.run(command)
        assert ended.code == 1
        assert "has no v3 API" in ended.err
    (finding,) = (each for each in here.run("doctor", "--json").objects if each["check"] == "snapshots (default)")
    assert (finding["ok"], finding["text"]) == (None, f"not asked: {NO_SNAPSHOTS}")
