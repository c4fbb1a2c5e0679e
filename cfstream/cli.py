"""The command ``cfstream``: finds the command asked for, runs it, and turns errors into exit codes.

Exit codes: 0 done, 1 failed while running, 2 wrong use or setting, 3 fenced by another instance, 130 interrupted.

A command's module is imported only when it is asked for, so that the producer's image needs no Faust and
``--help`` is quick.
"""

import difflib
import errno
import importlib
import os
import sys
from importlib import metadata
from typing import NamedTuple, TextIO

import typer
from rich.console import Console
from rich.table import Table

from plumbing.errors import CfstreamError, UsageError
from plumbing.settings import PREFIX
from schemas.errors import SetupError

INTERRUPTED = 130
NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
ROOMS = ("cfstream", "plumbing", "processors", "producer", "schemas", "standin")


class Command(NamedTuple):
    """Where a command lives (a module with a Typer application ``app``) and what it does."""

    module: str
    help: str
    extra: str | None = None


COMMANDS = {
    "demo": Command("demo", "The whole chain on this machine, live.", "standin"),
    "stack": Command("stack", "The stand-in environment alone: Kafka, registry, Cloud Controller.", "standin"),
    "doctor": Command("doctor", "Check each connection, right and setting; say how to mend it."),
    "producer": Command("producer", "Tail the feeds into Kafka.", "producer"),
    "processors": Command("processors", "Keep the state tables and raise alerts.", "worker"),
    "notifier": Command("notifier", "Send alerts to chat webhooks.", "worker"),
    "tail": Command("tail", "Print the decoded records of a topic."),
    "state": Command("state", "What runs now, by app."),
    "totals": Command("totals", "Instances and memory by org or space."),
    "event": Command("event", "One usage event, asked of the Cloud Controller.", "producer"),
    "backfill": Command("backfill", "Read history into the topics.", "producer"),
    "snapshot": Command("snapshot", "Publish what runs now as a baseline.", "producer"),
    "reconcile": Command("reconcile", "Compare the tables with the Cloud Controller.", "producer"),
    "alerts": Command("alerts", "Check, simulate, list, silence and test alerts.", "worker"),
    "dead-letters": Command("dead_letters", "List and replay what could not be read.", "producer"),
    "topics": Command("topics", "Create the topics, or check them."),
    "schemas": Command("schemas", "Register the schemas, or check them."),
}


def main() -> None:
    """Run the command line and exit."""
    sys.exit(run(sys.argv[1:]))


def run(arguments: list[str]) -> int:
    """Run the command line and return the exit code; errors go to stderr as one line."""
    if not arguments or arguments[0] in ("-h", "--help"):
        _help(sys.stdout if arguments else sys.stderr)
        return 0 if arguments else UsageError.exit_code
    if arguments[0] == "--version":
        sys.stdout.write(f"cfstream {metadata.version('cfstream')}\n")
        return 0
    return _run(arguments[0], arguments[1:])


def _run(name: str, arguments: list[str]) -> int:
    try:
        application = _load(name)
        _warn_of_misspelt_variables()
        code = _call(application, name, arguments)
    except (CfstreamError, SetupError) as error:
        sys.stderr.write(f"cfstream: {' '.join(str(error).split())}\n")
        return error.exit_code
    except typer.TyperException as error:
        return _wrong_use(error)
    except SystemExit as end:
        if isinstance(end.__context__, BrokenPipeError):
            # The reader, such as head, has seen enough. Typer makes it exit code 1, and the last flush silent.
            return 0
        return end.code if isinstance(end.code, int) else 0
    except KeyboardInterrupt:
        return INTERRUPTED
    return code if isinstance(code, int) else 0


def _call(application: typer.Typer, name: str, arguments: list[str]) -> object:
    try:
        code: object = application(arguments, prog_name=f"cfstream {name}", standalone_mode=False)
        sys.stdout.flush()
    except OSError as error:
        if error.errno not in NO_ROOM:
            raise
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # else the last flush fails anew, at exit
        raise CfstreamError(f"cannot write the output: {error.strerror}") from error
    return code


def _wrong_use(error: typer.TyperException) -> int:
    """Say in one line what is wrong with the options; a group without a command says what it has."""
    message = str(getattr(error, "message", error)) or type(error).__name__
    if isinstance(error, typer.BadParameter):
        message = error.format_message().replace("Value error, ", "")
    path = getattr(getattr(error, "ctx", None), "command_path", "cfstream")
    if "\n" in message.strip():
        sys.stderr.write(message.rstrip() + "\n")
    else:
        sys.stderr.write(f"cfstream: {message.rstrip('.')}; see '{path} --help'\n")
    return UsageError.exit_code


def _warn_of_misspelt_variables() -> None:
    """Name each variable with our prefix that is no setting: its value would be passed over in silence."""
    if not any(name.startswith(PREFIX) for name in os.environ):
        return
    from cfstream import reference  # noqa: PLC0415 - loads every settings class, which --help has no need of

    for name, near in reference.misspelt_variables(os.environ).items():
        hint = f"did you mean {near}?" if near else "docs/settings.md lists them all"
        sys.stderr.write(f"cfstream: warning: {name} is no setting; {hint}\n")


def _load(name: str) -> typer.Typer:
    command = COMMANDS.get(name)
    if command is None:
        near = difflib.get_close_matches(name, COMMANDS, n=1)
        hint = f"did you mean {near[0]}?" if near else "'cfstream --help' lists them"
        raise UsageError(f"no command {name!r}; {hint}")
    try:
        module = importlib.import_module(f"cfstream.commands.{command.module}")
    except ModuleNotFoundError as error:
        if command.extra is None or (error.name or "").split(".")[0] in ROOMS:
            raise
        raise UsageError(
            f"'cfstream {name}' needs {error.name}, which is not installed: pip install 'cfstream[{command.extra}]'"
        ) from error
    application: typer.Typer = module.app
    return application


def _help(out: TextIO) -> None:
    console = Console(file=out, highlight=False)
    console.print("Usage: cfstream COMMAND [OPTIONS] …\n", markup=False)
    console.print("Cloud Foundry's events as Kafka topics, live tables and crash alerts.\n")
    table = Table(box=None, show_header=False, padding=(0, 2))
    for name, command in COMMANDS.items():
        table.add_row(name, command.help)
    console.print(table)
    console.print("\nEach command explains itself: cfstream COMMAND --help")
