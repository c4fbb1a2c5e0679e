"""What happened to one app, from the topics: usage rows, crashes and other audit events, snapshots; by time."""

import sys
from collections.abc import Iterator
from typing import Any

import orjson
from rich.table import Table

from cfstream.render import readable, to_stdout
from cfstream.tables import codec_of, records
from plumbing.settings import CommonSettings
from schemas.codec import UndecodableError
from schemas.topics import Topics


def events(settings: CommonSettings, topics: Topics, app_guid: str) -> list[dict[str, Any]]:
    """Return what happened to an app, oldest first: {at, what, detail}. Raise UsageError as ``records`` does."""
    codec = codec_of(settings)
    wanted = app_guid.encode()
    found: list[dict[str, Any]] = []
    readers = (
        (topics.usage.name, _usage),
        (topics.audit.name, _audit),
        (topics.snapshots.name, _snapshot),
    )
    for topic, read in readers:
        for key, frame in records(settings, topic):
            if key == wanted and frame is not None:
                try:
                    found += read(codec.decode(frame))
                except UndecodableError:
                    continue  # it is in the dead letters
    return sorted(found, key=lambda event: int(event["created_at"]))


def print_history(happened: list[dict[str, Any]], *, json: bool) -> None:
    """Print events as a table, or as JSON lines."""
    shown = [readable(event) for event in happened]
    if json:
        for event in shown:
            sys.stdout.write(orjson.dumps(event).decode() + "\n")
        return
    table = Table(box=None)
    for title in ("at", "what", "detail"):
        table.add_column(title, overflow="fold")
    for event in shown:
        table.add_row(str(event["created_at"]), event["what"], event["detail"])
    to_stdout().print(table)


def _usage(row: dict[str, Any]) -> Iterator[dict[str, Any]]:
    detail = row["task_name"] or row["process_type"] or ""
    if row["state"] == "BUILDPACK_SET":
        detail = row["buildpack_name"] or ""
    elif row["instance_count"] is not None and row["memory_mb_per_instance"] is not None:
        # A stop carries what ran before: said as it is, it would look as if that still ran.
        was = "none left of " if row["state"] == "STOPPED" else ""
        detail = f"{detail} {was}{row['instance_count']} x {row['memory_mb_per_instance']} MB"
    yield {"created_at": row["created_at"], "what": row["state"], "detail": detail.strip()}


def _audit(row: dict[str, Any]) -> Iterator[dict[str, Any]]:
    crash = row["crash"]
    detail = "" if crash is None else crash["exit_description"] or crash["reason"] or ""
    yield {"created_at": row["created_at"], "what": row["type"], "detail": detail}


def _snapshot(row: dict[str, Any]) -> Iterator[dict[str, Any]]:
    if row["kind"] != "end":
        detail = f"{row['instance_count']} x {row['memory_mb_per_instance']} MB ({row['reason']})"
        yield {"created_at": row["observed_at"], "what": f"snapshot of a {row['kind']}", "detail": detail}
