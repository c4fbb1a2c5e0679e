"""The checked run: a fixed scenario through every part, then every app compared with the Cloud Controller."""

import time
from collections.abc import Callable

from standin.demo.check import Outcome
from standin.demo.pipeline import Pipeline
from standin.demo.scene import HOOK, Scene
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
    alerts_sent, alerts_received = delivered(scene, pipeline)
    for message in scene.room.since(alerts_received - MESSAGES_SHOWN):
        say(f"  #cf-alerts  {message.text}")
    usage = guids(scene.client, scene.codec, scene.topics.usage)
    audit = guids(scene.client, scene.codec, scene.topics.audit)
    tables = table(scene.client, scene.codec, scene.topics.state)
    faults = scene.source.faults(usage, audit, tables, pipeline)
    if alerts_sent != alerts_received:
        faults.append(f"alerts: {alerts_sent} sent, {alerts_received} in the chat room")
    outcome = Outcome(
        usage_events=usage.total(),
        audit_events=audit.total(),
        apps=len(tables),
        running_instances=sum(state["running_instances"] for state in tables.values()),
        memory_mb=sum(state["memory_mb"] for state in tables.values()),
        alerts_sent=alerts_sent,
        alerts_received=alerts_received,
        matches_source=not faults,
        rows_per_second=round((usage.total() + audit.total()) / seconds, 1),
        seconds=round(time.monotonic() - began, 1),
    )
    return outcome, faults


def delivered(scene: Scene, pipeline: Pipeline) -> tuple[int, int]:
    """Wait until the notifier has sent what there is to send; return how many alerts it sent and the room got."""
    deadline = time.monotonic() + DELIVERY_S
    last, since = (-1, -1), time.monotonic()
    while True:
        pipeline.check()
        counts = (sent(scene.client, scene.codec, scene.topics.notifications), received(scene))
        now = time.monotonic()
        if counts != last:
            last, since = counts, now
        settled = counts[0] == counts[1] >= int(scene.source.must_alert) and now - since > QUIET_S
        if settled or now > deadline:
            return counts
        time.sleep(0.2)


def received(scene: Scene) -> int:
    """Count the messages in the room."""
    return sum(message.hook == HOOK for message in scene.room.since(0))
