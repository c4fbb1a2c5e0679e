"""Rows that were published inside a window, so that reading the window again publishes nothing twice.

Identity is (guid, created_at): a reseed uses guids again. Each row is kept as a digest of 96 bits; two rows of one
window meet in one digest with a chance of 1 in 10^20 at 50,000 rows.
"""

from base64 import b64encode
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from hashlib import blake2b

from plumbing.clock import SECOND

DIGEST_CHARS = 16
LARGEST = 40_000
"""Rows kept. A window with more is cut at its old end, but never inside the newest second."""


def digest(guid: str, created_at: int) -> str:
    """Return the short form of a row's identity."""
    return b64encode(blake2b(f"{guid}@{created_at}".encode("utf-8", "surrogatepass"), digest_size=12).digest()).decode()


@dataclass(frozen=True)
class Seen:
    """The window: ``start`` is the second from which on every published row is here."""

    start: int
    by_second: Mapping[int, frozenset[str]] = field(default_factory=dict)

    def has(self, guid: str, created_at: int) -> bool:
        """Say whether a row was published."""
        digests = self.by_second.get(created_at // SECOND)
        return digests is not None and digest(guid, created_at) in digests

    def count(self, since: int) -> int:
        """Return how many rows of the second ``since`` and later are here."""
        return sum(len(digests) for second, digests in self.by_second.items() if second >= since)

    def with_rows(self, rows: Iterable[tuple[str, int]], start: int, largest: int = LARGEST) -> "Seen":
        """Return the window with rows (guid, created_at) added, and cut to begin at ``start`` or later.

        With more than ``largest`` rows it is cut further at its old end, but never inside its newest second.
        """
        start = max(self.start, start)
        new: dict[int, list[tuple[str, int]]] = {}
        for guid, created_at in rows:
            second = created_at // SECOND
            if second >= start:
                new.setdefault(second, []).append((guid, created_at))
        kept = {second: digests for second, digests in self.by_second.items() if second >= start}
        counts = Counter({second: len(digests) for second, digests in kept.items()})
        counts.update({second: len(found) for second, found in new.items()})
        total = counts.total()
        for second in sorted(counts)[:-1]:
            if total <= largest:
                break
            total -= counts[second]
            start = second + 1
        kept = {second: digests for second, digests in kept.items() if second >= start}
        for second, found in new.items():
            if second >= start:
                kept[second] = kept.get(second, frozenset()).union(digest(guid, at) for guid, at in found)
        return Seen(start, kept)

    def texts(self) -> list[str]:
        """Return the checkpoint's form: one text a second, ``<second>:<digests>``; the first marks the start."""
        inner = [f"{second}:{''.join(sorted(digests))}" for second, digests in sorted(self.by_second.items())]
        return [f"{self.start}:", *inner]

    @classmethod
    def of_texts(cls, texts: Iterable[str]) -> "Seen":
        """Read the checkpoint's form; nothing is an empty window from the beginning of time."""
        start, by_second = 0, {}
        for text in texts:
            second, _, digests = text.partition(":")
            if not digests:
                start = int(second)
                continue
            by_second[int(second)] = frozenset(
                digests[i : i + DIGEST_CHARS] for i in range(0, len(digests), DIGEST_CHARS)
            )
        return cls(start, by_second)
