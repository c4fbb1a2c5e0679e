"""``cfstream alerts check|list|silence|test|simulate``: for the people who are on call."""

import asyncio
import getpass
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import orjson
import typer
from rich.console import Console
from rich.table import Table

from cfstream import alert_history, alert_plot
from cfstream.options import Config, Json, application
from cfstream.render import readable, to_stdout
from plumbing import logs
from plumbing.clock import SECOND, SystemClock, iso, micros
from plumbing.errors import CfstreamError, UsageError
from processors.alerts import durations
from processors.alerts.files import load_rules, problems, read
from processors.notify import silences
from processors.notify.config import AlertsConfig, read_config
from processors.notify.requests import request
from processors.notify.run import configuration
from processors.notify.sample import sample
from processors.notify.sender import Sender
from processors.notify.settings import NotifierSettings
from processors.notify.silence_store import SilenceStore
from schemas.records import Alert

app = application("Check, simulate, list, silence and test alerts.")
silence_app = application("Hold alerts back for a time.")
app.add_typer(silence_app, name="silence")


@app.command()
def check(
    file: Annotated[Path | None, typer.Argument(help="The alerts file; else CFSTREAM_ALERTS_CONFIG.")] = None,
    config: Config = None,
    schema: Annotated[bool, typer.Option("--schema", help="Print the file's JSON schema and end.")] = False,
) -> None:
    """Say whether the alerts file is right, each error with its line and field. Exit 2 where it is not."""
    if schema:
        sys.stdout.write(orjson.dumps(AlertsConfig.model_json_schema(), option=orjson.OPT_INDENT_2).decode() + "\n")
        return
    settings = NotifierSettings.load(config)
    path = file or settings.alerts_config
    if path is None:
        raise UsageError("which file? name it, or set CFSTREAM_ALERTS_CONFIG")
    document = read(path)
    found = problems(document, AlertsConfig)
    for problem in found:
        typer.echo(problem)
    if found:
        raise UsageError(f"{path} has {len(found)} error{'s' if len(found) > 1 else ''}")
    checked = read_config(document, settings.slack_webhook_url)
    for receiver in checked.receivers:
        try:
            receiver.address()
        except UsageError as error:  # the file may be checked where its secrets are not
            typer.echo(f"note: {error}")
    typer.echo(f"{path} is right: {len(checked.rules)} rules, {len(checked.receivers)} receivers")


@app.command("list")
def list_alerts(
    config: Config = None,
    everything: Annotated[
        bool, typer.Option("--all", help="Resolved ones too, as far back as the topic goes.")
    ] = False,
    json: Json = False,
) -> None:
    """Print the alerts that fire now, the newest last."""
    settings = NotifierSettings.load(config)
    kept = alert_history.silences(settings)
    now = SystemClock().now()
    chosen = [one for one in alert_history.latest(settings) if everything or one["status"] == "firing"]
    if json:
        for one in chosen:
            quiet = silences.silenced_by(kept, one["labels"], now)
            line = readable(dict(one)) | {"silenced_by": quiet.id if quiet else None}
            sys.stdout.write(orjson.dumps(line).decode() + "\n")
        return
    if not chosen:
        typer.echo("no alert fires")
        return
    shown = Table(box=None)
    for column in ("since (UTC)", "severity", "rule", "what", "where", ""):
        shown.add_column(column)
    for one in chosen:
        quiet = silences.silenced_by(kept, one["labels"], now)
        note = f"silenced by {quiet.id}" if quiet else (one["resolve_reason"] or "")
        shown.add_row(*map(str, _columns(one)), note)
    to_stdout().print(shown)


@silence_app.command("add")
def silence_add(
    matchers: Annotated[list[str], typer.Argument(help="Such as app=shop or space=~dev-.*; all must hold.")],
    duration: Annotated[str, typer.Option("--for", help="How long, such as 90m, 2h or 3d.")] = "2h",
    comment: Annotated[str, typer.Option("--comment", help="Why.")] = "",
    author: Annotated[str | None, typer.Option("--author", help="Who; else the user of this machine.")] = None,
    config: Config = None,
) -> None:
    """Hold back the alerts that fulfil all matchers; prints the silence's id, and how many it takes that fire now."""
    settings = NotifierSettings.load(config)
    try:
        silence = silences.create(
            matchers,
            now=SystemClock().now(),
            seconds=durations.seconds(duration),
            author=author or getpass.getuser(),
            comment=comment,
        )
    except ValueError as error:
        raise UsageError(_first_line(error)) from error
    with SilenceStore.open(settings) as store:
        store.put(silence)
    fires = [one for one in alert_history.latest(settings) if one["status"] == "firing"]
    held = sum(silences.silenced_by([silence], one["labels"], silence.starts_at) is not None for one in fires)
    text = " ".join(str(matcher) for matcher in silence.matchers)
    typer.echo(f"{silence.id} until {_whole(silence.ends_at)}: {text}; {held} of {len(fires)} that fire now")


@silence_app.command("list")
def silence_list(config: Config = None, json: Json = False) -> None:
    """Print the silences that hold or will."""
    now = SystemClock().now()
    kept = [one for one in alert_history.silences(NotifierSettings.load(config)) if one.ends_at > now]
    if json:
        for one in kept:
            sys.stdout.write(orjson.dumps(readable(dict(one.record(now)))).decode() + "\n")
        return
    if not kept:
        typer.echo("no silence holds")
    for one in kept:
        text = " ".join(str(matcher) for matcher in one.matchers)
        typer.echo(f"{one.id}  until {_whole(one.ends_at)}  {text}  {one.author}: {one.comment or 'no comment'}")


@silence_app.command("expire")
def silence_expire(silence_id: Annotated[str, typer.Argument(metavar="ID")], config: Config = None) -> None:
    """End a silence now."""
    settings = NotifierSettings.load(config)
    if silence_id not in {one.id for one in alert_history.silences(settings)}:
        raise CfstreamError(f"there is no silence {silence_id}; 'cfstream alerts silence list' shows them")
    with SilenceStore.open(settings) as store:
        store.expire(silence_id)
    typer.echo(f"{silence_id} is over")


@app.command("test")
def try_receiver(
    receiver: Annotated[str, typer.Argument(help="Name of the receiver, as in the alerts file.")],
    config: Config = None,
    resolved: Annotated[bool, typer.Option("--resolved", help="Send the all-clear of the sample.")] = False,
) -> None:
    """Send a sample alert to one receiver, for real, and say how it answered."""
    settings = NotifierSettings.load(config)
    logs.configure(settings.log_format, settings.log_level)
    known = configuration(settings)
    if receiver not in known.by_name:
        names = ", ".join(known.by_name) or "none: set CFSTREAM_SLACK_WEBHOOK_URL or CFSTREAM_ALERTS_CONFIG"
        raise UsageError(f"no receiver {receiver!r}; there are {names}")
    outcome = asyncio.run(_send(known, receiver, resolved=resolved))
    if outcome is not None:
        raise CfstreamError(f"{receiver}: {outcome}")
    typer.echo(f"{receiver}: delivered")


async def _send(known: AlertsConfig, name: str, *, resolved: bool) -> str | None:
    clock = SystemClock()
    receiver = known.by_name[name]
    batch = sample(name, clock.now(), resolved=resolved)
    sender = Sender(clock)
    try:
        made = request(receiver, batch, external_url=known.external_url, now=clock.now())
        outcome = await sender(made, timeout_s=receiver.timeout)
    finally:
        await sender.close()
    return None if outcome.verdict == "delivered" else outcome.reason


@app.command()
def simulate(
    since: Annotated[str, typer.Option("--since", help="From when: a time such as 2026-11-01T00:00Z, or 7d.")],
    until: Annotated[str | None, typer.Option("--until", help="To when; else now.")] = None,
    rules: Annotated[Path | None, typer.Option("--rules", help="Alerts file; else CFSTREAM_ALERTS_CONFIG.")] = None,
    config: Config = None,
    json: Json = False,
) -> None:
    """Run rules over the topics' history and print what would have fired. Nobody is notified."""
    settings = NotifierSettings.load(config)
    now = SystemClock().now()
    begin, end = _moment(since, now), _moment(until, now) if until else now
    if begin >= end:
        raise UsageError("--since must lie before --until")
    in_force = load_rules(rules or settings.alerts_config)
    result = alert_history.simulate(settings, in_force, since=begin, until=end)
    if json:
        for one in result.episodes:
            line = readable(dict(one.began)) | {
                "resolved_at": iso(one.ended["as_of"]) if one.ended else None,
                "resolve_reason": one.ended["resolve_reason"] if one.ended else None,
                "crashes": one.crashes,
            }
            sys.stdout.write(orjson.dumps(line).decode() + "\n")
        return
    alert_plot.show(result, Console(file=sys.stdout, highlight=False))


def _whole(moment: int) -> str:
    """Return a time in whole seconds."""
    return iso(moment // SECOND * SECOND)


def _moment(text: str, now: int) -> int:
    try:
        return now - durations.seconds(text) * SECOND
    except ValueError:
        pass
    try:
        return micros(text)
    except ValueError as error:
        raise UsageError(f"{text!r} is neither a time such as 2026-11-01T00:00Z nor a duration such as 7d") from error


def _columns(one: Alert) -> tuple[Any, ...]:
    begun = datetime.fromtimestamp(one["starts_at"] / SECOND, UTC).strftime("%Y-%m-%d %H:%M:%S")
    place = one["space_name"] or one["labels"].get("scope_guid") or one["space_guid"] or ""
    return begun, one["severity"], one["rule"], one["summary"], place


def _first_line(error: ValueError) -> str:
    errors = getattr(error, "errors", None)
    return str(errors()[0]["msg"]).removeprefix("Value error, ") if errors else str(error)
