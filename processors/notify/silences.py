"""Silences: alerts that match are not sent until a given time. Kept in the compacted topic ``cf.silences``."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from processors.alerts.messages import stable_id
from processors.notify.matchers import Labels, Matcher, all_match
from schemas.notifications import Silence as SilenceRecord
from schemas.records import Micros


@dataclass(frozen=True)
class Silence:
    """One silence, in force from ``starts_at`` to before ``ends_at``."""

    id: str
    matchers: tuple[Matcher, ...]
    starts_at: Micros
    ends_at: Micros
    author: str
    comment: str

    def holds(self, now: Micros) -> bool:
        """Say whether it is in force."""
        return self.starts_at <= now < self.ends_at

    def record(self, now: Micros) -> SilenceRecord:
        """Return it as it is kept."""
        return {
            "id": self.id,
            "matchers": [str(matcher) for matcher in self.matchers],
            "starts_at": self.starts_at,
            "ends_at": self.ends_at,
            "author": self.author,
            "comment": self.comment,
            "updated_at": now,
        }


def create(matchers: Iterable[str], *, now: Micros, seconds: int, author: str, comment: str) -> Silence:
    """Return a new silence from now on. Raise ValueError for no matcher, a bad one, or one that matches everything."""
    parsed = tuple(Matcher.model_validate(text) for text in matchers)
    if not parsed:
        raise ValueError('a silence needs a matcher, such as app="shop"')
    if all_match(parsed, {}):
        raise ValueError("these matchers take every alert; name at least one label and its value")
    if seconds <= 0:
        raise ValueError("a silence must last for some time, such as 2h")
    key = stable_id(*sorted(str(matcher) for matcher in parsed), str(now))
    return Silence(key[:12], parsed, now, now + seconds * 1_000_000, author, comment)


def from_record(record: dict[str, Any]) -> Silence:
    """Return a silence as it was kept. Raise ValueError for a bad matcher."""
    return Silence(
        record["id"],
        tuple(Matcher.model_validate(text) for text in record["matchers"]),
        record["starts_at"],
        record["ends_at"],
        record["author"],
        record["comment"],
    )


def silenced_by(silences: Iterable[Silence], labels: Labels, now: Micros) -> Silence | None:
    """Return a silence that holds for these labels, if any."""
    return next((s for s in silences if s.holds(now) and all_match(s.matchers, labels)), None)
