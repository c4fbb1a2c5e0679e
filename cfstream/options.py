"""Options that several commands share."""

from pathlib import Path
from typing import Annotated

import typer

Config = Annotated[
    Path | None,
    typer.Option("--config", help="YAML file with settings; the environment comes first.", show_default=False),
]
Json = Annotated[bool, typer.Option("--json", help="JSON instead of a table, one object a line.")]


def application(text: str) -> typer.Typer:
    """Return an empty Typer application for a group of commands, be it of one."""
    group = typer.Typer(
        help=text, no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None
    )
    # With a callback a group of one command still takes that command's name.
    group.callback()(lambda: None)
    return group


def command(text: str) -> typer.Typer:
    """Return a Typer application for a single command, which may be called without arguments."""
    return typer.Typer(help=text, add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)
