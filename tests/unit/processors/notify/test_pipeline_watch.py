"""The pipeline's own troubles: each begins once, ends once, and survives a restart."""

import pytest
from support.alert_records import NOW

from plumbing.clock import SECOND
from processors.notify.config import Watch as Settings
from processors.notify.pipeline_watch import PipelineWatch
from schemas.records import Alert, Gap

PARTITIONS = 3
USAGE, AUDIT = "app-usage-events", "audit-events"
GAP: Gap = {
    "kind": "lost-cursor",
    "after_guid": "a",
    "after_created_at": NOW - 900 * SECOND,
    "before_guid": "b",
    "before_created_at": NOW - 600 * SECOND,
    "found_at": NOW,
}


def made(**given: bool) -> PipelineWatch:
    return PipelineWatch(Settings(**given), PARTITIONS)


def seen(watch: PipelineWatch, at_s: float, *, feed: str = AUDIT, gap: Gap | None = None) -> None:
    now = NOW + round(at_s * SECOND)
    watch.checkpoint("f", feed, now, now - 60 * SECOND, gap, at_s)


def brief(alerts: list[Alert]) -> list[tuple[str, str]]:
    return [(alert["rule"], alert["status"]) for alert in alerts]


def applied(watch: PipelineWatch, at_s: float, partitions: int = PARTITIONS) -> None:
    for partition in range(partitions):
        watch.applied("f", partition, NOW + round(at_s * SECOND))


def test_nothing_is_wrong_while_checkpoints_come() -> None:
    watch = made()
    for at_s in range(0, 7200, 60):
        seen(watch, at_s)
        seen(watch, at_s, feed=USAGE)
        applied(watch, at_s - 70)
        assert watch.look(at_s) == []


def test_a_feed_without_news_is_stale_until_it_has_some() -> None:
    watch = made()
    seen(watch, 0)
    applied(watch, 0)
    assert watch.look(300) == []
    (stale,) = watch.look(301)
    assert (stale["rule"], stale["labels"]["feed"], stale["severity"]) == ("feed-stale", AUDIT, "critical")
    assert watch.look(900) == []
    seen(watch, 1000)
    applied(watch, 1000)
    (over,) = watch.look(1000)
    assert (over["status"], over["id"]) == ("resolved", stale["id"])


def test_a_gap_is_told_for_an_hour_of_the_source_clock() -> None:
    watch = made()
    seen(watch, 0, gap=GAP)
    applied(watch, 0)
    (gap,) = watch.look(1)
    assert gap["rule"] == "feed-gap"
    assert "between 2027-01-15T07:45:00Z and 2027-01-15T07:50:00Z" in gap["summary"]
    seen(watch, 3500, gap=GAP)
    applied(watch, 3500)
    assert watch.look(3500) == []
    seen(watch, 3700, gap=GAP)
    applied(watch, 3700)
    assert brief(watch.look(3700)) == [("feed-gap", "resolved")]


def test_workers_that_fall_behind_are_told_until_they_have_caught_up() -> None:
    watch = made()
    seen(watch, 0)
    applied(watch, 0)
    said = []
    for at_s in range(20, 740, 20):
        seen(watch, at_s)  # from 80 on a watermark that the tables have not reached
        said += [(at_s, alert["summary"]) for alert in watch.look(at_s)]
    text = "The tables of f are behind the feeds for 10 min and longer, by 10 min 40 s of their time"
    assert said == [(700, text)]
    applied(watch, 670)
    assert brief(watch.look(741)) == [("worker-behind", "resolved")]


def test_a_partition_that_never_said_anything_counts_and_is_named() -> None:
    for reporting, text in ((0, "No worker has applied anything of f"), (2, "No worker has applied 1 of 3 partitions")):
        watch = made()
        for at_s in range(0, 700, 50):
            seen(watch, at_s)
            applied(watch, at_s, reporting)
            assert watch.look(min(at_s, 600)) == []
        (behind,) = watch.look(650)
        assert text in behind["summary"]
        applied(watch, 650)
        assert brief(watch.look(650)) == [("worker-behind", "resolved")]


def test_years_that_a_backfill_runs_through_are_no_lag_while_the_workers_keep_up() -> None:
    """Each round a month of event time is told, which the workers have applied half a minute later."""
    watch = made()
    month_s = 30 * 86_400
    for at_s in range(0, 3600, 30):
        now = NOW + at_s // 30 * month_s * SECOND
        for partition in range(PARTITIONS):
            watch.applied("f", partition, now - month_s * SECOND)
        watch.checkpoint("f", AUDIT, now, now, None, at_s)
        assert watch.look(at_s) == []


def test_a_lag_that_an_earlier_notifier_told_goes_on_after_a_restart() -> None:
    watch = made()
    for at_s in range(0, 700, 50):
        seen(watch, at_s)
    (behind,) = watch.look(650)
    fresh = made()
    seen(fresh, 700)
    fresh.resume([behind], 0)
    assert fresh.look(1) == []
    applied(fresh, 700)
    (over,) = fresh.look(2)
    assert (over["id"], over["status"]) == (behind["id"], "resolved")


@pytest.mark.parametrize("rule", ["dead-letters", "drift"])
def test_what_is_counted_is_told_once_and_over_after_a_quiet_hour(rule: str) -> None:
    watch = made()
    seen(watch, 0)
    applied(watch, 0)
    for n in range(50):
        watch.seen(rule, "f", "producer, audit-events", n)  # type: ignore[arg-type] # one of the two
    (one,) = watch.look(50)
    assert (one["rule"], one["crashes"]) == (rule, 50)
    watch.seen(rule, "f", "again", 200)  # type: ignore[arg-type] # as above
    seen(watch, 3700)
    applied(watch, 3700)
    assert watch.look(3700) == []
    seen(watch, 3900)
    applied(watch, 3900)
    assert brief(watch.look(3900)) == [(rule, "resolved")]


def test_after_a_restart_the_same_trouble_is_not_told_anew_and_its_end_is() -> None:
    watch = made()
    seen(watch, 0)
    applied(watch, 0)
    said = watch.look(400)
    fresh = made()
    fresh.resume(said, 0)
    seen(fresh, 0)
    applied(fresh, 0)
    (over,) = fresh.look(1)
    assert (over["id"], over["status"]) == (said[0]["id"], "resolved")
    assert fresh.look(2) == []


def test_it_can_be_switched_off() -> None:
    watch = made(enabled=False)
    seen(watch, 0)
    assert watch.look(10_000) == []


def test_a_retired_tail_is_not_stale() -> None:
    watch = made()
    seen(watch, 0, feed=USAGE)
    watch.finished("f", USAGE)
    for at_s in range(0, 3600, 60):
        seen(watch, at_s)
        applied(watch, at_s)
        assert watch.look(at_s) == []
    alone = made()
    seen(alone, 0, feed=USAGE)
    alone.finished("f", USAGE)
    applied(alone, 0)
    assert alone.look(3600) == []
