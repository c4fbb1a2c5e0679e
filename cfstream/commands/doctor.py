"""``cfstream doctor``: one line a check, with what to do where something is wrong."""

import asyncio
import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path

import orjson

from cfstream import reference
from cfstream.checks import KafkaChecks, RegistryChecks, installed
from cfstream.options import Config, Json, command
from plumbing import logs
from plumbing.clock import SystemClock
from plumbing.diagnosis import AilmentError, Check, Finding, NotAskedError, examine
from plumbing.errors import CfstreamError
from plumbing.settings import CommonSettings
from processors.notify.settings import NotifierSettings
from processors.settings import WorkerSettings
from producer.settings import ProducerSettings

app = command("Check each connection, right and setting; say how to mend it.")

_SIGNS = {True: "✔", False: "✘", None: "–"}


@app.command()
def doctor(config: Config = None, json: Json = False) -> None:
    """Look at everything that cfstream needs, change nothing, send nothing. Exit 1 where something is wrong.

    With --json each line is {check, ok, text, mend}; ok is null for what was not asked.
    """
    logs.configure("console", "error")
    bad = asked = 0
    with ExitStack() as ends:
        for finding in examine(_checks(config, ends)):
            _print(finding, json=json)
            bad += finding.ok is False
            asked += finding.ok is not None
    if bad:
        raise CfstreamError(f"{bad} of {asked} checks found something wrong; each ✘ line says how to mend it")


def _checks(config: Path | None, ends: ExitStack) -> Iterator[Check]:
    """Yield all checks in their order; each is put together only when it is its turn."""
    yield installed()
    yield Check("settings", lambda: _settings(config))
    yield Check("variables", _variables)
    yield Check("cloud controller", lambda: _cloud_controller(config), needs=("settings",))
    yield from _of_foundations(config, ends)
    try:
        common = CommonSettings.load(config)
    except CfstreamError:
        return  # the settings' finding has said it
    yield from KafkaChecks(common).checks()
    registry = RegistryChecks(common)
    ends.callback(registry.close)
    yield from registry.checks()
    yield Check("alert receivers", lambda: _receivers(config), needs=("settings",))


def _settings(config: Path | None) -> str:
    for each in (ProducerSettings, WorkerSettings, NotifierSettings):
        each.load(config)
    return "every value is one that its setting takes"


def _variables() -> str:
    strange = reference.misspelt_variables(os.environ)
    if strange:
        name, near = next(iter(strange.items()))
        raise AilmentError(f"{name} is no setting", f"write {near}" if near else "docs/settings.md lists them all")
    return "every CFSTREAM_ variable is a setting"


def _cloud_controller(config: Path | None) -> str:
    settings = ProducerSettings.load(config)
    if settings.cf_api is None and not settings.foundations:
        raise NotAskedError("CFSTREAM_CF_API is not set; the producer alone needs it")
    try:
        import producer.api.client  # noqa: F401, PLC0415 - the worker's image may lack its HTTP client
    except ModuleNotFoundError as error:
        raise NotAskedError(f"{error.name} is not installed; the producer alone needs it") from error
    return ", ".join(f"{each.name} at {each.api}" for each in settings.resolved())


def _of_foundations(config: Path | None, ends: ExitStack) -> Iterator[Check]:
    try:
        _cloud_controller(config)
    except (CfstreamError, NotAskedError):
        return  # the finding before has said it
    from producer.diagnosis import patients  # noqa: PLC0415 - as above

    runner = ends.enter_context(asyncio.Runner())
    for patient in patients(ProducerSettings.load(config), SystemClock(), runner):
        ends.callback(patient.close)
        yield from patient.checks()


def _receivers(config: Path | None) -> str:
    try:
        from processors.notify.run import configuration  # noqa: PLC0415 - the producer's image may lack what it needs
    except ModuleNotFoundError as error:
        raise NotAskedError(f"{error.name} is not installed; the notifier alone needs it") from error
    alerts = configuration(NotifierSettings.load(config))
    if not alerts.receivers:
        raise NotAskedError(
            "none is set; alerts stay in their topic (CFSTREAM_ALERTS_CONFIG, CFSTREAM_SLACK_WEBHOOK_URL)"
        )
    for receiver in alerts.receivers:
        receiver.address()
    names = ", ".join(receiver.name for receiver in alerts.receivers)
    return f"{names}: written as they should be; 'cfstream alerts test' sends a message"


def _print(finding: Finding, *, json: bool) -> None:
    if json:
        sys.stdout.write(orjson.dumps(asdict(finding)).decode() + "\n")
    else:
        mend = f" → {finding.mend}" if finding.mend else ""
        sys.stdout.write(f"{_SIGNS[finding.ok]} {finding.check}: {finding.text}{mend}\n")
    sys.stdout.flush()
