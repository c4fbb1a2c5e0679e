"""What stands beside a committed offset: which of the rows behind it were judged before.

The offset of a partition is held back by the foundation that needs the most. The rows of the others come again with
it, in this partition and not in all; a part of an old storm would look like another storm, with another id.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import orjson

from processors.alerts.storms import Crashed
from schemas.records import Micros

_LONGEST = 4000
"""Bytes. Kafka takes 4096 (``offset.metadata.max.bytes``)."""


@dataclass(frozen=True)
class Mark:
    """Of one partition. ``begin``: the committed offset; ``read``: up to where it was read by then.

    ``needed``: by foundation, the time after which its crashes are needed again. Who is not named needs none.
    """

    begin: int = 0
    read: int = 0
    needed: Mapping[str, Micros] = field(default_factory=dict)

    def judged(self, crash: Crashed, offset: int) -> bool:
        """Say whether a crash was judged before and is not needed again."""
        if not self.begin <= offset < self.read:
            return False
        needed = self.needed.get(crash.foundation)
        return needed is None or crash.at <= needed

    def text(self) -> str:
        """Return the mark as text; empty where it were too long, and then all is judged again."""
        text = orjson.dumps({"begin": self.begin, "read": self.read, "needed": dict(self.needed)}).decode()
        return text if len(text.encode()) <= _LONGEST else ""


def parse(text: str) -> Mark:
    """Return the mark of a text; for a text that is none of ours, one that calls nothing judged."""
    try:
        document = orjson.loads(text)
        needed = {str(name): int(at) for name, at in document["needed"].items()}
        return Mark(int(document["begin"]), int(document["read"]), needed)
    except (ValueError, TypeError, KeyError, AttributeError):
        return Mark()
