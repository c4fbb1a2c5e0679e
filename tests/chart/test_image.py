"""The image's steps and its runtime contract, without an engine: an unprivileged user, a read-only root, no HOME.

As root the tests make a mount namespace in which the whole root is read-only and run in it as user 10001, as a pod
does. Without root they run as the user at hand, in trees without write permission.
"""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from helm.render import CHART

ROOT = CHART.parent.parent
DOCKERFILE = (ROOT / "Dockerfile").read_text("utf-8")
COPIED = ("pyproject.toml", "README.md", "LICENSE", "requirements", "helm/image", "cfstream", "plumbing", "processors",
          "producer", "schemas", "standin")  # fmt: skip
NETWORK = re.compile(r"^(PIP_|SSL_|REQUESTS_|CURL_|https?_proxy|no_proxy)", re.IGNORECASE)
UID = 10001


@dataclass(frozen=True)
class Container:
    """A folder with a source tree, a target, and what a container may write to."""

    folder: Path

    @property
    def python(self) -> str:
        return str(Path(sys.base_prefix) / "bin" / f"python{sys.version_info.major}.{sys.version_info.minor}")

    def command(
        self, *arguments: str, writable: tuple[str, ...], env: dict[str, str], network: bool = False
    ) -> list[str]:
        """Return the command that runs ``arguments`` in here; only the folders ``writable`` can be written to."""
        given = {"PATH": "/usr/bin:/bin", "TMPDIR": str(self.folder / "tmp"), "PYTHON": self.python} | env
        if network:
            given |= {name: value for name, value in os.environ.items() if NETWORK.match(name)}
        plain = ["env", "-i", *(f"{name}={value}" for name, value in given.items()), *arguments]
        if os.geteuid() != 0:
            return plain
        mounts = [
            "mount --make-rprivate /",
            *self._interpreter(),
            *(f"mount --bind '{self.folder}/{name}' '{self.folder}/{name}'" for name in writable),
            "mount -o remount,bind,ro /",
            f'exec setpriv --reuid={UID} --regid={UID} --clear-groups --no-new-privs "$@"',
        ]
        return ["unshare", "--mount", "sh", "-ec", "\n".join(mounts), "sh", *plain]

    def _interpreter(self) -> list[str]:
        """Return the mounts that let everybody reach an interpreter in a folder of somebody's own, such as a HOME."""
        closed = [path for path in Path(sys.base_prefix).parents if not path.stat().st_mode & 0o001]
        if not closed:
            return []
        return [
            f"mount --bind '{sys.base_prefix}' '{self.folder}/python'",
            f"mount -t tmpfs -o mode=0755 none '{closed[-1]}'",
            f"mkdir -p '{sys.base_prefix}'",
            f"mount --bind '{self.folder}/python' '{sys.base_prefix}'",
            f"mount -o remount,bind,ro '{sys.base_prefix}'",
            f"mount -o remount,bind,ro '{closed[-1]}'",
        ]

    def run(self, *arguments: str, **env: str) -> tuple[int, str, str]:
        done = subprocess.run(
            self.command(*arguments, writable=("tmp", "data"), env=env),
            capture_output=True,
            text=True,
            check=False,
            cwd="/",
        )
        return done.returncode, done.stdout, done.stderr

    def cfstream(self, part: str, *arguments: str, **env: str) -> tuple[int, str, str]:
        return self.run(str(self.folder / "out" / part / "bin" / "cfstream"), *arguments, **env)


@pytest.fixture(scope="module")
def container() -> Iterator[Container]:
    """Both parts, installed by the Dockerfile's script."""
    folder = Path(tempfile.mkdtemp(prefix="cfstream-image-"))
    folder.chmod(0o755)
    try:
        for name in ("source", "python", "out", "tmp", "data"):
            (folder / name).mkdir()
        for name in ("out", "tmp", "data"):
            (folder / name).chmod(0o777)
        for name in COPIED:
            place = folder / "source" / name
            place.parent.mkdir(parents=True, exist_ok=True)
            if (ROOT / name).is_dir():
                shutil.copytree(ROOT / name, place, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy(ROOT / name, place)
        found = Container(folder)
        subprocess.run(["chmod", "-R", "a+rX,a-w", folder / "source"], check=True)
        for part in ("producer", "worker"):
            script = str(folder / "source" / "helm" / "image" / "install.sh")
            command = found.command(
                script, part, f"{folder}/source", f"{folder}/out/{part}", writable=("out", "tmp"), env={}, network=True
            )
            done = subprocess.run(command, capture_output=True, text=True, check=False, cwd="/")
            assert done.returncode == 0, done.stderr
            subprocess.run(["chmod", "-R", "a-w", folder / "out" / part], check=True)
        yield found
    finally:
        subprocess.run(["chmod", "-R", "u+w", folder], check=False)
        shutil.rmtree(folder)


def test_the_dockerfile_copies_what_is_installed_here() -> None:
    copied = [
        word for line in re.findall(r"^COPY (?!--from)(.+)$", DOCKERFILE, re.MULTILINE) for word in line.split()[:-1]
    ]
    assert sorted(copied) == sorted(COPIED)
    let_through = [
        line[1:] for line in (ROOT / ".dockerignore").read_text("utf-8").splitlines() if line.startswith("!")
    ]
    assert sorted(let_through) == sorted(COPIED)


def test_the_dockerfile_runs_the_script_for_each_part_with_a_pinned_base_and_a_numeric_user() -> None:
    runs = re.findall(r"^RUN helm/image/install.sh (\w+) /source (\S+)$", DOCKERFILE, re.MULTILINE)
    assert runs == [("producer", "/opt/cfstream"), ("worker", "/opt/cfstream")]
    assert re.search(r"^ARG PYTHON_IMAGE=python:3\.\d+\.\d+-\S+$", DOCKERFILE, re.MULTILINE)
    assert "FROM ${PYTHON_IMAGE}${PYTHON_DIGEST:+@${PYTHON_DIGEST}}" in DOCKERFILE
    assert re.findall(r"^USER (.+)$", DOCKERFILE, re.MULTILINE) == [f"{UID}:{UID}"]
    targets = re.findall(r"^FROM runtime AS (\w+)$", DOCKERFILE, re.MULTILINE)
    assert targets == ["producer", "worker"]


@pytest.mark.parametrize(
    ("tool", "names"),
    [
        ("hadolint", ["Dockerfile"]),
        ("shellcheck", ["helm/tools.sh", "helm/image/install.sh", "requirements/lock.sh", ".ci/run"]),
    ],
)
def test_the_linters_have_no_complaint(tool: str, names: list[str]) -> None:
    done = subprocess.run(
        [Path(sys.executable).parent / tool, *names], capture_output=True, text=True, check=False, cwd=ROOT
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_the_locks_name_wheels_by_hash_and_no_index() -> None:
    for name in ("producer", "worker", "build", "sbom"):
        text = (ROOT / "requirements" / f"{name}.txt").read_text("utf-8")
        pinned = re.findall(r"^[a-z0-9._-]+==", text, re.MULTILINE | re.IGNORECASE)
        assert len(pinned) >= 4
        assert text.count("--hash=sha256:") >= len(pinned)
        assert "://" not in text


@pytest.mark.parametrize("part", ["producer", "worker"])
def test_it_starts_as_a_user_without_name_home_or_write_permission(container: Container, part: str) -> None:
    code, out, err = container.cfstream(part, "--version")
    assert (code, err) == (0, "")
    assert re.fullmatch(r"cfstream \d+\.\d+\.\d+\n", out)


@pytest.mark.skipif(os.geteuid() != 0, reason="a read-only root and another user need root")
def test_the_root_is_really_read_only_and_the_user_unprivileged(container: Container) -> None:
    code, out, _ = container.run(
        "sh", "-c", f"id -u; touch /x {container.folder}/out/x; touch {container.folder}/data/x"
    )
    assert (code, out) == (0, f"{UID}\n")
    assert not (container.folder / "out" / "x").exists()


def test_each_image_has_the_commands_of_its_parts(container: Container) -> None:
    for part, commands in {
        "producer": ("producer run", "producer status", "topics apply", "schemas register", "tail"),
        "worker": ("processors run", "notifier run", "state", "topics check", "schemas check"),
    }.items():
        for command in commands:
            code, _, err = container.cfstream(part, *command.split(), "--help")
            assert code == 0, f"{part}: cfstream {command}: {err}"


def test_the_producers_image_has_no_faust_and_no_image_an_installer(container: Container) -> None:
    code, _, err = container.cfstream("producer", "processors", "run")
    assert code == 2
    assert "pip install 'cfstream[worker]'" in err
    for part in ("producer", "worker"):
        code, _, err = container.run(f"{container.folder}/out/{part}/bin/python", "-m", "pip")
        assert code == 1
        assert "No module named pip" in err


@pytest.mark.parametrize("part", ["producer", "worker"])
def test_a_bill_of_materials_names_all_that_is_in_the_image(container: Container, part: str) -> None:
    text = (container.folder / "out" / part / "sbom.cdx.json").read_text("utf-8")
    bill = json.loads(text)
    assert (bill["bomFormat"], bill["metadata"]["component"]["name"]) == ("CycloneDX", "cfstream")

    def plain(name: str) -> str:
        return re.sub(r"[-_.]+", "-", name).lower()

    listed = {(plain(each["name"]), each["version"]) for each in bill["components"]}
    locked = re.findall(
        r"^([a-z0-9._-]+)==([^ ;]+)",
        (ROOT / "requirements" / f"{part}.txt").read_text("utf-8"),
        re.IGNORECASE | re.MULTILINE,
    )
    assert {name for name, _ in listed} >= {"confluent-kafka", "fastavro"}
    assert listed <= {(plain(name), version) for name, version in locked}
    assert str(container.folder) not in text


def test_a_wrong_setting_is_one_line_and_exit_2(container: Container) -> None:
    code, out, err = container.cfstream("producer", "producer", "run", CFSTREAM_DATA_DIR=f"{container.folder}/data")
    assert (code, out) == (2, "")
    assert err.strip().splitlines()[-1].startswith("cfstream: CFSTREAM_CF_API is not set")


def test_the_producer_lives_waits_and_ends_on_sigterm(container: Container) -> None:
    """Live though Kafka is away, not ready, and gone within the grace period."""
    with socket.create_server(("127.0.0.1", 0)) as free, socket.create_server(("127.0.0.1", 0)) as nothing:
        port, away = free.getsockname()[1], nothing.getsockname()[1]
    command = container.command(
        f"{container.folder}/out/producer/bin/cfstream",
        "producer",
        "run",
        writable=("tmp", "data"),
        env={
            "CFSTREAM_CF_API": f"http://127.0.0.1:{away}",
            "CFSTREAM_CF_CLIENT_ID": "cfstream",
            "CFSTREAM_CF_CLIENT_SECRET": "secret",
            "CFSTREAM_KAFKA_BOOTSTRAP_SERVERS": f"127.0.0.1:{away}",
            "CFSTREAM_SCHEMA_REGISTRY_URL": f"http://127.0.0.1:{away}",
            "CFSTREAM_HTTP_PORT": str(port),
            "CFSTREAM_LOG_FORMAT": "json",
            "CFSTREAM_DATA_DIR": f"{container.folder}/data",
        },
    )
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, cwd="/") as process:
        try:
            assert status(port, "/livez", process) == 200
            assert status(port, "/metrics", process) == 200
        finally:
            process.send_signal(signal.SIGTERM)
            _, log = process.communicate(timeout=45)
    assert process.returncode == 0, log
    assert "Traceback" not in log


def status(port: int, path: str, process: "subprocess.Popen[str]") -> int:
    """Ask until something answers, for at most 30 s."""
    deadline = time.monotonic() + 30
    while True:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as answer:
                found: int = answer.status
                return found
        except urllib.error.HTTPError as error:
            return error.code
        except OSError:
            if process.poll() is not None or time.monotonic() > deadline:
                raise
            threading.Event().wait(0.1)
