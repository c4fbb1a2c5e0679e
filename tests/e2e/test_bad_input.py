"""What is wrong at the start ends in one line that says what to do, exit 2, without a traceback; or is waited for."""

import socket
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from support.chain import Chain, chain, free_port
from support.command import Ended
from support.waiting import until

from standin.cloud_controller.server import CloudController, running
from standin.stack import Stack

NOBODY = "127.0.0.1:9"


@pytest.fixture(scope="module")
def whole(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chain]:
    """Everything is there and right, until a test says otherwise."""
    with chain(CloudController(seed=6), stack.bootstrap_servers, stack.registry_url, tmp_path_factory.mktemp("w")) as c:
        yield c


def last_line(ended: Ended) -> str:
    """Return the one line that a refused command ends with."""
    assert ended.code == 2, ended.err[-2000:]
    assert "Traceback" not in ended.err
    lines = ended.err.splitlines()
    assert sum(line.startswith("cfstream: ") for line in lines) == 1, ended.err
    assert lines[-1].startswith("cfstream: ")
    return lines[-1]


def test_wrong_credentials_name_the_client_and_the_settings(whole: Chain) -> None:
    line = last_line(whole.run("producer", "run", cf_client_secret="wrong"))
    assert "refuses client cfstream" in line
    assert "CFSTREAM_CF_CLIENT_ID and CFSTREAM_CF_CLIENT_SECRET" in line
    assert "wrong" not in line


def test_a_token_that_does_not_see_everything_is_refused_by_its_scopes(whole: Chain) -> None:
    scopes = f"{whole.scene.source.url}/sim/options"
    before = httpx.get(scopes).json()["scopes"]
    httpx.post(scopes, json={"scopes": ["cloud_controller.read"]}).raise_for_status()
    try:
        line = last_line(whole.run("producer", "run"))
    finally:
        httpx.post(scopes, json={"scopes": before}).raise_for_status()
    assert "cloud_controller.global_auditor" in line
    assert "has cloud_controller.read" in line


@pytest.mark.parametrize(
    ("missing", "named"),
    [("cf_api", "CFSTREAM_CF_API is not set"), ("cf_client_id", "CFSTREAM_CF_CLIENT_ID and CFSTREAM_CF_CLIENT_SECRET")],
)
def test_a_setting_that_is_not_there_is_named(whole: Chain, missing: str, named: str) -> None:
    assert named in last_line(whole.run("producer", "run", given={missing: ""}))


def test_an_address_that_is_no_cloud_controller_is_said(whole: Chain) -> None:
    line = last_line(whole.run("producer", "run", "--until-caught-up", cf_api=f"{whole.scene.room_url}"))
    assert "CFSTREAM_CF_API" in line


def test_a_run_to_the_end_does_not_wait_for_a_cloud_controller(whole: Chain) -> None:
    line = last_line(whole.run("producer", "run", "--until-caught-up", cf_api=f"http://{NOBODY}"))
    assert f"no answer from http://{NOBODY}" in line
    assert "set CFSTREAM_CF_API" in line


def test_a_running_producer_waits_for_the_cloud_controller_says_so_and_then_works(whole: Chain) -> None:
    port = free_port()
    whole.start("waiting", "producer", "run", cf_api=f"http://127.0.0.1:{port}", poll_seconds="0.2")
    until(lambda: whole.said("waiting", "no answer: trying again"), within_s=30, what="a line in the log")
    assert whole.said("waiting", "set CFSTREAM_CF_API")
    assert whole.pipeline.running("waiting")
    with running(whole.cc, port=port):
        until(lambda: whole.said("waiting", "first start"), within_s=60, what="work")
    child = whole.pipeline.child("waiting")
    whole.pipeline.stop("waiting")
    assert child.exit_code == 0


@pytest.mark.parametrize(
    "command",
    [("state",), ("processors", "run", "--until-caught-up"), ("producer", "run", "--until-caught-up")],
    ids=" ".join,
)
def test_without_kafka_the_line_names_its_setting_and_the_address(whole: Chain, command: tuple[str, ...]) -> None:
    line = last_line(whole.run(*command, kafka_bootstrap_servers=NOBODY))
    assert f"no Kafka broker answers at {NOBODY}" in line
    assert "CFSTREAM_KAFKA_BOOTSTRAP_SERVERS" in line


@pytest.mark.parametrize(
    "command",
    [
        ("schemas", "check"),
        ("schemas", "register"),
        ("processors", "run", "--until-caught-up"),
        ("producer", "run", "--until-caught-up"),
    ],
    ids=" ".join,
)
def test_without_a_registry_the_line_names_its_setting_and_the_address(whole: Chain, command: tuple[str, ...]) -> None:
    line = last_line(whole.run(*command, schema_registry_url=f"http://{NOBODY}"))
    assert f"http://{NOBODY}" in line
    assert "CFSTREAM_SCHEMA_REGISTRY_URL" in line


@pytest.mark.parametrize("command", ["producer", "processors"])
def test_a_taken_port_is_said_with_its_setting(whole: Chain, command: str) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        line = last_line(whole.run(command, "run", http_port=str(port)))
    assert f"CFSTREAM_HTTP_PORT={port}" in line
    assert "choose a free port" in line


@pytest.mark.parametrize("command", [("producer", "run"), ("processors", "run"), ("state",)], ids=" ".join)
def test_a_setting_out_of_range_is_named_with_what_it_takes(whole: Chain, command: tuple[str, ...]) -> None:
    assert "CFSTREAM_PARTITIONS='0': must be at least 1" in last_line(whole.run(*command, partitions="0"))


def test_the_wrong_number_of_partitions_is_refused_before_anything_is_written(whole: Chain) -> None:
    for command in ("producer", "processors"):
        line = last_line(whole.run(command, "run", "--until-caught-up", partitions="7"))
        assert "has 4 partitions, CFSTREAM_PARTITIONS asks for 7; set it to 4" in line


def test_topics_that_are_missing_are_told_with_the_command_that_makes_them(whole: Chain) -> None:
    for command in (("state",), ("tail", "alerts"), ("totals",)):
        assert "cfstream topics apply" in last_line(whole.run(*command, topic_prefix="nobody-has-these."))
    refused = whole.run("processors", "run", topic_prefix="nobody-has-these.", create_topics="false")
    assert "cfstream topics apply" in last_line(refused)


@pytest.mark.parametrize("command", [("producer", "run"), ("processors", "run"), ("state",)], ids=" ".join)
def test_a_settings_file_with_an_unknown_key_is_refused(command: tuple[str, ...], whole: Chain, tmp_path: Path) -> None:
    config = tmp_path / "cfstream.yaml"
    config.write_text("partitons: 3\n", "utf-8")
    line = last_line(whole.run(*command, "--config", str(config)))
    assert f"{config}: unknown setting partitons; did you mean partitions?" in line


def test_a_secret_file_that_is_not_there_is_named(whole: Chain) -> None:
    line = last_line(whole.run("producer", "run", cf_client_secret="", cf_client_secret_file="/nobody/has/this"))
    assert "CFSTREAM_CF_CLIENT_SECRET_FILE: cannot read /nobody/has/this" in line


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("topcs",), "did you mean topics?"),
        (("producer", "run", "--feed", "crashes"), "there are app-usage-events and audit-events"),
        (("tail", "nothing"), "no topic 'nothing'"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_wrong_use_is_told(whole: Chain, arguments: tuple[str, ...], says: str) -> None:
    assert says in last_line(whole.run(*arguments))


def test_a_misspelt_variable_is_warned_of_and_stops_nothing(whole: Chain) -> None:
    ended = whole.good("topics", "check", partitons="4")
    assert "CFSTREAM_PARTITONS is no setting; did you mean CFSTREAM_PARTITIONS?" in ended.err
