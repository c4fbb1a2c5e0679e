"""The page of settings is current, and what is misspelt is named."""

from pathlib import Path

import pytest

from cfstream import reference
from cfstream.cli import run

ROOT = Path(__file__).parents[3]


def test_the_page_of_settings_is_current() -> None:
    page = (ROOT / "docs" / "settings.md").read_text("utf-8")
    assert page == reference.page(), "write it anew: python -m cfstream.reference docs/settings.md"


def test_every_setting_is_on_the_page_with_what_it_is_for() -> None:
    rows = [line.split(" | ") for line in reference.page().splitlines() if line.startswith("| `CFSTREAM_")]
    assert {row[0].strip("|` ") for row in rows} == {"CFSTREAM_" + name.upper() for name in reference.names()}
    assert all(len(row[-1].strip(" |")) > 10 for row in rows)


def test_a_misspelt_variable_gets_the_nearest_name() -> None:
    found = reference.misspelt_variables(["CFSTREAM_PARTITONS", "CFSTREAM_ZZZ", "PATH"])
    assert found == {"CFSTREAM_PARTITONS": "CFSTREAM_PARTITIONS", "CFSTREAM_ZZZ": None}


@pytest.mark.parametrize(
    "name",
    [
        "CFSTREAM_PARTITIONS",
        "CFSTREAM_CF_CLIENT_SECRET_FILE",
        "CFSTREAM_WORKER_SERVICE_HOST",
        "CFSTREAM_WORKER_SERVICE_PORT_METRICS",
        "CFSTREAM_WORKER_PORT_8080_TCP_ADDR",
    ],
)
def test_settings_secret_files_and_what_kubernetes_sets_are_no_mistakes(name: str) -> None:
    assert reference.misspelt_variables([name]) == {}


def test_only_secrets_come_from_files() -> None:
    assert reference.misspelt_variables(["CFSTREAM_PARTITIONS_FILE"]) == {
        "CFSTREAM_PARTITIONS_FILE": "CFSTREAM_PARTITIONS"
    }


def test_a_misspelt_variable_is_one_line_on_stderr_and_stops_nothing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CFSTREAM_PARTITONS", "3")
    assert run(["topics", "check", "--help"]) == 0
    warning = "cfstream: warning: CFSTREAM_PARTITONS is no setting; did you mean CFSTREAM_PARTITIONS?\n"
    assert capsys.readouterr().err == warning


def test_an_unknown_key_in_the_file_ends_the_command_and_names_the_nearest(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "cfstream.yaml"
    config.write_text("partitons: 3\n", "utf-8")
    assert run(["topics", "check", "--config", str(config)]) == 2
    expected = f"cfstream: {config}: unknown setting partitons; did you mean partitions?\n"
    assert capsys.readouterr().err.endswith(expected)
