"""One fetched chunk of one partition as one Faust event."""

from dataclasses import dataclass
from typing import Any

import faust
from faust.types import TP


@dataclass(frozen=True, slots=True)
class Chunk:
    """Records of one partition in offset order, as aiokafka gives them (``key``, ``value``, ``offset``, ``timestamp``).

    ``end`` is the position after the chunk.
    """

    tp: TP
    records: list[Any]
    end: int

    @property
    def last(self) -> int:
        """Offset of the last record."""
        offset: int = self.records[-1].offset
        return offset


class ChunkSchema(faust.Schema[Any, Any]):
    """Hands chunks through as they are; keys and values are decoded by the agent, which owns what is undecodable."""

    def loads_key(self, app: Any, message: Any, **_more: Any) -> Any:  # noqa: ARG002 - Faust's signature
        """Return None: a chunk has many keys."""
        return None

    def loads_value(self, app: Any, message: Any, **_more: Any) -> Any:  # noqa: ARG002 - Faust's signature
        """Return the chunk."""
        return message.value
