"""Options that several commands share."""

from pathlib import Path
from typing import Annotated

import typer

from cfstream import reference
from plumbing.settings import check_names


def _known_settings(config: Path | None) -> Path | None:
    """Return the path. Raise UsageError for a key that no process knows, or for a file that cannot be read."""
    if config is not None:
        check_names(config, reference.names())
    return config


Config = Annotated[
    Path | None,
    typer.Option(
        "--config",
        help="YAML file with settings; the environment comes first.",
        show_default=False,
        callback=_known_settings,
    ),
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
