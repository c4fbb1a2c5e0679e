"""Where the stand-in environment keeps its files: downloads that stay, and one folder a run with data and logs."""

import os
import pwd
import shutil
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import psutil

from plumbing.errors import UsageError

RUNS_KEPT = 8
"""Folders of ended runs that stay, for their logs; older ones go when a new run starts."""


def data_folder(environment: dict[str, str] | None = None) -> Path:
    """Return the data folder: CFSTREAM_DATA_DIR, else the user's cache folder. Works without HOME."""
    env = dict(os.environ) if environment is None else environment
    if given := env.get("CFSTREAM_DATA_DIR"):
        return Path(given).expanduser().absolute()
    if cache := env.get("XDG_CACHE_HOME"):
        return Path(cache).absolute() / "cfstream"
    home = env.get("HOME") or pwd.getpwuid(os.getuid()).pw_dir
    return Path(home).absolute() / ".cache" / "cfstream"


@dataclass(frozen=True)
class RunFolder:
    """The files of one run. ``keep_data`` says whether the broker's data stays when the run ends."""

    path: Path
    keep_data: bool

    @classmethod
    def fresh(cls, data: Path) -> "RunFolder":
        """Make a folder of its own under ``runs``, and remove the oldest of the runs that have ended."""
        runs = data / "runs"
        make_writable(runs)
        _forget_old(runs)
        stamp = time.strftime("%Y%m%dT%H%M%S", time.gmtime())
        for attempt in range(1000):
            path = runs / f"{stamp}-{os.getpid()}-{attempt}"
            try:
                path.mkdir()
            except FileExistsError:
                continue
            return cls(path, keep_data=False)
        raise FileExistsError(str(runs))

    @classmethod
    def at(cls, path: Path) -> "RunFolder":
        """Use a folder that the caller chose; its data stays and serves the next run."""
        make_writable(path)
        return cls(path.absolute(), keep_data=True)

    def log(self, name: str) -> Path:
        """Return the log file of a child."""
        return self.path / f"{name}.log"

    def data(self, name: str) -> Path:
        """Return the data folder of a child."""
        return self.path / f"{name}-data"

    def end(self) -> None:
        """Remove the data, unless it is to stay. The logs stay."""
        if not self.keep_data:
            for data in self.path.glob("*-data"):
                shutil.rmtree(data, ignore_errors=True)


def make_writable(folder: Path) -> None:
    """Make a folder, or raise UsageError with the reason why it cannot be used."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise UsageError(
            f"cannot write to {folder}: {error.strerror}; set CFSTREAM_DATA_DIR to a folder that you may write to"
        ) from error


def _forget_old(runs: Path) -> None:
    ended = [run for run in sorted(runs.iterdir()) if not _alive(run.name)]
    for run in ended:
        for data in run.glob("*-data"):
            shutil.rmtree(data, ignore_errors=True)
    for run in ended[:-RUNS_KEPT]:
        shutil.rmtree(run, ignore_errors=True)


def _alive(run: str) -> bool:
    parts = run.split("-")
    return len(parts) == 3 and parts[1].isdigit() and psutil.pid_exists(int(parts[1]))  # noqa: PLR2004 - stamp-pid-attempt
