"""The history of one process: absolute facts in the order of their time, and where a new one belongs."""

from plumbing.clock import SECOND
from schemas.records import Micros
from schemas.tables import Fact

SNAPSHOT = 0
ROW = 1

STARTED = "STARTED"
STOPPED = "STOPPED"

SNAPSHOT_TAKES = 120 * SECOND
"""How long after its ``observed_at`` a snapshot is taken to have been read, where its records do not say."""

CLOCKS_DIFFER = 5 * SECOND
"""By how much the clocks behind a page's time and a row's time may differ: several servers, and times cut or rounded
to seconds."""

MOST_FACTS = 20_000
"""Of one process, in the hours still open. More would not fit into a record; what is dropped is not counted."""


def second(moment: Micros) -> int:
    """Return the whole second of a moment: the feed knows no finer time."""
    return moment // SECOND


def same(one: Fact, other: Fact) -> bool:
    """Say whether two facts state the same, whenever they state it."""
    return (
        one["state"] == other["state"]
        and one["instances"] == other["instances"]
        and one["memory_mb"] == other["memory_mb"]
        and one["place"] == other["place"]
    )


def insert(facts: list[Fact], fact: Fact, keep_from: Micros) -> bool:
    """Put a fact in its place; return False for one that comes too late to be placed, or that says nothing new.

    The order is by second; in one second a row comes after a snapshot; of two rows of one second (and of two
    snapshots) the later one in its topic comes last. Each topic is applied in its order, so the end is the same
    however the topics interleave. The newest fact holds now.

    Kept are the facts since ``keep_from`` and the one before them, which holds at that moment. An older row finds no
    place any more: newer ones have said what holds, and its hours are closed for good.
    """
    when, source = second(fact["at"]), fact["source"]
    index = len(facts)
    while index and _after(facts[index - 1], when, source):
        index -= 1
    if index < len(facts) and fact["at"] < keep_from:
        return False
    before = facts[index - 1] if index else None
    if before is not None and source == ROW == before["source"] and before["at"] == fact["at"] and same(before, fact):
        return False
    facts.insert(index, fact)
    if source == SNAPSHOT:
        _drop_repeated_snapshots(facts)
    while len(facts) > 1 and (facts[1]["at"] <= keep_from or len(facts) > MOST_FACTS):
        del facts[0]
    return True


def level(fact: Fact) -> tuple[int, int]:
    """Return running instances and their memory, MB: nothing when stopped, whatever the count says."""
    if fact["state"] != STARTED:
        return 0, 0
    return fact["instances"], fact["instances"] * fact["memory_mb"]


def seen_until(observed_at: Micros, read_until: Micros) -> Micros:
    """Return the latest time of a row whose effect a snapshot may show. ``read_until`` 0: not known."""
    return (read_until or observed_at + SNAPSHOT_TAKES) + CLOCKS_DIFFER


def explained(facts: list[Fact], index: int) -> bool:
    """Say whether a snapshot's fact is a look ahead at a row.

    A snapshot holds as of the settle delay before its first page, and is read page by page; so it may show what a
    row says some time after ``observed_at``. Such a fact is no news: the row is, and at its own time.
    """
    fact = facts[index]
    if fact["source"] != SNAPSHOT:
        return False
    limit = seen_until(fact["at"], fact["read_until"])
    says = level(fact)
    for later in facts[index + 1 :]:
        if later["at"] > limit:
            return False
        if later["source"] == ROW and level(later) == says and (later["place"] == fact["place"] or says == (0, 0)):
            return True
    return False


def _after(fact: Fact, when: int, source: int) -> bool:
    its = second(fact["at"])
    return its > when or (its == when and fact["source"] > source)


def _drop_repeated_snapshots(facts: list[Fact]) -> None:
    # Periodic snapshots that say what was known anyway must not pile up: of a run of equal ones the newest is kept.
    index = len(facts) - 2
    while index > 0:
        if (
            facts[index]["source"] == SNAPSHOT
            and facts[index + 1]["source"] == SNAPSHOT
            and same(facts[index], facts[index - 1])
            and same(facts[index], facts[index + 1])
        ):
            del facts[index]
        index -= 1
