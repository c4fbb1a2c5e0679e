import os
from pathlib import Path

import pytest

from standin.places import RUNS_KEPT, RunFolder, data_folder


def test_the_data_folder_that_was_set_is_used() -> None:
    assert data_folder({"CFSTREAM_DATA_DIR": "/data", "HOME": "/h", "XDG_CACHE_HOME": "/c"}) == Path("/data")


def test_else_the_cache_folder_of_the_desktop_then_of_the_home() -> None:
    assert data_folder({"HOME": "/h", "XDG_CACHE_HOME": "/c"}) == Path("/c/cfstream")
    assert data_folder({"HOME": "/h"}) == Path("/h/.cache/cfstream")


@pytest.mark.parametrize("environment", [{}, {"HOME": ""}])
def test_without_a_home_the_password_file_knows_one(environment: dict[str, str]) -> None:
    found = data_folder(environment)
    assert found.is_absolute()
    assert found.parts[-2:] == (".cache", "cfstream")
    assert len(found.parts) > 3


def test_the_data_of_a_run_goes_and_its_logs_stay(tmp_path: Path) -> None:
    run = RunFolder.fresh(tmp_path)
    run.data("kafka-1").mkdir()
    run.log("kafka-1").write_text("started")
    run.end()
    assert not run.data("kafka-1").exists()
    assert run.log("kafka-1").read_text() == "started"


def test_data_in_a_folder_that_was_named_stays(tmp_path: Path) -> None:
    run = RunFolder.at(tmp_path / "mine")
    run.data("kafka-1").mkdir()
    run.end()
    assert run.data("kafka-1").is_dir()


def test_two_runs_of_one_second_do_not_meet(tmp_path: Path) -> None:
    assert RunFolder.fresh(tmp_path).path != RunFolder.fresh(tmp_path).path


def test_a_new_run_forgets_the_oldest_ended_ones_and_their_data_but_no_living_one(tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    living = runs / f"20200101T000000-{os.getpid()}-0"
    nobody = 2**22 + 1  # above the highest process id that Linux gives out
    ended = [runs / f"2026010{day}T000000-{nobody}-{n}" for day in range(1, 5) for n in range(4)]
    for path in (living, *ended):
        (path / "kafka-1-data").mkdir(parents=True)
    RunFolder.fresh(tmp_path)
    assert (living / "kafka-1-data").is_dir()
    assert [path for path in ended if path.exists()] == ended[-RUNS_KEPT:]
    assert not any((path / "kafka-1-data").exists() for path in ended)
