"""Reads what the alert commands need from the topics, whole and committed."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from cfstream.tables import codec_of, records
from plumbing.settings import CommonSettings
from processors.alerts.rules import Rules
from processors.alerts.simulate import Episode, Simulation
from processors.notify.silences import Silence, from_record
from schemas.codec import UndecodableError
from schemas.records import Alert, Micros
from schemas.topics import Topic, Topics

_USAGE, _AUDIT, _SNAPSHOT = range(3)


@dataclass(frozen=True)
class Simulated:
    """What a simulation gave. ``crashes``: by the time of each, for the plot."""

    since: Micros
    until: Micros
    episodes: list[Episode]
    crashes: list[Micros]
    apps: Counter[str]


def latest(settings: CommonSettings) -> list[Alert]:
    """Return the newest record of each alert, in order of beginning."""
    found: dict[str, Alert] = {}
    for _, record in _records(settings, Topics(settings.topic_prefix).alerts):
        if record is not None:
            before = found.get(record["id"])
            if before is None or record["as_of"] >= before["as_of"]:
                found[record["id"]] = record  # type: ignore[assignment] # the topic holds Alert alone
    return sorted(found.values(), key=lambda one: (one["starts_at"], one["id"]))


def silences(settings: CommonSettings) -> list[Silence]:
    """Return the silences that were not removed, in order of their ends."""
    found: dict[str, Silence] = {}
    for key, record in _records(settings, Topics(settings.topic_prefix).silences):
        if record is None:
            found.pop(key, None)
        else:
            found[key] = from_record(record)
    return sorted(found.values(), key=lambda one: one.ends_at)


def simulate(settings: CommonSettings, rules: Rules, *, since: Micros, until: Micros) -> Simulated:
    """Run rules over the rows of both feeds and the snapshots.

    Usage rows and snapshots before ``since`` are read too: they tell the instances and the labels.
    """
    topics = Topics(settings.topic_prefix)
    history: list[tuple[Micros, int, int, dict[str, Any]]] = []
    for kind, topic in enumerate((topics.usage, topics.audit, topics.snapshots)):
        for _, record in _records(settings, topic):
            if record is None or record["app_guid"] is None:
                continue
            at = record["observed_at"] if kind == _SNAPSHOT else record["created_at"]
            if at <= until and (kind != _AUDIT or at >= since):
                history.append((at, kind, len(history), record))
    history.sort(key=lambda entry: entry[:3])
    simulation = Simulation(rules)
    crashes: list[Micros] = []
    apps: Counter[str] = Counter()
    for at, kind, _, record in history:
        if kind == _USAGE:
            simulation.usage(record)  # type: ignore[arg-type] # as above
            continue
        if kind == _SNAPSHOT:
            simulation.snapshot(record)  # type: ignore[arg-type] # as above
            continue
        simulation.audit(record)  # type: ignore[arg-type] # as above
        if record["type"] == "app.crash":
            crashes.append(at)
            apps[record["target_name"] or record["app_guid"]] += 1
    return Simulated(since, until, simulation.finish(until), crashes, apps)


def _records(settings: CommonSettings, topic: Topic) -> Iterator[tuple[str, dict[str, Any] | None]]:
    codec = codec_of(settings)
    for key, frame in records(settings, topic.name):
        try:
            record = None if frame is None else codec.decode(frame)
        except UndecodableError:
            continue  # it is in the dead letters
        yield key.decode("utf-8", "replace"), record
