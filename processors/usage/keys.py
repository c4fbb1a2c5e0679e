"""The keys of the usage topics."""

from datetime import UTC, datetime

from schemas.tables import Scope


def total_key(scope: Scope, guid: str) -> str:
    """Return the key under which the partials of a total are told apart from others."""
    return f"{scope}/{guid}"


def hour_key(scope: Scope, guid: str, hour: int) -> str:
    """Return the key of an hour's record; ``hour`` is the second of its beginning."""
    return f"{scope}/{guid}/{datetime.fromtimestamp(hour, UTC):%Y-%m-%dT%H}"


def partial_key(key: str, partition: int) -> str:
    """Return the key of one partition's share."""
    return f"{key}/{partition}"
