"""How the processes start when Kafka or the registry is away, and end: they wait, say so, and obey SIGTERM."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.kafka_proxy import proxy
from support.producer_run import Site, site, until

from standin.cloud_controller.controller import CloudController
from standin.embedded_registry import Registry
from standin.places import RunFolder, data_folder
from standin.ports import HOST, free_port

PROCESSES = {
    "producer": ("first start", "producer ends"),
    "processors": ("applied", "worker ends"),
    "notifier": ("this notifier leads", "notifier ends"),
}
"""By command, what each logs once it works, and at a clean end."""


@pytest.fixture
def here(kafka: str, registry_url: str, topic_prefix: str, tmp_path: Path) -> Iterator[Site]:
    with site(CloudController(seed=41), kafka, registry_url, topic_prefix, tmp_path) as found:
        found.environment["CFSTREAM_SLACK_WEBHOOK_URL"] = "https://hooks.example.com/services/a"
        found.environment["CFSTREAM_DATA_DIR"] = str(tmp_path / "data")
        yield found


@pytest.mark.parametrize("process", PROCESSES)
def test_it_waits_for_a_kafka_that_is_away_and_goes_on_by_itself(here: Site, process: str) -> None:
    works, ends = PROCESSES[process]
    port = free_port()
    child = here.start(process, process, "run", kafka_bootstrap_servers=f"{HOST}:{port}")
    until(lambda: here.said(process, "no answer: trying again"), within_s=60, what="it says what it waits for")
    assert "set CFSTREAM_KAFKA_BOOTSTRAP_SERVERS" in here.log(process).read_text()
    assert child.poll() is None
    # Brokers tell clients their own addresses: only the first question comes this way.
    with proxy(port, int(here.kafka.rpartition(":")[2])):
        here.cc.do(20)
        here.cc.step(60)
        if process == "processors":
            here.good("producer", "run", "--until-caught-up")
        until(lambda: here.said(process, works), within_s=90, what="it works")
        child.terminate()
        assert child.wait(30) == 0
    assert here.said(process, ends) == 1


def test_worker_and_notifier_wait_for_a_registry_that_is_away_and_go_on(here: Site, tmp_path: Path) -> None:
    here.good("producer", "run", "--until-caught-up")
    # A second one on the same Kafka holds the same schemas.
    registry = Registry(data_folder(), RunFolder.at(tmp_path / "registry"), here.kafka)
    names = ("processors", "notifier")
    children = [here.start(name, name, "run", schema_registry_url=registry.url) for name in names]
    for name in names:
        until(lambda name=name: here.said(name, "no answer: trying again"), within_s=60, what=f"{name} waits")  # type: ignore[misc] # mypy cannot type a default
        assert "set CFSTREAM_SCHEMA_REGISTRY_URL" in here.log(name).read_text()
    try:
        registry.start()
        for name, child in zip(names, children, strict=True):
            works, ends = PROCESSES[name]
            until(lambda name=name, works=works: here.said(name, works), within_s=90, what=f"{name} works")  # type: ignore[misc] # as above
            child.terminate()
            assert child.wait(30) == 0
            assert here.said(name, ends) == 1
    finally:
        registry.end()


@pytest.mark.parametrize("process", PROCESSES)
def test_sigterm_ends_the_waiting_at_once(here: Site, process: str) -> None:
    child = here.start(process, process, "run", kafka_bootstrap_servers=f"{HOST}:9")
    until(lambda: here.said(process, f"{PROCESSES[process][1].split()[0]} starts"), within_s=60, what="it starts")
    began = time.monotonic()
    child.terminate()
    assert child.wait(20) == 0
    assert time.monotonic() - began < 8
    assert here.said(process, PROCESSES[process][1]) == 1


@pytest.mark.parametrize(("process", "servers"), list(zip(PROCESSES, (" ", ",", "kafka:9092,,"), strict=True)))
def test_blank_servers_are_refused_as_a_setting(here: Site, process: str, servers: str) -> None:
    ended = here.run(process, "run", kafka_bootstrap_servers=servers)
    assert ended.code == 2
    assert ended.err.count("\n") == 1, ended.err
    assert "CFSTREAM_KAFKA_BOOTSTRAP_SERVERS" in ended.err
