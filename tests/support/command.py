"""The command as a user calls it, with settings of a test's own."""

import os
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

PREFIX = "CFSTREAM_"


@dataclass(frozen=True)
class Ended:
    """What a command left behind."""

    code: int
    out: str
    err: str
    seconds: float

    @property
    def objects(self) -> list[dict[str, Any]]:
        """Standard output as JSON lines."""
        return [orjson.loads(line) for line in self.out.splitlines()]


def clean_environment(more: Mapping[str, str]) -> dict[str, str]:
    """Return this process's environment without any setting of the product, and ``more``."""
    return {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)} | dict(more)


def cfstream(*arguments: str, environment: Mapping[str, str], within_s: float = 60) -> Ended:
    """Run a command to its end with just these settings. Fails when it does not end in time."""
    began = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-m", "cfstream", *arguments],
        env=clean_environment(environment),
        capture_output=True,
        text=True,
        timeout=within_s,
        check=False,
    )
    return Ended(done.returncode, done.stdout, done.stderr, time.monotonic() - began)


def settings(named: Mapping[str, str]) -> dict[str, str]:
    """Return settings as environment variables."""
    return {PREFIX + name.upper(): value for name, value in named.items()}
