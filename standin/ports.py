"""Ports for children: free ones, or the one that was asked for."""

import random
import socket

from plumbing.errors import CfstreamError, UsageError

HOST = "127.0.0.1"
LOWEST, HIGHEST = 20_000, 32_000
"""Below the range from which Linux gives ports to outgoing connections, so that nobody takes one before the child."""


def is_free(port: int) -> bool:
    """Say whether a server could listen there now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True


def free_port() -> int:
    """Return a port on which nobody listens."""
    system = random.SystemRandom()
    for _ in range(1000):
        port = system.randrange(LOWEST, HIGHEST)
        if is_free(port):
            return port
    raise CfstreamError(f"no free port between {LOWEST} and {HIGHEST}; end some servers on this machine")


def given_or_free(given: int | None, what: str, option: str) -> int:
    """Return the given port, or a free one. Raise UsageError when the given one is taken."""
    if not given:
        return free_port()
    if not is_free(given):
        raise UsageError(
            f"port {given} for {what} is taken: choose another with {option}, or leave it out for a free one"
        )
    return given
