"""Storms over many apps: the outcome is a function of the crashes alone."""

from hypothesis import given, settings
from hypothesis import strategies as st
from support.alert_rows import T0, crash

from plumbing.clock import SECOND
from processors.alerts.rules import Rule
from processors.alerts.storms import Crashed, Storms, crashed
from schemas.records import Alert

CELL = Rule(name="cell-storm", kind="storm", by="cell", threshold=3, window=300, resolve_after=600)


def at(at_s: int, app: str, cell: str = "cell-1") -> Crashed:
    return Crashed(T0 + at_s * SECOND, app, app, "space-1", "org-1", cell, "f")


def play(rules: list[Rule], crashes: list[Crashed], until_s: int = 100_000) -> list[tuple[str, int]]:
    storms = Storms(rules)
    said: list[Alert] = []
    for one in sorted(crashes):
        said += storms.observe(one)
    said += storms.advance(T0 + until_s * SECOND)
    return [(alert["status"], (alert["as_of"] - T0) // SECOND) for alert in said]


def test_only_different_apps_make_a_storm() -> None:
    assert play([CELL], [at(n, "a") for n in range(100)]) == []
    assert play([CELL], [at(0, "a"), at(10, "b"), at(20, "c")]) == [("firing", 20), ("resolved", 900)]


def test_cells_are_apart() -> None:
    assert play([CELL], [at(0, "a"), at(1, "b"), at(2, "c", "cell-2")]) == []


def test_one_alert_however_many_apps() -> None:
    assert play([CELL], [at(n // 10, f"app{n}") for n in range(500)])[0] == ("firing", 0)
    assert len(play([CELL], [at(n // 10, f"app{n}") for n in range(500)])) == 2


def test_the_alert_names_the_cell_and_the_apps() -> None:
    storms = Storms([CELL])
    (alert,) = [said for app in "abc" for said in storms.observe(at(0, app))]
    assert alert["labels"]["cell_id"] == "cell-1"
    assert alert["summary"] == "3 apps crash on cell cell-1"
    assert alert["annotations"]["apps"] == "c, b, a"


def test_only_crash_rows_count() -> None:
    row = crash(0)
    assert crashed(row) is not None
    assert crashed(row | {"type": "audit.app.process.crash"}) is None


def test_scopes_are_forgotten_when_they_are_over() -> None:
    storms = Storms([CELL, Rule(name="s", kind="storm", by="space", threshold=50)])
    for n in range(10_000):
        storms.observe(at(n, f"app{n}", f"cell-{n % 100}"))
    storms.advance(T0 + 1_000_000 * SECOND)
    assert storms._scopes == {}


def obvious(crashes: list[Crashed], rule: Rule, until_s: int) -> list[tuple[str, int]]:
    """The rule, second by second: fires when enough apps crashed within the window, ends when that is long past."""
    said: list[tuple[str, int]] = []
    firing, held_at = False, 0
    for now in range(until_s + 1):
        moment = T0 + now * SECOND
        apps = {c.app_guid for c in crashes if moment - rule.window * SECOND < c.at <= moment}
        if len(apps) >= rule.threshold:
            held_at = now
            if not firing:
                firing = True
                said.append(("firing", now))
        elif firing and now - held_at - 1 >= rule.resolve_after:
            firing = False
            said.append(("resolved", held_at + 1 + rule.resolve_after))
    return said


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 400), st.sampled_from("abcde")), max_size=40))
def test_equal_to_the_obvious_reference(rows: list[tuple[int, str]]) -> None:
    rule = CELL.model_copy(update={"window": 30, "resolve_after": 40})
    crashes = [at(at_s, app) for at_s, app in rows]
    assert play([rule], crashes, 600) == obvious(crashes, rule, 600)
