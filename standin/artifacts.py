"""What the embedded parts run on, installed once into the data folder: Kafka's jars and the registry.

An installation is made in a folder beside its final one and renamed when it is whole, under a file lock: an
interrupted download is never taken for a whole one, and two first starts at once do the work once.
"""

import contextlib
import fcntl
import shutil
import tarfile
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from standin.fetch import fetch
from standin.kafka_storage import make_template
from standin.pins import Pin, pins

KAFKA = "kafka-4.2.1"
REGISTRY = "apicurio-registry-3.3.3"

Repositories = Mapping[str, str] | None


def kafka_jars(data: Path, *, repositories: Repositories = None) -> Path:
    """Return the folder with Kafka's jars, downloaded when they are not there yet."""

    def build(made: Path, files: list[Path]) -> None:
        for file in files:
            file.rename(made / file.name)
        make_template(made)

    return installed(data, KAFKA, "Apache Kafka", pins("kafka"), build, repositories)


def registry_home(data: Path, *, repositories: Repositories = None) -> Path:
    """Return the folder of the unpacked registry, downloaded when it is not there yet."""

    def build(made: Path, files: list[Path]) -> None:
        with tarfile.open(files[0]) as archive:
            archive.extractall(made, filter="data")

    return installed(data, REGISTRY, "Apicurio Registry", pins("registry"), build, repositories)


def installed(
    data: Path,
    name: str,
    title: str,
    files: list[Pin],
    build: Callable[[Path, list[Path]], None],
    repositories: Repositories = None,
) -> Path:
    """Return the folder ``data/name``, made by ``build`` from the downloaded files when it is not there yet.

    ``build`` gets the folder to fill and the files, which it may move. It is called once, however many ask.
    """
    home = data / name
    if home.is_dir():
        return home
    with locked(data / f"{name}.lock"):
        if home.is_dir():  # another process was first
            return home
        for left in data.glob(f".{name}-*"):  # of a process that was killed: it held the lock that we hold now
            shutil.rmtree(left, ignore_errors=True)
        staging = Path(tempfile.mkdtemp(prefix=f".{name}-", dir=data))
        try:
            fetched = fetch(title, files, staging / "repository", repositories=repositories)
            made = staging / "made"
            made.mkdir()
            build(made, fetched)
            made.rename(home)
        finally:
            shutil.rmtree(staging, ignore_errors=True)
    return home


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold a lock between processes; blocks while another holds it. The kernel frees it when the holder dies."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
