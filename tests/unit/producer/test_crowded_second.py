"""One second with more rows than a checkpoint can remember: a purge and reseed of a large foundation."""

from collections import Counter
from collections.abc import Iterator
from typing import Any, cast

from support.registry import MemoryRegistry

from plumbing.clock import SECOND, iso, micros
from producer import checkpoint
from producer.checkpoint import TailState
from producer.feeds import usage
from producer.feeds.dialect import Page
from producer.feeds.position import Position
from producer.feeds.seen import CROWD, Seen
from producer.publish.batch import LARGEST_VALUE
from schemas.codec import Codec
from schemas.records import Checkpoint

FIRST = micros("2026-11-21T10:00:00Z")
SETTLE_S = 60
PAGE = 5000

Row = dict[str, Any]


def reseed(number: int, at: int) -> list[Row]:
    """Rows as a purge and reseed writes them: one time for all, and the guids of the processes."""
    text = iso(at)
    return [{"guid": f"p{each}", "created_at": text, "process": {"guid": f"p{each}"}} for each in range(number)]


class Feed:
    """A usage table, and a tail whose transactions are in doubt whenever ``doubts`` says so."""

    def __init__(self) -> None:
        self.table: list[Row] = []
        self.now = FIRST
        self.state = TailState()
        self.published: list[tuple[str, str]] = []
        self.largest = 0
        self._codec = Codec(MemoryRegistry())
        self._encode = self._codec.encoder("t", "Checkpoint")

    def read(self, doubts: Iterator[str | None], pages: int | None = None) -> None:
        """Read to the end, or so many pages; the state is read back from its record after each doubt."""
        position = self.state.position
        while pages != 0:
            begin = self._place(position)
            if begin is None:
                position = usage.lost(position, SETTLE_S)
                begin = 0
            rows = self.table[begin : begin + PAGE]
            step = usage.advance(position, Page(rows, self.now, begin + PAGE < len(self.table)), "v3", SETTLE_S)
            doubt = next(doubts)
            if doubt != "not committed":
                self._commit(step.rows, step.position)
            position = self.state.position if doubt else step.position
            if pages is not None:
                pages -= 1
            if step.ended and not doubt:
                return

    def _place(self, position: Position) -> int | None:
        """Return where the rows behind the cursor begin; None where its row is gone, or is another one."""
        if position.guid is None:
            return 0
        for place, row in enumerate(self.table):
            if row["guid"] == position.guid and micros(row["created_at"]) == position.created_at:
                return place + 1
        return None

    def _commit(self, rows: list[Row], position: Position) -> None:
        record = checkpoint.to_record(TailState(position=position), "f", "app-usage-events", self.now)
        frame = self._encode(cast("Any", record))
        self.largest = max(self.largest, len(frame))
        self.published += [(row["guid"], row["created_at"]) for row in rows]
        self.state = checkpoint.from_record(cast("Checkpoint", self._codec.decode(frame)))


def endless(*kinds: str | None) -> Iterator[str | None]:
    while True:
        yield from kinds


def test_a_reseed_of_100_000_rows_in_one_second_is_published_once_and_fits_the_checkpoint() -> None:
    """With a cursor that was lost to it, with doubts in between, and reseeded again half-way and after."""
    feed = Feed()
    doubts = endless(None, "not committed", None, "committed")
    feed.table = [{"guid": f"r{each}", "created_at": iso(FIRST)} for each in range(30)]
    feed.now += 61 * SECOND
    feed.read(doubts)
    expected = list(feed.table)
    feed.table = reseed(100_000, feed.now)
    feed.now += 100 * SECOND
    feed.read(doubts, pages=16)
    half = len(feed.published) - len(expected)
    assert CROWD < half < 100_000
    expected += feed.table[:half]
    for number in (100_000, 30_000):
        feed.table = reseed(number, feed.now)
        feed.now += 100 * SECOND
        feed.read(doubts)
        expected += feed.table
    assert Counter(feed.published) == Counter((row["guid"], row["created_at"]) for row in expected)
    assert feed.largest < LARGEST_VALUE


def test_rows_of_other_seconds_among_a_crowd_change_nothing() -> None:
    feed = Feed()
    feed.table = [{"guid": "before", "created_at": iso(FIRST)}]
    feed.now += 70 * SECOND
    feed.read(endless(None))
    at = feed.now
    feed.table = reseed(60_000, at)
    for place, away_s in ((7_000, 1), (24_999, -2), (25_003, 1), (45_000, 2)):
        feed.table.insert(place, {"guid": f"other{place}", "created_at": iso(at + away_s * SECOND)})
    feed.now += 100 * SECOND
    feed.read(endless(None, "not committed"))
    assert Counter(feed.published[1:]) == Counter((row["guid"], row["created_at"]) for row in feed.table)


def test_a_cursor_lost_in_a_crowd_goes_on_behind_it() -> None:
    """Which rows of the crowd were published cannot be told any more: none comes twice, and the gap is said."""
    at = FIRST
    rows = [(f"p{each}", at) for each in range(CROWD + 1)]
    seen = Seen(0).with_rows(rows, 0, crowd=CROWD)
    assert seen.behind_crowds() == at // SECOND + 1
    assert not seen.has(*rows[-1])
    lost = usage.lost(Position(guid="p1", created_at=at, seen=seen), SETTLE_S)
    assert lost.floor == at + SECOND


def test_a_second_that_is_not_full_knows_all_its_rows() -> None:
    rows = [(f"p{each}", FIRST) for each in range(CROWD - 1)]
    seen = Seen(0).with_rows(rows, 0, crowd=CROWD).with_rows(rows[-9:], 0, crowd=CROWD)
    assert all(seen.has(*row) for row in rows)
    assert seen.behind_crowds() is None
    full = seen.with_rows([rows[-1], ("more", FIRST), ("no room", FIRST)], 0, crowd=CROWD)
    assert full.has("more", FIRST)
    assert not full.has("no room", FIRST)
    assert full.behind_crowds() == FIRST // SECOND + 1
    assert Seen.of_texts(full.texts()) == full
