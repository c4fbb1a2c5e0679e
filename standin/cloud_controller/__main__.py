"""Serve a simulated Cloud Controller: ``python -m standin.cloud_controller --port 8080``."""

import argparse

from standin.cloud_controller.clock import SimClock
from standin.cloud_controller.controller import CloudController
from standin.cloud_controller.history import Past
from standin.cloud_controller.scenario import play_demo_scenario
from standin.cloud_controller.server import serve_forever


def main() -> None:
    """Read the arguments, make up the past that was asked for, serve until SIGTERM."""
    parser = argparse.ArgumentParser(description="Serve a simulated Cloud Controller.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--speed", type=float, default=1.0, help="simulated seconds in a real second")
    parser.add_argument("--rate", type=float, default=0.0, help="deeds a simulated second; 0 stays paused")
    parser.add_argument("--scenario", action="store_true", help="begin with the fixed demo scenario")
    parser.add_argument("--usage-rows", type=int, default=0, help="begin with a past of so many rows")
    parser.add_argument("--apps", type=int, default=500)
    given = parser.parse_args()
    cc = CloudController(seed=given.seed, clock=SimClock(speed=given.speed))
    if given.scenario:
        play_demo_scenario(cc)
    elif given.usage_rows:
        cc.write_past(Past(usage_rows=given.usage_rows, apps=given.apps))
    if given.rate:
        cc.resume(given.rate)
    serve_forever(cc, given.host, given.port, on_ready=lambda address: print(f"CFSTREAM_CF_API={address}", flush=True))  # noqa: T201 # what the command is for


if __name__ == "__main__":
    main()
