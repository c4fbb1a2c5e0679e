"""A real browser, headless, with an empty profile."""

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome")
QUIET = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)

Open = Callable[..., str]


@pytest.fixture
def opened(tmp_path: Path) -> Open:
    """Open a page, let its scripts run for some seconds of its own time, and return the document as it is then."""
    browser = next((found for name in NAMES if (found := shutil.which(name))), None)
    if browser is None:
        message = "no Chromium on this machine (on Debian: apt-get install chromium)"
        if os.environ.get("CI"):
            pytest.fail(message)
        pytest.skip(message)

    def open_page(url: str, *more: str) -> str:
        profile = f"--user-data-dir={tmp_path / 'profile'}"
        command = [browser, *QUIET, profile, "--virtual-time-budget=4000", "--dump-dom", *more, url]
        return subprocess.run(command, capture_output=True, text=True, timeout=120, check=True).stdout

    return open_page
