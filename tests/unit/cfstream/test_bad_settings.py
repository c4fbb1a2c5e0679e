"""A setting that is wrong ends the command before anything is started, in one line that says what it takes."""

import os
from pathlib import Path

import pytest

from cfstream.cli import run


@pytest.fixture(autouse=True)
def _no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in os.environ:
        if name.startswith("CFSTREAM_"):
            monkeypatch.delenv(name)


def refused(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    """Run a command that must be refused and return its one line."""
    assert run(arguments) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith("cfstream: ")
    assert said.err.count("\n") == 1
    return said.err


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("PARTITIONS", "0", "must be at least 1"),
        ("PARTITIONS", "many", "must be a whole number"),
        ("HTTP_PORT", "70000", "must be at most 65535"),
        ("POLL_SECONDS", "-1", "must be at least 0.05"),
        ("SETTLE_SECONDS", "soon", "must be a number"),
        ("LOG_LEVEL", "loud", "must be one of 'debug', 'info', 'warning' or 'error'"),
        ("SCHEMA_REGISTRY_URL", "localhost:8081", "as an http or https URL"),
        ("CREATE_TOPICS", "perhaps", "must be true or false"),
        ("FOUNDATION", "no spaces please", "must look like"),
        ("PAGE_SIZE", "6000", "must be at most 5000"),
    ],
)
def test_a_value_out_of_range_is_named_with_what_it_takes(
    name: str, value: str, says: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(f"CFSTREAM_{name}", value)
    line = refused(["producer", "run"], capsys)
    assert f"CFSTREAM_{name}={value!r}" in line
    assert says in line


def test_a_start_that_is_none_is_told_what_there_is(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CFSTREAM_START", "last week")
    assert "neither oldest, now, a time such as 2026-01-31T00:00:00Z, nor a guid" in refused(
        ["producer", "run"], capsys
    )


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (None, "give --config a readable YAML file"),
        ("a: [", "not YAML"),
        ("- 3", "must be a mapping of settings"),
        ("partitons: 3", "unknown setting partitons; did you mean partitions?"),
        ("zzz: 3", "unknown setting zzz; docs/settings.md lists them all"),
        ("1: 3", "unknown setting 1"),
        ("partitions: none", "CFSTREAM_PARTITIONS='none': must be a whole number"),
        ("foundations: [{name: a}]", "CFSTREAM_FOUNDATIONS"),
    ],
)
def test_a_bad_settings_file_is_named(
    content: str | None, says: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "cfstream.yaml"
    if content is not None:
        config.write_text(content, "utf-8")
    line = refused(["producer", "run", "--config", str(config)], capsys)
    assert says in line
    assert str(config) in line or "CFSTREAM_" in line


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({}, "CFSTREAM_CF_API is not set"),
        ({"CF_API": "https://api.example.com"}, "no credentials; set CFSTREAM_CF_CLIENT_ID"),
        ({"CF_API": "https://api.example.com", "CF_USERNAME": "me"}, "CFSTREAM_CF_PASSWORD is not set"),
        ({"CF_API": "api.example.com"}, "CFSTREAM_CF_API='api.example.com'"),
        ({"CF_CLIENT_SECRET_FILE": "/nobody/has/this"}, "CFSTREAM_CF_CLIENT_SECRET_FILE: cannot read /nobody/has/this"),
        ({"KAFKA_SECURITY_PROTOCOL": "SASL_SSL", "CF_API": "http://x", "CF_CLIENT_ID": "a", "CF_CLIENT_SECRET": "b"},
         "CFSTREAM_KAFKA_SASL_MECHANISM is not set"),
    ],
)  # fmt: skip
def test_what_is_missing_is_named(
    given: dict[str, str], says: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, value in given.items():
        monkeypatch.setenv(f"CFSTREAM_{name}", value)
    assert run(["producer", "run"]) == 2
    said = capsys.readouterr().err.splitlines()[-1]
    assert says in said
