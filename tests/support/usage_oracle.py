"""What the tables must say, worked out another way: sort everything, then walk each second-long interval.

Shares no code with the workers. Slow and plain on purpose.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

HOUR_S = 3600
FOR_EVER = 1 << 60

Figures = tuple[int, int, int, int]
"""Instances, their MB, tasks, their MB."""


def intervals(rows: Iterable[Mapping[str, Any]]) -> list[tuple[str, str, str, int, int, Figures]]:
    """Return (app, space, org, from second, to second, figures) of everything that ran, rows in feed order."""
    ordered = sorted(enumerate(rows), key=lambda pair: (pair[1]["created_at"], pair[0]))
    lines: dict[tuple[str, str], list[Mapping[str, Any]]] = defaultdict(list)
    tasks: dict[str, dict[str, Mapping[str, Any]]] = defaultdict(dict)
    for _number, row in ordered:
        if row["state"] in ("STARTED", "STOPPED"):
            lines[row["app_guid"], row["process_guid"]].append(row)
        elif row["state"] in ("TASK_STARTED", "TASK_STOPPED"):
            tasks[row["task_guid"]][row["state"]] = row
    found = []
    for line in lines.values():
        for row, following in zip(line, [*line[1:], None], strict=True):
            end = FOR_EVER if following is None else following["created_at"] // 1_000_000
            if row["state"] == "STARTED":
                count = row["instance_count"]
                figures = (count, count * row["memory_mb_per_instance"], 0, 0)
                found.append((*_who(row), row["created_at"] // 1_000_000, end, figures))
    for task in tasks.values():
        if "TASK_STARTED" in task:
            row = task["TASK_STARTED"]
            end = task["TASK_STOPPED"]["created_at"] // 1_000_000 if "TASK_STOPPED" in task else FOR_EVER
            found.append((*_who(row), row["created_at"] // 1_000_000, end, (0, 0, 1, row["memory_mb_per_instance"])))
    return [interval for interval in found if interval[4] > interval[3]]


def running(rows: Iterable[Mapping[str, Any]]) -> dict[tuple[str, str], Figures]:
    """Return what runs at the end, by (scope, guid), without those where nothing does."""
    sums: dict[tuple[str, str], Figures] = {}
    for app, space, org, _start, end, figures in intervals(rows):
        if end == FOR_EVER:
            for key in (("app", app), ("space", space), ("org", org), ("foundation", "f")):
                sums[key] = _plus(sums.get(key, (0, 0, 0, 0)), figures, 1)
    return sums


def hours(rows: Iterable[Mapping[str, Any]], until: int) -> dict[tuple[str, str, int], Figures]:
    """Return figures times seconds by (scope, guid, hour) for each hour that ended by second ``until``."""
    sums: dict[tuple[str, str, int], Figures] = {}
    last = until // HOUR_S * HOUR_S
    for app, space, org, start, end, figures in intervals(rows):
        hour = start // HOUR_S * HOUR_S
        while hour < min(end, last):
            seconds = min(end, hour + HOUR_S) - max(start, hour)
            for key in (("app", app), ("space", space), ("org", org), ("foundation", "f")):
                where = (*key, hour)
                sums[where] = _plus(sums.get(where, (0, 0, 0, 0)), figures, seconds)
            hour += HOUR_S
    return sums


def _who(row: Mapping[str, Any]) -> tuple[str, str, str]:
    return row["app_guid"], row["space_guid"], row["org_guid"]


def _plus(one: Figures, other: Figures, times: int) -> Figures:
    return (
        one[0] + times * other[0],
        one[1] + times * other[1],
        one[2] + times * other[2],
        one[3] + times * other[3],
    )
