"""Where the demo's rows come from: a simulated Cloud Controller of ours, whose truth is known, or yours."""

import os
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Protocol

from plumbing.errors import CfstreamError
from schemas.tables import AppState
from standin.cloud_controller.server import CloudController
from standin.cloud_controller.server import running as cloud_controller
from standin.demo.check import doubled_faults, row_faults, state_faults
from standin.demo.pipeline import Pipeline

DEEDS_PER_SIMULATED_SECOND = 0.2
RECONCILE_S = 300.0
READING = (
    "CFSTREAM_CF_",
    "CFSTREAM_SETTLE_SECONDS",
    "CFSTREAM_POLL_SECONDS",
    "CFSTREAM_PAGE_SIZE",
    "CFSTREAM_START",
    "CFSTREAM_AUDIT_TYPES",
    "CFSTREAM_ORGS",
    "CFSTREAM_SPACES",
)
"""How the names of the settings begin that say how a given Cloud Controller is read."""

Rows = Counter[tuple[str, int]]
"""How often each row, by (guid, created_at), is in a topic."""


class Source(Protocol):
    """A Cloud Controller to read. ``environment``: the settings that are its own."""

    @property
    def url(self) -> str:
        """Its address."""

    @property
    def environment(self) -> Mapping[str, str]:
        """The settings that reach it."""

    @property
    def org_names(self) -> Mapping[str, str]:
        """Names by guid, of the organizations whose names are known."""

    @property
    def must_alert(self) -> bool:
        """Whether its history holds crashes that must be told."""

    def summary(self) -> str:
        """Say what it holds."""

    def live(self) -> None:
        """Let its apps live on."""

    def faults(self, usage: Rows, audit: Rows, tables: Mapping[str, AppState], pipeline: Pipeline) -> list[str]:
        """Say in what the topics and tables disagree with it."""


@dataclass(frozen=True)
class Simulated:
    """A Cloud Controller of ours. While it is paused its truth stands still."""

    cc: CloudController
    url: str
    settle_s: float
    must_alert: bool = True

    @property
    def environment(self) -> Mapping[str, str]:
        """Address, credentials, and a pace that suits its clock."""
        return {
            "CFSTREAM_CF_API": self.url,
            "CFSTREAM_CF_CLIENT_ID": self.cc.options.client_id,
            "CFSTREAM_CF_CLIENT_SECRET": self.cc.options.client_secret,
            "CFSTREAM_SETTLE_SECONDS": str(self.settle_s),
            "CFSTREAM_POLL_SECONDS": "1",
        }

    @property
    def org_names(self) -> Mapping[str, str]:
        """All of them."""
        names: dict[str, str] = self.cc.truth()["orgs"]
        return names

    def summary(self) -> str:
        """Count its rows."""
        truth = self.cc.truth()
        return f"the Cloud Controller holds {truth['usage_rows']:,} usage rows and {truth['audit_rows']:,} audit rows"

    def live(self) -> None:
        """Go on from the end of the history."""
        self.cc.resume(DEEDS_PER_SIMULATED_SECOND)

    def faults(self, usage: Rows, audit: Rows, tables: Mapping[str, AppState], pipeline: Pipeline) -> list[str]:  # noqa: ARG002 - a given one asks a command
        """Compare each row with the ledger and each app with the truth."""
        ledger = self.cc.ledger
        return [
            *row_faults("app usage events", usage, {(row.guid, row.created_at) for row in ledger.usage}),
            *row_faults("audit events", audit, {(row.guid, row.created_at) for row in ledger.audit}),
            *state_faults(tables, self.cc.truth()),
        ]


@contextmanager
def simulated(cc: CloudController, *, settle_s: float) -> Iterator[Simulated]:
    """Serve a simulated Cloud Controller while the block runs. ``settle_s`` is in its own time."""
    with cloud_controller(cc) as url:
        yield Simulated(cc, str(url), settle_s)


@dataclass(frozen=True)
class Given:
    """The Cloud Controller at an address, with the credentials of the environment."""

    url: str
    org_names: Mapping[str, str] = field(default_factory=dict)
    must_alert: bool = False

    @property
    def environment(self) -> Mapping[str, str]:
        """Its address and what else the environment says of reading it."""
        given = {name: value for name, value in os.environ.items() if name.startswith(READING)}
        return given | {"CFSTREAM_CF_API": self.url}

    def summary(self) -> str:
        """Say where it is."""
        return f"reading {self.url}"

    def live(self) -> None:
        """Nothing to do: its apps live by themselves."""

    def faults(self, usage: Rows, audit: Rows, tables: Mapping[str, AppState], pipeline: Pipeline) -> list[str]:  # noqa: ARG002 - reconcile reads the tables
        """Look for doubled rows, and have ``cfstream reconcile`` compare each app."""
        faults = [*doubled_faults("app usage events", usage), *doubled_faults("audit events", audit)]
        try:
            pipeline.start("reconcile", "reconcile")
            pipeline.finish("reconcile", within_s=RECONCILE_S)
        except CfstreamError as error:
            faults.append(str(error))
        return faults
