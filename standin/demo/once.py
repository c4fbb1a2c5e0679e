"""The checked run: a fixed scenario through every part, then every app compared with the Cloud Controller."""

import time
from collections import Counter
from collections.abc import Callable

from standin.demo.check import Outcome, delivery_faults
from standin.demo.pipeline import Pipeline
from standin.demo.receivers import COUNTED
from standin.demo.scene import Scene
from standin.demo.watch import guids, sent, table

PART_S = 300.0
QUIET_S = 2.0
DELIVERY_S = 60.0
MESSAGES_SHOWN = 10

Say = Callable[[str], None]


def play(scene: Scene, pipeline: Pipeline, say: Say, *, began: float) -> tuple[Outcome, list[str]]:
    """Run the chain over what the Cloud Controller holds and return the outcome and what disagrees.

    ``began``: monotonic seconds when the demo began. The Cloud Controller must stand still meanwhile. Raise
    CfstreamError when a part fails.
    """
    say(scene.source.summary())
    start = time.monotonic()
    pipeline.start("notifier", "notifier", "run")
    pipeline.start("producer", "producer", "run", "--until-caught-up")
    pipeline.finish("producer", within_s=PART_S)
    say("the producer has published all of them; the worker applies them")
    pipeline.start("worker", "processors", "run", "--until-caught-up")
    pipeline.finish("worker", within_s=PART_S)
    seconds = time.monotonic() - start
    say("the tables are complete; comparing them with the Cloud Controller")
    sent_to, taken = delivered(scene, pipeline)
    for message in scene.room.since(0, COUNTED)[-MESSAGES_SHOWN:]:
        say(f"  #cf-alerts  {message.text}")
    usage = guids(scene.client, scene.codec, scene.topics.usage)
    audit = guids(scene.client, scene.codec, scene.topics.audit)
    tables = table(scene.client, scene.codec, scene.topics.state)
    faults = scene.source.faults(usage, audit, tables, pipeline)
    faults += delivery_faults(sent_to, taken, scene.room.since(0))
    outcome = Outcome(
        usage_events=usage.total(),
        audit_events=audit.total(),
        apps=len(tables),
        running_instances=sum(state["running_instances"] for state in tables.values()),
        memory_mb=sum(state["memory_mb"] for state in tables.values()),
        alerts_sent=sent_to[COUNTED],
        alerts_received=taken[COUNTED],
        matches_source=not faults,
        rows_per_second=round((usage.total() + audit.total()) / seconds, 1),
        seconds=round(time.monotonic() - began, 1),
    )
    return outcome, faults


def delivered(scene: Scene, pipeline: Pipeline) -> tuple[Counter[str], Counter[str]]:
    """Wait until the notifier has sent what there is to send.

    Return by receiver how many notifications it sent and how many the room took.
    """
    deadline = time.monotonic() + DELIVERY_S
    last, since = (Counter[str](), Counter[str]()), time.monotonic()
    while True:
        pipeline.check()
        counts = sent(scene.client, scene.codec, scene.topics.notifications), scene.room.taken.copy()
        now = time.monotonic()
        if counts != last:
            last, since = counts, now
        all_there = not delivery_faults(*counts, ()) and counts[0][COUNTED] >= int(scene.source.must_alert)
        if (all_there and now - since > QUIET_S) or now > deadline:
            return counts
        time.sleep(0.2)
