"""Rows that were published inside a window, so that reading the window again publishes nothing twice.

Identity is (guid, created_at): a reseed uses guids again. Each row is kept as a digest of 96 bits; two rows of one
window meet in one digest with a chance of 1 in 10^20 at 50,000 rows.

The window is part of a checkpoint, which has to fit into one Kafka message. So it is bounded in two ways: all of it by
``LARGEST``, and a single second of the usage feed by ``CROWD``, for a purge and reseed gives one created_at to all its
rows. A second that has reached ``CROWD`` is *full*: it keeps what it has and takes no more. That loses nothing where
reading goes on, because rows behind the cursor in the order of ids have not been read, and so need not be looked up.
Only a lost cursor makes known rows come again; reading then goes on behind a full second (``behind_crowds``), and the
gap is said. A second reseed is younger than that, and pruning takes rows of one time together.

The audit feed has no order of ids to rely on, and no such crowds: its seconds are kept whole.
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

CROWD = 20_000
"""Rows kept of one second of the usage feed; 320 kB of a checkpoint."""


def digest(guid: str, created_at: int) -> str:
    """Return the short form of a row's identity."""
    return b64encode(blake2b(f"{guid}@{created_at}".encode("utf-8", "surrogatepass"), digest_size=12).digest()).decode()


@dataclass(frozen=True)
class Seen:
    """The window: ``start`` is the second from which on every published row is here, but for those of full seconds."""

    start: int
    by_second: Mapping[int, frozenset[str]] = field(default_factory=dict)

    def has(self, guid: str, created_at: int) -> bool:
        """Say whether a row was published."""
        digests = self.by_second.get(created_at // SECOND)
        return digests is not None and digest(guid, created_at) in digests

    def count(self, since: int) -> int:
        """Return how many rows of the second ``since`` and later are here."""
        return sum(len(digests) for second, digests in self.by_second.items() if second >= since)

    def behind_crowds(self) -> int | None:
        """Return the second behind the last full one: before it, what is not here may have been published too."""
        return max((second + 1 for second, digests in self.by_second.items() if len(digests) >= CROWD), default=None)

    def with_rows(
        self, rows: Iterable[tuple[str, int]], start: int, largest: int = LARGEST, crowd: int | None = None
    ) -> "Seen":
        """Return the window with rows (guid, created_at) added, and cut to begin at ``start`` or later.

        A second that has ``crowd`` rows takes no more. With more than ``largest`` rows the window is cut further at its
        old end, but never inside its newest second.
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
        if crowd is not None:
            counts = Counter({second: min(number, crowd) for second, number in counts.items()})
        total = counts.total()
        for second in sorted(counts)[:-1]:
            if total <= largest:
                break
            total -= counts[second]
            start = second + 1
        kept = {second: digests for second, digests in kept.items() if second >= start}
        for second, found in new.items():
            if second >= start:
                kept[second] = _filled(kept.get(second, frozenset()), found, crowd)
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


def _filled(digests: frozenset[str], rows: Iterable[tuple[str, int]], crowd: int | None) -> frozenset[str]:
    """Return the digests of one second with those of more rows, up to ``crowd``."""
    if crowd is None:
        return digests.union(digest(guid, at) for guid, at in rows)
    filled = set(digests)
    for guid, at in rows:
        if len(filled) >= crowd:
            break
        filled.add(digest(guid, at))
    return frozenset(filled)
