"""A simulation for people: what fired by rule, when, and a small plot, so that thresholds can be chosen."""

from collections import defaultdict
from collections.abc import Iterable

from rich.console import Console
from rich.table import Table
from rich.text import Text

from cfstream.alert_history import Simulated
from plumbing.clock import SECOND, iso
from processors.alerts.durations import words
from processors.alerts.simulate import Episode
from schemas.records import Micros

_BARS = " ▁▂▃▄▅▆▇█"
_WIDEST, _NARROWEST, _COLUMNS_BESIDE = 60, 12, 64
_LISTED = 20


def show(result: Simulated, console: Console) -> None:
    """Print the result."""
    began, ended = (iso(moment // SECOND * SECOND) for moment in (result.since, result.until))
    console.print(f"{began} to {ended}: {len(result.crashes):,} crashes")
    if not result.crashes:
        console.print("nothing crashed, so nothing would have fired")
        return
    width = max(_NARROWEST, min(_WIDEST, console.width - _COLUMNS_BESIDE))
    bucket = words((result.until - result.since) / width / 1_000_000)
    rows = Table(box=None)
    for column in ("", "fired", "apps", "median", "longest", f"one bar: {bucket}"):
        rows.add_column(column, no_wrap=True)
    rows.add_row(
        "crashes", str(len(result.crashes)), str(len(result.apps)), "", "", bars(result.crashes, result, width)
    )
    by_rule: dict[str, list[Episode]] = defaultdict(list)
    for one in result.episodes:
        by_rule[one.began["rule"]].append(one)
    for rule, episodes in sorted(by_rule.items()):
        lasted = sorted(one.lasted_s(result.until) for one in episodes)
        apps = {one.began["app_guid"] or one.began["labels"].get("scope_guid") for one in episodes}
        rows.add_row(
            rule,
            str(len(episodes)),
            str(len(apps)),
            words(lasted[len(lasted) // 2]),
            words(lasted[-1]),
            bars((one.began["as_of"] for one in episodes), result, width),
        )
    console.print(rows)
    if not result.episodes:
        console.print("nothing would have fired")
        return
    console.print(f"\nthe last {min(_LISTED, len(result.episodes))} of {len(result.episodes)}:")
    for one in result.episodes[-_LISTED:]:
        end = f"{words(one.lasted_s(result.until))}, {one.ended['resolve_reason']}" if one.ended else "still firing"
        console.print(
            Text(f"  {iso(one.began['as_of'])}  {one.began['rule']}: {one.began['summary']} ({end})"), soft_wrap=True
        )


def bars(moments: Iterable[Micros], result: Simulated, width: int) -> str:
    """Return a histogram over the span, one character a bucket."""
    counts = [0] * width
    span = result.until - result.since
    for moment in moments:
        counts[min(width - 1, max(0, (moment - result.since) * width // span))] += 1
    most = max(counts)
    steps = len(_BARS) - 1
    return "".join(_BARS[-(-count * steps // most) if most else 0] for count in counts)
