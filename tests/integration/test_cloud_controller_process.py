"""The simulated Cloud Controller as a process of its own: says where it is, ends when told."""

import signal
import subprocess
import sys

import httpx


def test_it_says_its_address_serves_and_ends_on_sigterm() -> None:
    command = [sys.executable, "-m", "standin.cloud_controller", "--usage-rows", "300", "--apps", "20", "--rate", "50"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout
            name, _, address = process.stdout.readline().strip().partition("=")
            assert name == "CFSTREAM_CF_API"
            first = httpx.get(f"{address}/sim/truth", timeout=10).json()
            assert first["usage_rows"] >= 300
            stepped = httpx.post(f"{address}/sim/clock", json={"step_seconds": 30}, timeout=10)
            assert stepped.status_code == 200
            assert httpx.get(f"{address}/sim/truth", timeout=10).json()["usage_rows"] > first["usage_rows"] + 100
        finally:
            process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=20) in (0, -signal.SIGTERM)
