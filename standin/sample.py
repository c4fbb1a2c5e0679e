"""A simulated Cloud Controller to try things with: apps with a past, and a life that goes on."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass

from plumbing.errors import UsageError
from standin.cloud_controller.history import Past
from standin.cloud_controller.server import CloudController, SimClock, running
from standin.ports import HOST, is_free

PAST_ROWS_PER_APP = 10


@dataclass(frozen=True)
class Sample:
    """How it is made up. ``speed``: simulated seconds in a second; ``rate``: changes a simulated second."""

    apps: int = 50
    seed: int = 1
    speed: float = 1.0
    rate: float = 2.0


@contextlib.contextmanager
def cloud_controller(sample: Sample, *, port: int | None = None) -> Iterator[dict[str, str]]:
    """Serve it while the block runs; gives address and credentials as settings. Raise UsageError for a taken port."""
    if port and not is_free(port):
        raise UsageError(
            f"port {port} for the Cloud Controller is taken: choose another with --api-port, or none for a free one"
        )
    cc = CloudController(seed=sample.seed, clock=SimClock(speed=sample.speed))
    cc.write_past(Past(usage_rows=PAST_ROWS_PER_APP * sample.apps, apps=sample.apps))
    if sample.rate:
        cc.resume(sample.rate)
    with running(cc, host=HOST, port=port or 0) as address:
        yield {
            "CFSTREAM_CF_API": str(address),
            "CFSTREAM_CF_CLIENT_ID": cc.options.client_id,
            "CFSTREAM_CF_CLIENT_SECRET": cc.options.client_secret,
        }
