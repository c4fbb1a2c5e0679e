"""How much of what could not be read or delivered a dead letter holds: it must itself fit into a record."""

LARGEST_BODY = 900_000
"""Bytes. The client refuses a record of a million, and a broker one of a MiB, headers and key with it."""


def fitting(body: bytes | None, reason: str) -> tuple[bytes, str]:
    """Return body and reason of a dead letter; a body that is too large is cut, and the reason says so."""
    whole = body or b""
    if len(whole) <= LARGEST_BODY:
        return whole, reason
    return whole[:LARGEST_BODY], f"{reason}; the body is cut, it has {len(whole)} bytes"
