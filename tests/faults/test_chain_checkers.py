"""The checkers of the kill test fail on what they are there to find."""

from dataclasses import replace

from support.chain_check import Published, app_faults, counted, order_faults

from standin.demo.check import row_faults

ROWS = [Published(0, n, "app-1", f"row-{n}", n) for n in range(3)] + [Published(1, 0, "app-2", "row-9", 9)]
SOURCE = [("app-1", "row-0"), ("app-1", "row-1"), ("app-2", "row-9"), ("app-1", "row-2")]
WANTED = {row.identity for row in ROWS}
TRUTH = {
    "app-1": {
        "running_instances": 2,
        "memory_mb": 512,
        "task_instances": 1,
        "task_memory_mb": 64,
        "staging_instances": 0,
        "staging_memory_mb": 0,
    }
}
STATE = {
    "running_instances": 2,
    "memory_mb": 512,
    "running_tasks": 1,
    "task_memory_mb": 64,
    "running_stagings": 0,
    "staging_memory_mb": 0,
}


def test_what_is_right_passes() -> None:
    assert row_faults("feed", counted(ROWS), WANTED) == []
    assert order_faults(ROWS, SOURCE) == []
    assert app_faults({"app-1": STATE}, TRUTH) == []


def test_a_doubled_row_is_found() -> None:
    assert "1 rows are doubled" in row_faults("feed", counted([*ROWS, replace(ROWS[1], offset=7)]), WANTED)[0]


def test_a_missing_row_is_found() -> None:
    assert "1 rows are missing" in row_faults("feed", counted(ROWS[1:]), WANTED)[0]


def test_a_row_that_the_source_never_had_is_found() -> None:
    made_up = replace(ROWS[0], guid="made-up", offset=7)
    assert "are not the source's" in row_faults("feed", counted([*ROWS, made_up]), WANTED)[0]


def test_two_rows_of_an_app_in_the_wrong_order_are_found() -> None:
    swapped = [replace(ROWS[0], offset=1), replace(ROWS[1], offset=0), *ROWS[2:]]
    assert order_faults(swapped, SOURCE) == ["key app-1: not in the source's order"]


def test_a_key_in_two_partitions_is_found() -> None:
    assert order_faults([*ROWS[:2], replace(ROWS[2], partition=1), ROWS[3]], SOURCE) == [
        "key app-1 lies in partitions [0, 1]"
    ]


def test_an_app_that_differs_or_is_unknown_is_found() -> None:
    assert app_faults({"app-1": STATE | {"running_instances": 3}}, TRUTH) == [
        "app app-1: running_instances 3, the source says 2"
    ]
    assert app_faults({"app-1": STATE | {"running_tasks": 0}}, TRUTH) == [
        "app app-1: running_tasks 0, the source says 1"
    ]
    assert len(app_faults({}, TRUTH)) == 4
    assert len(app_faults({"app-1": STATE, "app-2": STATE}, TRUTH)) == 4
