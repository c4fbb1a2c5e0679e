"""The notifier's part of the alerts file: receivers, the route tree, inhibition, mute times."""

import os
from functools import cached_property
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, SecretStr, field_validator, model_validator

from plumbing.errors import UsageError
from processors.alerts.durations import Seconds
from processors.alerts.files import Document, load
from processors.alerts.rules import Model, Rule, Rules, default_rules
from processors.notify.matchers import Matcher
from processors.notify.mute import MuteTime

Channel = Literal["slack", "teams", "mattermost", "google-chat", "discord", "pagerduty", "webhook", "alertmanager"]
PAGERDUTY_URL = "https://events.pagerduty.com/v2/enqueue"
Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$")]


class Receiver(Model):
    """Where notifications go. The URL of a chat webhook is a secret: better in a file or a variable than here.

    ``secret`` signs a webhook (Standard Webhooks); ``previous_secret`` signs beside it while a secret is changed.
    ``routing_key`` is PagerDuty's. Of a text, its ``_file`` and its ``_env`` one is given.
    """

    name: Name
    type: Channel
    url: SecretStr | None = None
    url_file: Path | None = None
    url_env: str | None = None
    secret: SecretStr | None = None
    secret_file: Path | None = None
    previous_secret: SecretStr | None = None
    routing_key: SecretStr | None = None
    routing_key_file: Path | None = None
    bearer_token: SecretStr | None = None
    bearer_token_file: Path | None = None
    send_resolved: bool = True
    timeout: Seconds = Field(default=10, ge=1, le=60)
    give_up_after: Seconds = Field(default=3600, ge=1, description="Retry for so long, then to the dead letters.")
    per_second: float = Field(default=1, gt=0, le=100, description="Most requests a second to this URL.")
    max_alerts: int = Field(default=20, ge=1, le=100, description="Most alerts spelt out in one message.")

    @model_validator(mode="after")
    def _has_what_it_needs(self) -> Self:
        given = [self.url, self.url_file, self.url_env]
        if sum(part is not None for part in given) > 1:
            raise ValueError("give one of url, url_file and url_env")
        if not any(given) and self.type != "pagerduty":
            raise ValueError("url, url_file or url_env is missing")
        if self.type == "pagerduty" and not (self.routing_key or self.routing_key_file):
            raise ValueError("PagerDuty needs routing_key or routing_key_file")
        if self.url is not None:
            check_url(self.type, self.url.get_secret_value())
        return self

    def address(self) -> str:
        """Return the URL, read anew from its file or variable. Raise UsageError when it cannot be had."""
        if self.url is not None:
            return self.url.get_secret_value()
        if self.url_env is not None:
            url = os.environ.get(self.url_env, "")
            if not url:
                raise UsageError(f"receiver {self.name}: the variable {self.url_env} is not set")
        elif self.url_file is not None:
            url = read_secret(self.url_file, f"receiver {self.name}: url_file")
        else:
            url = PAGERDUTY_URL
        try:
            check_url(self.type, url)
        except ValueError as error:
            raise UsageError(f"receiver {self.name}: {error}") from None
        return url

    def text(self, name: Literal["secret", "routing_key", "bearer_token"]) -> str | None:
        """Return a secret, read anew from its file where it has one; None where none is set."""
        given: SecretStr | None = getattr(self, name)
        path: Path | None = getattr(self, f"{name}_file")
        if path is not None:
            return read_secret(path, f"receiver {self.name}: {name}_file")
        return given.get_secret_value() if given else None


class Route(Model):
    """A node of the route tree, Alertmanager's. What a child leaves out it has from its parent."""

    receiver: Name | None = None
    matchers: tuple[Matcher, ...] = ()
    continue_: bool = Field(default=False, alias="continue", description="Go on to the next sibling after a match.")
    group_by: list[str] | None = Field(default=None, description="Labels; ['...'] groups nothing together.")
    group_wait: Seconds | None = None
    group_interval: Seconds | None = Field(default=None, ge=1)
    repeat_interval: Seconds | None = Field(default=None, ge=1)
    mute_times: tuple[str, ...] = ()
    routes: tuple["Route", ...] = ()


class Inhibit(Model):
    """While an alert that matches ``source`` fires, those that match ``target`` and agree in ``equal`` are not sent."""

    source: list[Matcher] = Field(min_length=1)
    target: list[Matcher] = Field(min_length=1)
    equal: tuple[str, ...] = ()


class History(Model):
    """Alerts older than ``page_within``, by the Cloud Controller's clock, do not page when they are read."""

    page_within: Seconds = Field(default=900, ge=1)


class Flapping(Model):
    """An alert that fires ``times`` in ``window`` flaps: its all-clear then waits for ``hold``."""

    times: int = Field(default=3, ge=2)
    window: Seconds = 3600
    hold: Seconds = 1800


class Watch(Model):
    """When the pipeline's own troubles become alerts."""

    enabled: bool = True
    feed_stale_after: Seconds = Field(default=300, description="No checkpoint of a feed for so long.")
    worker_behind: Seconds = Field(default=600, description="The tables have not applied for so long what a feed told.")


class Heartbeat(Model):
    """A request to an outside watcher (a dead man's switch) as long as the notifier works."""

    url: SecretStr | None = None
    url_file: Path | None = None
    every: Seconds = Field(default=60, ge=5)

    @model_validator(mode="after")
    def _one_url(self) -> Self:
        if (self.url is None) == (self.url_file is None):
            raise ValueError("give one of url and url_file")
        return self

    def address(self) -> str:
        """Return the URL."""
        return self.url.get_secret_value() if self.url else read_secret(self.url_file or Path(), "heartbeat: url_file")


def default_inhibitions() -> list[Inhibit]:
    """Return the inhibitions that hold without any: a storm hides its apps, a worse alert of an app the milder one."""

    def rule(source: str, target: str, *equal: str) -> Inhibit:
        return Inhibit.model_validate({"source": [source], "target": [target], "equal": ["foundation", *equal]})

    app_rules = 'kind=~"rate|per-instance|loop|all-instances|out-of-memory"'
    return [
        rule('storm="foundation"', app_rules),
        rule('storm="foundation"', 'storm=~"cell|space|org"'),
        rule('storm="org"', app_rules, "org_guid"),
        rule('storm="org"', 'storm="space"', "org_guid"),
        rule('storm="space"', app_rules, "space_guid"),
        rule('storm="cell"', app_rules, "cell_id"),
        rule('kind=~"loop|all-instances|out-of-memory"', 'kind=~"rate|per-instance"', "app_guid"),
        rule('kind="giving-up"', 'kind="loop"', "app_guid", "index"),
    ]


class AlertsConfig(Model):
    """The whole alerts file."""

    rules: list[Rule] = Field(default_factory=default_rules)
    receivers: tuple[Receiver, ...] = ()
    route: Route = Route()
    inhibit_rules: list[Inhibit] = Field(default_factory=default_inhibitions)
    storm_hold: Seconds = Field(
        default=1800, description="What a storm hid is told only if it still fires so long after the storm's end."
    )
    mute_times: tuple[MuteTime, ...] = ()
    history: History = History()
    flapping: Flapping | None = Flapping()
    watch: Watch = Watch()
    heartbeat: Heartbeat | None = None
    external_url: str | None = Field(default=None, pattern=r"^https?://", description="The dashboard, for links.")

    @field_validator("receivers")
    @classmethod
    def _names_once(cls, receivers: tuple[Receiver, ...]) -> tuple[Receiver, ...]:
        names = [receiver.name for receiver in receivers]
        for name in names:
            if names.count(name) > 1:
                raise ValueError(f"two receivers are named {name!r}")
        return receivers

    @model_validator(mode="after")
    def _names_exist(self) -> Self:
        Rules(rules=self.rules)
        receivers = {receiver.name for receiver in self.receivers}
        mutes = {mute.name for mute in self.mute_times}
        if self.receivers and self.route.receiver is None:
            raise ValueError("route.receiver is missing: name the receiver that takes what no other route takes")
        waiting = [self.route]
        while waiting:
            route = waiting.pop()
            waiting += route.routes
            if route.receiver is not None and route.receiver not in receivers:
                raise ValueError(f"a route names receiver {route.receiver!r}, which is not among the receivers")
            if unknown := set(route.mute_times) - mutes:
                raise ValueError(f"a route names mute time {min(unknown)!r}, which is not among mute_times")
        return self

    @cached_property
    def by_name(self) -> dict[str, Receiver]:
        """The receivers by name."""
        return {receiver.name: receiver for receiver in self.receivers}


def read_config(
    document: Document | None, slack_url: SecretStr | None = None, slack_file: Path | None = None
) -> AlertsConfig:
    """Return the file's content; without receivers in it a Slack webhook alone makes the one receiver.

    ``slack_file``: where that webhook was read from, to be read anew at each use. Raise UsageError with line and field.
    """
    content = dict(document.content) if document else {}
    if slack_url is not None and not content.get("receivers"):
        address = {"url_file": slack_file} if slack_file else {"url": slack_url.get_secret_value()}
        content["receivers"] = [{"name": "slack", "type": "slack"} | address]
        content["route"] = {"receiver": "slack"} | (content.get("route") or {})
    return load(document or Document("settings", {}, {}), AlertsConfig, content)


def check_url(channel: Channel, url: str) -> None:
    """Raise ValueError, without the URL in it, when a webhook's URL cannot work."""
    host = url.split("/", 3)[2] if url.count("/") > 1 else ""
    if not url.startswith(("https://", "http://")) or not host:
        raise ValueError("the URL must begin with https:// and name a host")
    if url.startswith("http://") and not _local(host):
        raise ValueError("the URL must begin with https://; plain http is for this machine alone")
    if host.startswith(("169.254.", "[fe80:", "metadata.")):
        raise ValueError("the URL names a link-local or metadata address, which is no chat service")
    if channel == "teams" and host.endswith("webhook.office.com"):
        raise ValueError("Office 365 connectors are retired: make a Workflows webhook in Teams and give its URL")


def _local(host: str) -> bool:
    name = host.rsplit("@", 1)[-1].rsplit(":", 1)[0].strip("[]")
    # A name without a dot, or of the cluster, is a neighbour in one network.
    return (
        name in ("localhost", "::1") or name.startswith("127.") or "." not in name or name.endswith((".svc", ".local"))
    )


def read_secret(path: Path, what: str) -> str:
    """Return a file's text without surrounding blanks. Raise UsageError."""
    try:
        return path.read_text("utf-8").strip()
    except OSError as error:
        raise UsageError(f"{what}: cannot read {path}: {error.strerror}") from error
    except UnicodeDecodeError:
        raise UsageError(f"{what}: {path} is not UTF-8 text") from None
