"""Whether the Cloud Controller is there, lets us in and shows us everything."""

import asyncio
from collections.abc import Coroutine, Iterator
from functools import partial
from typing import Any, TypeVar

from plumbing.clock import SECOND, Clock, iso
from plumbing.diagnosis import AilmentError, Check, NotAskedError
from producer.api.answer import Answer
from producer.api.client import CloudController, http_client
from producer.api.errors import ApiError, ForbiddenError, LoginError, RetriableError, UntrustedError
from producer.api.oauth import READS_EVERYTHING
from producer.assemble import NO_SNAPSHOTS
from producer.feeds.dialect import Query, Version, audit_query, usage_query
from producer.settings import FEEDS, Feed, ProducerSettings

SKEW_S = 30
"""More than this between the two clocks is worth a word; ages are measured on the server's clock alone."""

T = TypeVar("T")


class Patient:
    """One foundation under examination; the checks run one after the other, in a loop of their own."""

    def __init__(self, name: str, api: CloudController, clock: Clock, runner: asyncio.Runner) -> None:
        self._name = name
        self._api = api
        self._clock = clock
        self._runner = runner

    def close(self) -> None:
        """Close the connections."""
        self._runner.run(self._api.close())

    def checks(self, feeds: tuple[Feed, ...] = FEEDS) -> list[Check]:
        """Return the checks, in their order."""
        there, clock, login, scopes = (f"{what} ({self._name})" for what in ("api", "clock", "credentials", "scopes"))
        return [
            Check(there, self._there),
            Check(login, self._login, needs=(there,)),
            Check(scopes, self._scopes, needs=(there, login)),
            Check(clock, self._skew, needs=(scopes,)),
            *(Check(f"{feed} ({self._name})", partial(self._feed, feed), needs=(scopes,)) for feed in feeds),
            Check(f"snapshots ({self._name})", self._snapshots, needs=(scopes,)),
        ]

    def _there(self) -> str:
        links = self._run(self._api.links())
        versions = " and ".join(version for version, has in (("v3", links.v3), ("v2", links.v2)) if has)
        return f"{self._api.api} answers, {versions}"

    def _login(self) -> str:
        try:
            self._run(self._api.log_in(), raw=True)
        except ForbiddenError:
            return "the UAA gives a token"
        except LoginError as error:
            raise AilmentError(*_cut(str(error))) from error
        except ApiError as error:
            raise AilmentError(str(error), _HELP) from error
        return "the UAA gives a token"

    def _scopes(self) -> str:
        try:
            self._run(self._api.log_in(), raw=True)
        except ForbiddenError as error:
            raise AilmentError(str(error), _GRANT) from error
        except ApiError as error:
            raise AilmentError(str(error), _HELP) from error
        token = self._api.token
        seen = sorted(token.scopes & READS_EVERYTHING) if token else []
        return f"{', '.join(seen)} sees every event"

    def _skew(self) -> str:
        before = self._clock.now()
        answer = self._get(Query("/v3/app_usage_events", {"per_page": 1}) if self._version() == "v3" else _V2_NEWEST)
        apart = (answer.server_time - before) / SECOND
        if abs(apart) > SKEW_S:
            raise AilmentError(
                f"the server says {iso(answer.server_time)}, which is {apart:+.0f} s from this machine's clock",
                "set both clocks by NTP; rows are aged on the server's clock, logs and metrics here bear ours",
            )
        return f"within {max(1, abs(round(apart)))} s of this machine's"

    def _feed(self, feed: Feed) -> str:
        version = self._version()
        query = usage_query(version, None, 1) if feed == "app-usage-events" else audit_query(version, None, 1, 1)
        body = self._get(query).body
        pages = body.get("pagination")
        count = pages.get("total_results") if isinstance(pages, dict) else body.get("total_results")
        if not body.get("resources"):
            raise AilmentError(
                f"{query.path} answers 200 with an empty list, as it does to a token that may not see the rows",
                f"right for a new foundation alone; else {_GRANT}",
            )
        return f"{query.path} can be read" + (f", {count:,} rows now" if isinstance(count, int) else "")

    def _snapshots(self) -> str:
        if not self._run(self._api.links()).v3:
            raise NotAskedError(NO_SNAPSHOTS)
        self._get(Query("/v3/processes", {"per_page": 1}))
        return "what runs can be read from /v3/processes"

    def _version(self) -> Version:
        return "v3" if self._run(self._api.links()).v3 else "v2"

    def _get(self, query: Query) -> Answer:
        return self._run(self._api.get(query.path, query.params))

    def _run(self, call: Coroutine[Any, Any, T], *, raw: bool = False) -> T:
        try:
            return self._runner.run(call)
        except RetriableError as error:
            raise AilmentError(str(error), "check CFSTREAM_CF_API, and the network and the proxy between") from error
        except UntrustedError as error:
            raise AilmentError(*_cut(str(error))) from error
        except ApiError as error:
            if raw:
                raise
            raise AilmentError(str(error), _HELP) from error


def patients(settings: ProducerSettings, clock: Clock, runner: asyncio.Runner) -> Iterator[Patient]:
    """Yield the foundations of the settings. Raise UsageError where one lacks credentials or has a bad CA file."""
    for foundation in settings.resolved():
        http = http_client(
            foundation.ca_file, timeout_s=settings.cf_timeout_seconds, verify=not settings.cf_skip_ssl_validation
        )
        api = CloudController(foundation.api, foundation.credentials, http=http, clock=clock)
        yield Patient(foundation.name, api, clock, runner)


_HELP = "check CFSTREAM_CF_API and the client's rights"
_GRANT = (
    "give the UAA client one: uaac client update CLIENT --authorities cloud_controller.global_auditor "
    "(or add the user to that group), and start anew"
)
_V2_NEWEST = Query("/v2/app_usage_events", {"results-per-page": 1})


def _cut(sentence: str) -> tuple[str, str]:
    """Part a sentence of the kind 'what is wrong: what to do'."""
    text, _, mend = sentence.rpartition(": ")
    return (text, mend) if text else (sentence, _HELP)
