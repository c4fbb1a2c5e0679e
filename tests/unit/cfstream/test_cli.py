"""Finding commands, and errors as exit codes."""

import subprocess
import sys
from pathlib import Path

import pytest

from cfstream.cli import COMMANDS, run
from plumbing.errors import UsageError


def test_help_lists_every_command_without_importing_any(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--help"]) == 0
    shown = capsys.readouterr().out
    assert all(name in shown for name in COMMANDS)


def test_nothing_asked_is_wrong_use(capsys: pytest.CaptureFixture[str]) -> None:
    assert run([]) == 2
    assert "Usage" in capsys.readouterr().err


def test_misspelt_command_gets_the_nearest_name(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["topcs"]) == 2
    assert capsys.readouterr().err == "cfstream: no command 'topcs'; did you mean topics?\n"


def test_wrong_option_is_exit_2() -> None:
    assert run(["topics", "apply", "--nope"]) == 2


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_every_listed_command_is_there_and_explains_itself(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run([name, "--help"]) == 0
    assert "Usage" in capsys.readouterr().out


def test_unreachable_broker_is_one_line_that_says_what_to_do(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cfstream.commands.topics.require_broker", _refuse)
    assert run(["topics", "check"]) == 2
    assert capsys.readouterr().err == "cfstream: no broker; start one\n"


def _refuse(_settings: object) -> object:

    raise UsageError("no broker;\n start one")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["topics", "apply", "--nope"], "No such option: --nope"),
        (["topics", "aply"], "No such command 'aply'"),
        (["tail"], "Missing argument"),
        (["totals", "--by", "planet"], "'--by': 'planet' is not one of 'org', 'space', 'foundation', 'app'"),
    ],
)
def test_wrong_use_is_one_line_with_the_way_to_the_help(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(arguments) == 2
    line = capsys.readouterr().err
    assert said in line
    assert line.count("\n") == 1
    assert "--help'" in line


def test_a_group_without_a_command_says_what_it_has(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["topics"]) == 2
    assert "apply" in capsys.readouterr().err


def test_json_of_the_demo_needs_the_fixed_scenario(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["demo", "--json"]) == 2
    assert capsys.readouterr().err == "cfstream: --json goes with --once\n"


def test_a_reader_that_has_seen_enough_is_no_failure() -> None:
    command = [sys.executable, "-c", "import cfstream.cli; input(); cfstream.cli.main()", "topics", "--help"]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdout.close()
        _, said = process.communicate("go\n", timeout=60)
    assert (process.returncode, said) == (0, "")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a device that is always full is Linux's")
def test_a_full_disk_behind_the_output_is_one_line() -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "cfstream", "topics", "--help"],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert (done.returncode, done.stderr) == (1, "cfstream: cannot write the output: No space left on device\n")
