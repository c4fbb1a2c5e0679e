"""The commands of the runbook, its pages and the notes are commands that exist, with values that exist."""

import importlib
import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import typer.main

from cfstream.cli import COMMANDS
from helm.commented import read
from helm.render import CHART

ROOT = CHART.parent.parent
PAGES = [
    ROOT / "docs" / "runbook.md",
    *sorted((ROOT / "docs" / "runbooks").glob("*.md")),
    CHART / "templates" / "NOTES.txt",
]
VALUES = {leaf.name for top in read(CHART / "values.yaml") for leaf in top.leaves()}


def code(path: Path) -> list[str]:
    """Return the page's lines of code: blocks, with continued lines joined, and spans."""
    text = path.read_text("utf-8")
    if path.suffix != ".md":
        return text.splitlines()
    blocks = re.findall(r"```\n(.*?)```", text, re.DOTALL)
    lines = [line for block in blocks for line in block.replace("\\\n", " ").splitlines()]
    return lines + re.findall(r"`([^`\n]+)`", re.sub(r"```.*?```", "", text, flags=re.DOTALL))


def commands(path: Path) -> list[list[str]]:
    found = [re.search(r"(?:^|(?<!-n) )cfstream ((?:[a-z-]+)(?: .*)?)$", line.strip()) for line in code(path)]
    lines = [
        match.group(1)
        for match in found
        if match and not re.search(r"helm |kubectl .*(?:rollout|delete)", match.string)
    ]
    return [shlex.split(line.split(" | ")[0]) for line in lines]


CALLS = [(path.stem, call) for path in PAGES for call in commands(path)]


@pytest.mark.parametrize(("page", "call"), CALLS, ids=[f"{page}: {' '.join(call)}" for page, call in CALLS])
def test_a_command_exists_with_its_options(page: str, call: list[str]) -> None:
    module = importlib.import_module(f"cfstream.commands.{COMMANDS[call[0]].module}")
    command: Any = typer.main.get_command(module.app)
    rest = call[1:]
    while rest and hasattr(command, "commands"):
        assert rest[0] in command.commands, f"{page}: {call}"
        command = command.commands[rest.pop(0)]
    options = {name for parameter in command.params for name in parameter.opts}
    assert {word.split("=")[0] for word in rest if word.startswith("--")} <= options, f"{page}: {call}"


def test_the_pages_do_name_commands() -> None:
    assert len(CALLS) > 15
    assert {page for page, _ in CALLS} >= {"runbook", "NOTES", "CfstreamDrift"}


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
def test_values_and_files_that_a_page_names_exist(path: Path) -> None:
    text = path.read_text("utf-8")
    tops = {name.split(".")[0] for name in VALUES}
    for name in re.findall(r"`([a-zA-Z]+(?:\.[a-zA-Z_]+)+)(?:[:=][^`]*)?`", text):
        if name.split(".")[0] in tops and not name.endswith((".yaml", ".md")):
            known = any(name == value or value.startswith(f"{name}.") for value in VALUES)
            assert known or name.rpartition(".")[0] in VALUES, name
    for name in re.findall(r"--set[ =]([\w.]+)=", text):
        assert name in VALUES, name
    for name in re.findall(r"\bhelm/cfstream[\w./-]*", text):
        assert (ROOT / name.rstrip(".")).exists(), name
    for name in re.findall(r"\]\((?!http)([^)#]+)\)", text):
        assert (path.parent / name).exists(), name
