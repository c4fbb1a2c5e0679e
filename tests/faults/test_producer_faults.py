"""Producers that die, freeze and are told to end, and a Cloud Controller on a bad line: each row once all the same."""

import os
import random
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.producer_run import Site, site
from support.waiting import until, until_there_are

from standin.cloud_controller.controller import CloudController
from standin.cloud_controller.history import Past

TAKE_OVER_S = 15
SHARED = {"share_tails": "true", "settle_seconds": "1"}


@pytest.fixture
def here(kafka: str, registry_url: str, topic_prefix: str, tmp_path: Path) -> Iterator[Site]:
    cc = CloudController(seed=21)
    cc.write_past(Past(usage_rows=2000, apps=40, span_s=3 * 86400.0))
    cc.step(60)
    with site(cc, kafka, registry_url, topic_prefix, tmp_path) as found:
        yield found


def finish(here: Site) -> None:
    """Read what is left, and compare with the ledger."""
    here.cc.step(120)
    here.good("producer", "run", "--until-caught-up")
    here.assert_exact()


def test_another_producer_takes_all_tails_over_within_15_seconds_of_a_kill(here: Site) -> None:
    first = here.start("first", "producer", "run", **SHARED)
    until(lambda: here.said("first", "tail held") == 2, within_s=40, what="the first holds both tails")
    second = here.start("second", "producer", "run", **SHARED)
    until(lambda: here.said("second", "tail held") >= 1, within_s=40, what="the second gets its share")
    held = here.said("second", "goes on") + here.said("second", "first start")
    taken = here.said("second", "tail held")
    first.kill()
    began = time.monotonic()
    until(lambda: here.said("second", "tail held") >= taken + 2, within_s=TAKE_OVER_S, what="it holds both tails")
    until(
        lambda: here.said("second", "goes on") + here.said("second", "first start") > held,
        within_s=TAKE_OVER_S - (time.monotonic() - began),
        what="the second goes on where the first was",
    )
    here.cc.do(50)
    here.cc.step(60)
    until(lambda: here.said("second", "page committed") >= 2, within_s=20, what="rows go on")
    second.terminate()
    assert second.wait(20) == 0
    finish(here)


def test_a_frozen_producer_is_replaced_and_writes_nothing_when_it_wakes(here: Site) -> None:
    frozen = here.start("frozen", "producer", "run", **SHARED)
    until(lambda: here.said("frozen", "caught_up=True") >= 2, within_s=40, what="the first is caught up")
    frozen.send_signal(signal.SIGSTOP)
    second = here.start("second", "producer", "run", **SHARED)
    until(lambda: here.said("second", "goes on") >= 2, within_s=60, what="the second holds both tails")
    here.cc.do(50)
    here.cc.step(60)
    until(lambda: here.said("second", "page committed") >= 2, within_s=20, what="the second goes on")
    frozen.send_signal(signal.SIGCONT)
    # It notices that the group has gone on without it, or that it is fenced: then it ends with 3.
    until(
        lambda: frozen.poll() == 3 or here.said("frozen", "tail given up") >= 2,
        within_s=40,
        what="the frozen one gives its tails up",
    )
    here.cc.do(50)
    here.cc.step(60)
    for child in (frozen, second):
        if child.poll() is None:
            child.terminate()
            # Fenced while it gave its tails up, the one that was frozen is just about to end by itself.
            assert child.wait(20) in ((0, 3) if child is frozen else (0,))
    finish(here)


def test_it_ends_within_seconds_of_sigterm_at_any_moment(here: Site) -> None:
    chance = random.Random(7)
    for number in range(6):
        child = here.start("run", "producer", "run", page_size="50")
        until_there_are(number + 1, lambda: here.said("run", "producer starts"), within_s=40, what="it starts")
        threading.Event().wait(chance.uniform(0, 3))
        child.send_signal(signal.SIGTERM)
        began = time.monotonic()
        assert child.wait(20) == 0
        assert time.monotonic() - began < 10
    finish(here)


def test_killed_again_and_again_it_goes_on_from_the_last_commit(here: Site) -> None:
    chance = random.Random(int(os.environ.get("CFSTREAM_TEST_SEED", "8")))
    for number in range(5):
        child = here.start("run", "producer", "run", page_size="20")
        pages = here.said("run", "page committed") + chance.randint(1, 12)
        until_there_are(pages, lambda: here.said("run", "page committed"), within_s=40, what=f"round {number}")
        child.kill()
        child.wait()
    finish(here)


LINE_FAULTS: tuple[dict[str, object], ...] = (
    {"kind": "hang", "seconds": 30},
    {"kind": "hang_in_body", "seconds": 30},
    {"kind": "reset"},
    {"kind": "close_in_body"},
    {"kind": "length_too_long", "seconds": 3},
    {"kind": "length_too_short"},
    {"kind": "cut_chunks"},
    {"kind": "slow", "seconds": 0.05, "pieces": 10},
)


def test_a_page_that_breaks_on_the_line_is_read_again_whole(here: Site) -> None:
    """One producer meets every fault, each three times on end, in the middle of rows that it has not read yet."""
    child = here.start("run", "producer", "run", page_size="50", cf_timeout_seconds="1")
    for fault in LINE_FAULTS:
        meet(here, fault)
    child.terminate()
    assert child.wait(20) == 0
    finish(here)


def meet(here: Site, fault: dict[str, object]) -> None:
    """Let a producer that is caught up meet a fault on its way to new rows."""
    until(lambda: "caught_up=True" in last_page(here), within_s=60, what="caught up")
    here.cc.do(200)
    line = here.service.faults.add_from(fault | {"path": "/v3/(app_usage|audit)_events", "count": 3, "skip": 1})
    here.cc.step(60)  # from here on the rows are there to be read
    until(lambda: line.hits == 3, within_s=60, what=f"three times {fault['kind']}")


def last_page(here: Site) -> str:
    """Return what the producer said last of a page that it has committed."""
    return here.log("run").read_text().rpartition("page committed")[2]
