"""``cfstream stack up`` as a user runs it: what it prints, how it ends, and that nothing outlives it."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import psutil
import pytest
from confluent_kafka.admin import AdminClient
from support.waiting import until

from standin.places import data_folder

WITHIN_S = 90.0
COMMAND = [sys.executable, "-m", "cfstream", "stack", "up", "--engine", "embedded"]


class Up:
    """A running ``stack up``."""

    def __init__(self, folder: Path, *arguments: str) -> None:
        self.errors = folder / "stderr"
        with self.errors.open("w") as errors:
            self.process = subprocess.Popen(
                [*COMMAND, *arguments],
                env=os.environ | {"CFSTREAM_DATA_DIR": str(data_folder())},
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
            )

    def lines(self, *names: str) -> dict[str, str]:
        """Read lines until all the names were there."""
        assert self.process.stdout is not None
        found: dict[str, str] = {}
        for line in self.process.stdout:
            name, _, value = line.rstrip("\n").partition("=")
            found[name] = value
            if all(wanted in found for wanted in names):
                return found
        raise AssertionError(f"it ended; stderr: {self.errors.read_text()}")

    def descendants(self, name: str = "") -> list[psutil.Process]:
        return [child for child in psutil.Process(self.process.pid).children(recursive=True) if name in child.name()]

    def end(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.communicate()


@pytest.fixture
def up(tmp_path: Path) -> Iterator[Callable[..., Up]]:
    started: list[Up] = []

    def start(*arguments: str) -> Up:
        started.append(Up(tmp_path, *arguments))
        return started[-1]

    yield start
    for one in started:
        one.end()


def gone(processes: list[psutil.Process]) -> bool:
    return not any(one.is_running() and one.status() != psutil.STATUS_ZOMBIE for one in _existing(processes))


def _existing(processes: list[psutil.Process]) -> list[psutil.Process]:
    return [one for one in processes if psutil.pid_exists(one.pid)]


def test_each_part_is_announced_when_it_answers_and_sigterm_ends_all_with_0(up: Callable[..., Up]) -> None:
    running = up()
    found = running.lines("CFSTREAM_KAFKA_BOOTSTRAP_SERVERS", "CFSTREAM_SCHEMA_REGISTRY_URL", "CFSTREAM_CF_API")
    assert set(found) == {
        "CFSTREAM_KAFKA_BOOTSTRAP_SERVERS",
        "CFSTREAM_SCHEMA_REGISTRY_URL",
        "CFSTREAM_CF_API",
        "CFSTREAM_CF_CLIENT_ID",
        "CFSTREAM_CF_CLIENT_SECRET",
    }
    admin = AdminClient({"bootstrap.servers": found["CFSTREAM_KAFKA_BOOTSTRAP_SERVERS"], "log_level": 0})
    assert admin.list_topics(timeout=10).brokers
    assert httpx.get(f"{found['CFSTREAM_SCHEMA_REGISTRY_URL']}/subjects").json() == []
    assert "cloud_controller_v3" in httpx.get(found["CFSTREAM_CF_API"]).json()["links"]
    children = running.descendants()
    running.process.send_signal(signal.SIGTERM)
    rest, _ = running.process.communicate(timeout=WITHIN_S)
    assert running.process.returncode == 0, running.errors.read_text()
    assert rest == ""
    assert gone(children)
    assert "Traceback" not in running.errors.read_text()


def test_kafka_and_registry_die_with_a_killed_parent(up: Callable[..., Up]) -> None:
    running = up("--only", "kafka,registry")
    running.lines("CFSTREAM_KAFKA_BOOTSTRAP_SERVERS", "CFSTREAM_SCHEMA_REGISTRY_URL")
    children = running.descendants()
    assert len([child for child in children if child.name() == "java"]) == 2
    running.process.kill()
    running.process.wait()
    until(lambda: gone(children), within_s=WITHIN_S, what="no child is left")


@pytest.mark.skipif(sys.platform != "linux", reason="PR_SET_PDEATHSIG is Linux's")
def test_kafka_dies_even_when_everything_between_is_killed(up: Callable[..., Up]) -> None:
    running = up("--only", "kafka")
    running.lines("CFSTREAM_KAFKA_BOOTSTRAP_SERVERS")
    java = running.descendants("java")
    between = [child for child in running.descendants() if child not in java]
    assert java
    assert between
    running.process.send_signal(signal.SIGSTOP)
    for guard in between:
        guard.kill()
    running.process.kill()
    until(lambda: gone(java), within_s=WITHIN_S, what="no child is left")


def test_ctrl_c_while_it_starts_leaves_nothing(up: Callable[..., Up]) -> None:
    running = up("--only", "kafka,registry")
    until(lambda: running.descendants("java"), within_s=WITHIN_S, what="the children run")
    children = running.descendants()
    running.process.send_signal(signal.SIGINT)
    rest, _ = running.process.communicate(timeout=WITHIN_S)
    assert running.process.returncode == 0
    assert rest == ""
    until(lambda: gone(children), within_s=WITHIN_S, what="no child is left")


def test_a_part_that_ends_by_itself_ends_the_command_with_1_and_the_log(up: Callable[..., Up]) -> None:
    running = up("--only", "kafka")
    running.lines("CFSTREAM_KAFKA_BOOTSTRAP_SERVERS")
    for java in running.descendants("java"):
        java.kill()
    running.process.wait(WITHIN_S)
    assert running.process.returncode == 1
    last = running.errors.read_text().splitlines()[-1]
    assert last.startswith("cfstream: Kafka ended by itself; its log says why: ")
    assert Path(last.rsplit(" ", 1)[1]).is_file()


@pytest.mark.parametrize(
    ("part", "option"),
    [("kafka", "--kafka-port"), ("kafka,registry", "--registry-port"), ("cloud-controller", "--api-port")],
)
def test_a_taken_port_is_one_line_and_exit_2(part: str, option: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = subprocess.run(
            [*COMMAND, "--only", part, option, str(port)], capture_output=True, text=True, check=False, timeout=WITHIN_S
        )
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.startswith(f"cfstream: port {port} for ")
    assert option in done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--only", "kafka,zookeeper"], "not 'zookeeper'"),
        (["--only", ","], "names no part"),
        (["--kafka-port", "70000"], "--kafka-port"),
        (["--engine", "podman"], "--engine"),
    ],
)
def test_wrong_use_is_exit_2(arguments: list[str], says: str) -> None:
    done = subprocess.run([*COMMAND, *arguments], capture_output=True, text=True, check=False, timeout=WITHIN_S)
    assert done.returncode == 2
    assert says in done.stderr
