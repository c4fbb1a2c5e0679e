"""Any history and any moment of death: what is committed equals the ledger, nothing missing, nothing twice."""

import asyncio
from collections import Counter
from dataclasses import dataclass, replace
from random import Random
from typing import Any, Literal

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from support.producer_world import Identified, Kill, World, identities
from support.simulated import standing_still

from producer.feeds.dialect import Version
from producer.settings import FEEDS, Feed
from standin.cloud_controller.history import Past
from standin.cloud_controller.ledger import Lateness

SETTLE_S = 60

Event = tuple[Literal["do", "step", "crowd", "prune", "purge"], int]

EVENTS = st.one_of(
    st.tuples(st.just("do"), st.integers(1, 12)),
    st.tuples(st.just("step"), st.integers(1, 90)),
    st.tuples(st.just("crowd"), st.integers(5, 40)),
    st.tuples(st.just("prune"), st.integers(0, 400)),
    st.tuples(st.just("purge"), st.just(0)),
)
KILLS = st.lists(st.sampled_from([None, None, None, "before", "after", "doubt-before", "doubt-after"]), max_size=12)


@dataclass(frozen=True)
class History:
    """What happens, when the producer dies, and how it reads."""

    seed: int
    feed: Feed
    version: Version
    page_size: int
    past: int
    late_s: float
    back_s: float
    before: list[Event]
    during: list[list[Event]]
    kills: list[list[Kill | None]]


HISTORIES = st.builds(
    History,
    seed=st.integers(1, 10_000),
    feed=st.sampled_from(FEEDS),
    version=st.sampled_from(["v3", "v2"]),
    page_size=st.integers(1, 60),
    past=st.sampled_from([0, 60, 200]),
    late_s=st.sampled_from([0.0, 5.0, 30.0]),
    back_s=st.sampled_from([0.0, 5.0, 28.0]),
    before=st.lists(EVENTS, max_size=6),
    during=st.lists(st.lists(EVENTS, max_size=2), max_size=12),
    kills=st.lists(KILLS, max_size=4),
)


class Play:
    """One history with its ledger beside it."""

    def __init__(self, history: History, *, torn: bool = False) -> None:
        self.history = history
        self.cc = standing_still(seed=history.seed)
        if history.past:
            self.cc.write_past(Past(usage_rows=history.past, apps=30, span_s=3600.0))
        self.cc.ledger.lateness = Lateness(0.5, history.late_s, 0.5 if history.back_s else 0.0, history.back_s)
        self.world = World(
            self.cc, history.feed, history.version, settle_s=SETTLE_S, page_size=history.page_size, torn=torn
        )
        self.gone: set[Identified] = set()
        self.gap_owed = False

    def run(self) -> None:
        for event in self.history.before:
            self.happen(event)
        waiting = [list(events) for events in self.history.during]

        def between(path: str) -> None:
            if "events" in path and waiting:
                for event in waiting.pop(0):
                    self.happen(event)

        self.world.between = between
        for kills in self.history.kills:
            asyncio.run(self.world.session(kills))
            self.happen(("step", 20))
        while waiting:
            self.happen(("step", 20))
            asyncio.run(self.world.session())
        self.happen(("step", SETTLE_S + 61))
        asyncio.run(self.world.session())

    def happen(self, event: Event) -> None:
        kind, size = event
        table = self.table
        if kind == "do":
            self.cc.do(size)
        elif kind == "crowd":
            # Many rows within one second, more than a page may hold.
            self.cc.do(size)
            self.cc.step(0.01)
            self.cc.do(size)
        elif kind == "step":
            self.cc.step(size)
        elif kind == "prune":
            before = set(identities(table.in_id_order.rows))
            self.cc.prune(size / 86400)
            self.lose(before - set(identities(table.in_id_order.rows)))
        elif self.history.feed == FEEDS[0]:
            # Rows of open transactions are emptied out with the table: no reader can ever see them.
            before = set(identities(self.rows))
            self.cc.purge_and_reseed()
            self.lose(before - set(identities(table.in_id_order.rows)))

    def lose(self, rows: set[Identified]) -> None:
        """Note rows that no reader can see any more; a gap is owed when a cursor went together with unread rows."""
        self.gone |= rows
        published = set(self.published)
        left = set(identities(self.table.in_id_order.rows))
        state = self.world.log.checkpoint
        if state is None or state.position.guid is None or not rows - published:
            return
        position = state.position
        cursor_gone = (position.guid, position.created_at) not in left
        if self.history.feed == FEEDS[0]:
            self.gap_owed |= cursor_gone
        else:
            unread = any(at > (position.created_at or 0) for _, at in rows - published)
            self.gap_owed |= unread and not published & left

    @property
    def rows(self) -> list[Any]:
        ledger = self.cc.ledger
        return list(ledger.usage if self.history.feed == FEEDS[0] else ledger.audit)

    @property
    def table(self) -> Any:
        ledger = self.cc.ledger
        return ledger.usage_table if self.history.feed == FEEDS[0] else ledger.audit_table

    @property
    def published(self) -> Counter[Identified]:
        return Counter((record["guid"], record["created_at"]) for record in self.world.records)


def check(play: Play) -> None:
    published, recorded = play.published, identities(play.rows)
    twice = {row for row, count in published.items() if count > 1}
    assert not twice, f"published more than once: {twice}"
    invented = set(published) - set(recorded)
    assert not invented, f"never recorded: {invented}"
    missing = set(recorded) - set(published)
    assert missing <= play.gone, f"there, settled, and not published: {missing - play.gone}"
    assert not play.world.dead
    if play.gap_owed:
        assert play.world.state.gaps > 0, "rows went unread, and no gap was said"
    assert_order(play)


def assert_order(play: Play) -> None:
    """Usage rows of an app come in the order of recording, audit rows of a target in the order of time."""
    if play.history.feed == FEEDS[0]:
        places = {(row.guid, row.created_at): row.id for row in play.rows}
        by_app: dict[str, list[int]] = {}
        for record in play.world.records:
            by_app.setdefault(record["app_guid"], []).append(places[record["guid"], record["created_at"]])
        assert all(ids == sorted(ids) for ids in by_app.values())
    else:
        by_target: dict[str, list[int]] = {}
        for record in play.world.records:
            by_target.setdefault(record["target_guid"], []).append(record["created_at"])
        assert all(times == sorted(times) for times in by_target.values())


QUICK = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)


AN_UNREAD_ROW_OLDER_THAN_A_PRUNED_CURSOR = History(
    seed=242,
    feed=FEEDS[0],
    version="v3",
    page_size=33,
    past=200,
    late_s=0.0,
    back_s=5.0,
    before=[("do", 11), ("purge", 0), ("step", 28), ("do", 4)],
    during=[[("step", 28)], [], [], [], [], [("prune", 0)]],
    kills=[[], ["before"]],
)
A_GUID_THAT_COMES_BACK_BETWEEN_TWO_REQUESTS = History(
    seed=1,
    feed=FEEDS[0],
    version="v3",
    page_size=2,
    past=60,
    late_s=0.0,
    back_s=0.0,
    before=[("purge", 0)],
    during=[[("step", 41)], [("prune", 0)], [("purge", 0)]],
    kills=[],
)
ROWS_PRUNED_BETWEEN_TWO_SMALL_PAGES = History(
    seed=1,
    feed=FEEDS[1],
    version="v3",
    page_size=2,
    past=200,
    late_s=0.0,
    back_s=0.0,
    before=[],
    during=[[], [], [("prune", 251)]],
    kills=[],
)
ALL_THAT_WAS_READ_PRUNED_BETWEEN_TWO_SMALL_PAGES = replace(
    ROWS_PRUNED_BETWEEN_TWO_SMALL_PAGES, during=[[], [], [("prune", 233)]]
)


@QUICK
@given(HISTORIES)
@example(ROWS_PRUNED_BETWEEN_TWO_SMALL_PAGES)
@example(ALL_THAT_WAS_READ_PRUNED_BETWEEN_TWO_SMALL_PAGES)
@example(AN_UNREAD_ROW_OLDER_THAN_A_PRUNED_CURSOR)
@example(A_GUID_THAT_COMES_BACK_BETWEEN_TWO_REQUESTS)
def test_the_committed_rows_equal_the_ledger_whatever_happens(history: History) -> None:
    play = Play(history)
    play.run()
    check(play)


def test_the_property_fails_when_the_checkpoint_is_written_outside_the_transaction() -> None:
    """A test of the test: rows without their checkpoint come again."""
    chance = Random(5)
    caught = 0
    death: Kill = "before"
    for seed in range(1, 6):
        history = History(
            seed=seed,
            feed=FEEDS[0],
            version="v3",
            page_size=7,
            past=0,
            late_s=0,
            back_s=0,
            before=[("do", 12), ("do", 12), ("step", 200)],
            during=[],
            kills=[[*[None] * chance.randint(0, 2), death]],
        )
        play = Play(history, torn=True)
        play.run()
        with pytest.raises(AssertionError, match="more than once"):
            check(play)
        caught += 1
    assert caught == 5
