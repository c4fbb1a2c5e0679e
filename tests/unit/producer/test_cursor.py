"""Reading the feeds: order, settling, lost cursors, reseeds, crowds; on the simulated Cloud Controller, no sockets."""

import asyncio
from typing import Any

import pytest
from support.producer_world import World
from support.simulated import START, standing_still

from plumbing.clock import SECOND, iso
from producer.feeds import audit, settle, usage
from producer.feeds.dialect import Page, Version
from producer.feeds.position import Position
from producer.feeds.seen import LARGEST, Seen
from producer.settings import FEEDS
from standin.cloud_controller.controller import CloudController
from standin.cloud_controller.ledger import Lateness

BOTH: tuple[Version, ...] = ("v3", "v2")


def row(guid: str, at_s: int) -> dict[str, Any]:
    minutes, seconds = divmod(at_s, 60)
    return {"guid": guid, "created_at": f"2026-11-21T10:{minutes:02d}:{seconds:02d}Z"}


def page(rows: list[dict[str, Any]], now_s: int, *, more: bool = False) -> Page:
    return Page(rows, START + now_s * SECOND, more)


def at(seconds: int) -> int:
    return START + seconds * SECOND


def listed(world: World) -> list[dict[str, str]]:
    return [dict(each.url.params) for each in world.requests if each.url.path.endswith("events")]


def run(world: World) -> None:
    asyncio.run(world.session())


def history(rows: int = 300, **more: Any) -> CloudController:
    cc = standing_still(usage_rows=rows, **more)
    cc.step(120)
    return cc


@pytest.mark.parametrize("version", BOTH)
def test_usage_rows_come_in_the_order_of_insertion_by_page_1_behind_the_last_row(version: Version) -> None:
    cc = standing_still()
    cc.ledger.lateness = Lateness(back_chance=0.5, back_most_s=20)
    for _ in range(30):
        cc.do(5)
        cc.step(3)
    cc.step(120)
    world = World(cc, version=version, page_size=17)
    run(world)
    times = [record["created_at"] for record in world.records]
    assert times != sorted(times), "the history shows nothing"
    assert [record["guid"] for record in world.records] == [each.guid for each in cc.ledger.usage]
    asked = listed(world)
    assert all("order_by" not in query and query.get("page", "1") == "1" for query in asked)
    assert len({query.get("after_guid") for query in asked}) == len(asked)


def test_it_stops_at_the_first_young_row_and_comes_back_for_it() -> None:
    rows = [row("old", 0), row("young", 100), row("older than young", 30)]
    step = usage.advance(Position(), page(rows, 130), "v3", 60)
    assert [each["guid"] for each in step.rows] == ["old"]
    assert (step.position.guid, step.held, step.ended) == ("old", 2, True)
    step = usage.advance(step.position, page(rows[1:], 161), "v3", 60)
    assert [each["guid"] for each in step.rows] == ["young", "older than young"]


def test_a_row_from_the_future_holds_nothing_behind_it_and_moves_no_time() -> None:
    ahead = [row("before", 0), row("ahead", 700), row("behind", 10), row("young", 100)]
    step = usage.advance(Position(), page(ahead, 130), "v3", 60)
    assert [each["guid"] for each in step.rows] == ["before", "ahead", "behind"]
    assert step.newest == at(10)
    assert step.position.settled_until is not None
    assert step.position.settled_until < at(70)
    alone = usage.advance(Position(), page([row("before", 0), row("ahead", 700)], 130), "v3", 60)
    assert [each["guid"] for each in alone.rows] == ["before"], "nothing says yet how old it is"
    last = usage.advance(Position(), page(ahead[:2], 130, more=True), "v3", 60)
    assert last.position.settled_until is not None
    assert last.position.settled_until < at(0)


@pytest.mark.parametrize("age_s", [59, 60])
def test_a_row_as_old_as_the_settle_delay_is_still_young(age_s: int) -> None:
    """Both times are cut to whole seconds, so that equal may mean a second less."""
    assert not usage.advance(Position(), page([row("a", 0)], age_s), "v3", 60).rows
    assert usage.advance(Position(), page([row("a", 0)], 61), "v3", 60).rows


def test_age_is_measured_on_the_servers_clock() -> None:
    cc = history()
    world = World(cc)
    world.clock.seconds = 1.0
    run(world)
    assert len(world.records) == len(cc.ledger.usage)


@pytest.mark.parametrize("version", BOTH)
def test_a_lost_cursor_is_said_with_both_ends_and_nothing_comes_twice(version: Version) -> None:
    cc = standing_still()
    world = World(cc, version=version)
    cc.do(30)
    cc.step(120)
    run(world)
    last = world.records[-1]
    cc.step(3600)
    cc.do(30)
    cc.step(1800)
    cc.do(30)
    cc.step(120)
    cc.prune(2000 / 86400)
    left = cc.ledger.usage_table.in_id_order.rows
    run(world)
    gap = world.state.gap
    assert gap is not None
    assert (gap["kind"], gap["after_guid"], gap["after_created_at"]) == (
        "lost-cursor",
        last["guid"],
        last["created_at"],
    )
    assert (gap["before_guid"], gap["before_created_at"]) == (left[0].guid, left[0].created_at)
    guids = [record["guid"] for record in world.records]
    assert len(guids) == len(set(guids))
    assert {each.guid for each in left} <= set(guids)
    run(world)
    assert world.state.gaps == 1


def test_another_bad_parameter_is_no_lost_cursor() -> None:
    cc = history(30)
    world = World(cc, version="v2")
    run(world)
    world.page_size = 0
    with pytest.raises(Exception, match=r"results_per_page|positive"):
        run(world)
    assert world.state.gaps == 0


@pytest.mark.parametrize("version", BOTH)
def test_a_reseed_is_recognised_and_so_is_a_second_one_with_the_same_guids(version: Version) -> None:
    cc = history(100)
    world = World(cc, version=version)
    run(world)
    before = len(world.records)
    started = cc.purge_and_reseed()
    cc.step(120)
    run(world)
    assert started
    assert world.state.gap is not None
    assert (world.state.gap["kind"], world.state.epoch, world.state.gaps) == ("reseed", 1, 1)
    assert len(world.records) == before + started
    cc.purge_and_reseed()
    cc.step(120)
    run(world)
    assert (world.state.epoch, world.state.gaps) == (2, 2)
    assert len(world.records) == before + 2 * started
    run(world)
    assert len(world.records) == before + 2 * started


def test_a_row_later_than_the_settle_delay_is_published_and_counted() -> None:
    position = Position(guid="x", settled_until=at(100))
    step = usage.advance(position, page([row("late", 50)], 400), "v3", 60)
    assert (len(step.rows), step.late) == (1, 1)


@pytest.mark.parametrize("version", BOTH)
def test_a_second_with_more_audit_events_than_a_page_is_read_whole(version: Version) -> None:
    cc = standing_still()
    cc.do(200)
    cc.step(2)
    cc.do(20)
    cc.step(120)
    crowd = max(sum(e.created_at == each.created_at for e in cc.ledger.audit) for each in cc.ledger.audit)
    assert crowd > 100
    world = World(cc, FEEDS[1], version, page_size=20)
    run(world)
    assert len(world.records) == len(cc.ledger.audit) == len({each["guid"] for each in world.records})


def test_rows_pruned_while_a_crowd_is_paged_hide_no_other_row() -> None:
    cc = standing_still()
    cc.do(300)
    cc.step(120)
    world = World(cc, FEEDS[1], "v3", page_size=20)
    table = cc.ledger.audit_table
    asked = 0

    def between(path: str) -> None:
        nonlocal asked
        asked += path.endswith("audit_events")
        if asked == 6:
            # What was read of the crowd goes: the pages behind it move to the front.
            known = {record["guid"] for record in world.records}
            gone = [each for each in table.in_time_order.rows if each.guid in known]
            table.delete_through(0)
            for index in (table.in_id_order, table.in_time_order, table.in_v2_time_order):
                index.rows = [each for each in index.rows if each not in gone]
            table.version += 1

    world.between = between
    run(world)
    assert {record["guid"] for record in world.records} == {each.guid for each in cc.ledger.audit}


def test_audit_events_are_asked_for_from_their_second_on() -> None:
    """``[gt]`` would skip what is left of the second."""
    cc = history()
    world = World(cc, FEEDS[1], page_size=50)
    run(world)
    asked = listed(world)
    assert any("created_ats[gte]" in query for query in asked)
    assert all("created_ats[gt]" not in query and query["order_by"] == "created_at" for query in asked)


def test_an_audit_event_that_comes_late_is_found_in_the_overlap() -> None:
    cc = history(60)
    world = World(cc, FEEDS[1])
    run(world)
    newest = cc.ledger.audit[-1]
    late = newest._replace(id=newest.id + 1, guid="late", created_at=newest.created_at - 20 * SECOND)
    cc.ledger.audit.append(late)
    cc.ledger.audit_table.insert(late, cc.clock.now())
    run(world)
    assert world.records[-1]["guid"] == "late"
    run(world)
    assert [record["guid"] for record in world.records].count("late") == 1


def test_an_emptied_audit_feed_is_a_gap() -> None:
    cc = history(60)
    world = World(cc, FEEDS[1])
    run(world)
    cc.step(86400)
    cc.prune(0.5)
    cc.do(10)
    cc.step(120)
    run(world)
    assert world.state.gap is not None
    assert (world.state.gaps, world.state.gap["kind"]) == (1, "lost-cursor")
    run(world)
    assert world.state.gaps == 1


def test_the_window_of_known_rows_is_bounded_and_survives_the_checkpoint() -> None:
    rows = [(f"g{number}", (1000 + number // 100) * SECOND) for number in range(LARGEST + 5000)]
    seen = Seen(0).with_rows(rows, 0)
    assert seen.count(0) <= LARGEST
    assert seen.start > 1000
    assert seen.has(*rows[-1])
    assert not seen.has("other", rows[-1][1])
    assert Seen.of_texts(seen.texts()) == seen
    assert sum(map(len, seen.texts())) < 1_000_000


def test_the_newest_second_is_never_cut_from_the_window() -> None:
    crowd = [(f"g{number}", 1000 * SECOND) for number in range(LARGEST + 10)]
    assert Seen(0).with_rows(crowd, 0).count(0) == LARGEST + 10


def test_identity_is_guid_and_time() -> None:
    seen = Seen(0).with_rows([("a", 5 * SECOND)], 0)
    assert seen.has("a", 5 * SECOND)
    assert not seen.has("a", 6 * SECOND)


def test_the_watermark_at_the_end_stays_before_every_row_that_waits() -> None:
    rows = [row("young", 100), row("back", 70)]
    step = usage.advance(Position(), page(rows, 140), "v3", 60)
    assert step.position.settled_until == at(70) - 1
    step = usage.advance(Position(), page([], 140), "v3", 60)
    assert step.position.settled_until == at(80) - 1


def test_the_watermark_behind_leaves_room_for_the_disorder_of_ids() -> None:
    step = usage.advance(Position(), page([row("a", 100), row("b", 90)], 3000, more=True), "v3", 60)
    assert step.position.settled_until == at(40) - 1
    by_time = audit.advance(Position(), page([row("a", 90), row("b", 100)], 3000, more=True), "v3", 60, 30, 2)
    assert by_time.position.settled_until == at(100) - 1


def test_the_watermark_never_goes_back() -> None:
    assert settle.advanced(at(50), at(40)) == at(50)
    assert settle.advanced(None, at(40)) == at(40)


@pytest.mark.parametrize("feed", FEEDS)
@pytest.mark.parametrize("version", BOTH)
def test_a_start_at_a_time_publishes_what_is_younger_only(feed: Any, version: Version) -> None:
    cc = history(200)
    rows: list[Any] = list(cc.ledger.usage if feed == FEEDS[0] else cc.ledger.audit)
    middle = sorted(each.created_at for each in rows)[len(rows) // 2]
    world = World(cc, feed, version, start=iso(middle), page_size=40)
    run(world)
    assert {record["guid"] for record in world.records} == {each.guid for each in rows if each.created_at >= middle}


@pytest.mark.parametrize("feed", FEEDS)
def test_a_start_at_a_guid_publishes_what_comes_behind_it(feed: Any) -> None:
    cc = history(100)
    rows: list[Any] = list(cc.ledger.usage if feed == FEEDS[0] else cc.ledger.audit)
    world = World(cc, feed, start=rows[20].guid)
    run(world)
    guids = {record["guid"] for record in world.records}
    assert rows[20].guid not in guids
    assert {each.guid for each in rows if each.created_at > rows[20].created_at} <= guids


@pytest.mark.parametrize(
    "kind",
    ["missing_guid", "empty_guid", "number_as_guid", "missing_time", "wrong_type", "wrong_time", "not_an_object"],
)
@pytest.mark.parametrize("feed", FEEDS)
def test_a_broken_row_stops_nothing_and_is_kept_once(feed: Any, kind: str) -> None:
    cc = history(60)
    rows: list[Any] = list(cc.ledger.usage if feed == FEEDS[0] else cc.ledger.audit)
    broken = {rows[20].guid, rows[-1].guid}
    for guid in broken:
        cc.damage.add(guid, kind)
    world = World(cc, feed, page_size=10)
    run(world)
    cc.do(5)
    cc.step(120)
    run(world)
    run(world)
    rows = list(cc.ledger.usage if feed == FEEDS[0] else cc.ledger.audit)
    published = [record["guid"] for record in world.records]
    assert len(published) == len(set(published))
    assert set(published) == {each.guid for each in rows} - broken
    assert len(world.dead) == len(broken)


@pytest.mark.parametrize("kind", ["missing_guid", "empty_guid", "number_as_guid", "not_an_object"])
@pytest.mark.parametrize("version", BOTH)
@pytest.mark.parametrize("feed", FEEDS)
def test_a_row_without_a_guid_that_can_be_used_never_becomes_the_cursor(feed: Any, version: Version, kind: str) -> None:
    """Neither as the last row of a page nor as the last of the feed: the cursor waits on the row before it."""
    cc = history(60)
    rows: list[Any] = list(cc.ledger.usage if feed == FEEDS[0] else cc.ledger.audit)
    for place in (9, 19, len(rows) - 2, len(rows) - 1):
        cc.damage.add(rows[place].guid, kind)
    world = World(cc, feed, version, page_size=10)
    run(world)
    real = {each.guid for each in rows}
    assert world.state.position.guid in real
    asked = [query["after_guid"] for query in listed(world) if "after_guid" in query]
    assert set(asked) <= real
    assert bool(asked) == (feed == FEEDS[0])


@pytest.mark.parametrize("feed", FEEDS)
def test_a_feed_of_nothing_but_rows_without_a_guid_is_read_and_told_once(feed: Any) -> None:
    cc = history(20)
    rows: list[Any] = list(cc.ledger.usage if feed == FEEDS[0] else cc.ledger.audit)
    for each in rows:
        cc.damage.add(each.guid, "empty_guid")
    world = World(cc, feed)
    run(world)
    run(world)
    assert world.state.position.guid is None
    cc.do(5)
    cc.step(120)
    run(world)
    run(world)
    assert len(world.dead) == len(rows)
    assert {record["guid"] for record in world.records} == {
        each.guid for each in (cc.ledger.usage if feed == FEEDS[0] else cc.ledger.audit)
    } - {each.guid for each in rows}


@pytest.mark.parametrize("kind", ["unknown_state", "unknown_field", "null_organization"])
@pytest.mark.parametrize("feed", FEEDS)
def test_what_is_unknown_is_forwarded(feed: Any, kind: str) -> None:
    cc = history(60)
    rows: list[Any] = list(cc.ledger.usage if feed == FEEDS[0] else cc.ledger.audit)
    cc.damage.add(rows[20].guid, kind)
    world = World(cc, feed)
    run(world)
    assert (len(world.records), world.dead) == (len(rows), [])
