"""Settings of the producer: where the Cloud Controller is, how to read it, and what goes on."""

from pathlib import Path
from typing import Literal, NamedTuple, Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator

from plumbing.clock import micros
from plumbing.errors import UsageError
from plumbing.settings import CommonSettings
from producer.api.oauth import Credentials
from producer.parse.privacy import Privacy
from producer.publish.batch import Filters

Feed = Literal["app-usage-events", "audit-events"]

FEEDS: tuple[Feed, ...] = ("app-usage-events", "audit-events")
"""The feeds, by the names of their topics."""

ApiVersion = Literal["auto", "v3", "v2"]

_NAME = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$"
_URL = r"^https?://[^/\s@]+/?$"


def check_start(start: str) -> int | None:
    """Return the time that a start means, or None for oldest, now and a guid. Raise ValueError."""
    if start in ("oldest", "now"):
        return None
    try:
        return micros(start)
    except ValueError:
        if len(start) < 8 or " " in start or "," in start:  # noqa: PLR2004 - shorter than any guid
            raise ValueError("neither oldest, now, a time such as 2026-01-31T00:00:00Z, nor a guid") from None
        return None


def _checked_start(start: str | None) -> str | None:
    if start is not None:
        check_start(start)
    return start


class FoundationSettings(BaseModel):
    """One entry of ``foundations`` in the YAML file; what is left out is as in the settings of the same name."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(pattern=_NAME, description="Name of the foundation, in each record and checkpoint.")
    cf_api: str = Field(pattern=_URL)
    cf_client_id: str | None = None
    cf_client_secret: SecretStr | None = None
    cf_client_secret_file: Path | None = None
    cf_username: str | None = None
    cf_password: SecretStr | None = None
    cf_password_file: Path | None = None
    cf_api_version: ApiVersion | None = None
    cf_ca_file: Path | None = None
    topic_prefix: str | None = Field(default=None, pattern=r"^[A-Za-z0-9._-]*$")
    feeds: tuple[Feed, ...] | None = None
    start: str | None = None
    audit_types: tuple[str, ...] = ()
    orgs: tuple[str, ...] = ()
    spaces: tuple[str, ...] = ()

    _start = field_validator("start")(_checked_start)


class Foundation(BaseModel):
    """A foundation with everything resolved: what the tails work with."""

    model_config = ConfigDict(frozen=True, arbitrary_types_allowed=True)

    name: str
    api: str
    credentials: Credentials
    version: ApiVersion
    ca_file: Path | None
    topic_prefix: str
    feeds: tuple[Feed, ...]
    start: str
    audit_types: tuple[str, ...]
    filters: Filters


class ProducerSettings(CommonSettings):
    """What the producer needs besides Kafka and the registry."""

    foundation: str = Field(
        default="default", pattern=_NAME, description="Name of the foundation, in each record and checkpoint."
    )
    cf_api: str | None = Field(
        default=None, pattern=_URL, description="Cloud Controller's address, such as https://api.sys.example.com."
    )
    cf_client_id: str | None = Field(
        default=None, description="UAA client with the authority cloud_controller.global_auditor (recommended)."
    )
    cf_client_secret: SecretStr | None = Field(default=None, description="Its secret.")
    cf_username: str | None = Field(default=None, description="User name, where there is no client of our own.")
    cf_password: SecretStr | None = Field(default=None, description="The user's password.")
    cf_api_version: ApiVersion = Field(
        default="auto", description="auto takes v3 where the Cloud Controller has it, else v2; or v3, or v2."
    )
    cf_ca_file: Path | None = Field(
        default=None, description="PEM file of the authority that signed the Cloud Controller's certificate."
    )
    cf_skip_ssl_validation: bool = Field(
        default=False, description="Do not check the Cloud Controller's certificate. For tests; prefer a CA file."
    )
    cf_timeout_seconds: float = Field(default=30, ge=0.1, le=600, description="Longest wait for a part of an answer.")
    foundations: tuple[FoundationSettings, ...] = Field(
        default=(), description="Several foundations, in the YAML file, each with its address: see docs/producer.md."
    )
    settle_seconds: float = Field(
        default=60,
        ge=0,
        le=86400,
        description="How long a row may take to become visible: younger ones wait, by the server's clock.",
    )
    poll_seconds: float = Field(default=10, ge=0.05, le=3600, description="Time between polls when caught up.")
    audit_overlap_seconds: float = Field(
        default=30, ge=0, le=600, description="Audit feed: how far each poll looks back for rows that came late."
    )
    page_size: int = Field(default=5000, ge=1, le=5000, description="Rows asked for at once.")
    start: str = Field(
        default="oldest",
        description="Where a first start begins: oldest, now, a time (2026-01-31T00:00:00Z), or an event's guid.",
    )
    on_gap: Literal["resume", "stop"] = Field(
        default="resume", description="When rows were pruned unread: say it and go on, or say it and end (exit 1)."
    )
    audit_types: str = Field(default="", description="Only these audit event types, separated by commas; empty is all.")
    orgs: str = Field(default="", description="Only rows of these organization guids, separated by commas.")
    spaces: str = Field(default="", description="Only rows of these space guids, separated by commas.")
    keep_actor_names: bool = Field(
        default=True, description="Pass on names of actors, often e-mail addresses (actor_name, actor_username)."
    )
    keep_request_bodies: bool = Field(default=True, description="Pass on data.request of audit events.")
    keep_crash_text: bool = Field(default=True, description="Pass on exit_description of crashes.")
    snapshot_interval_seconds: float = Field(
        default=86400,
        ge=0,
        le=30 * 86400,
        description="Time between snapshots of what runs; 0 leaves only those at the first start and after a gap.",
    )
    share_tails: bool = Field(
        default=True,
        description="Share the tails with producers of the same foundations and feeds; one may then take over.",
    )

    _start = field_validator("start")(_checked_start)

    @property
    def privacy(self) -> Privacy:
        """The switches for personal fields."""
        return Privacy(self.keep_actor_names, self.keep_request_bodies, self.keep_crash_text)

    @property
    def prefixes(self) -> list[str]:
        """The topic prefixes of all foundations."""
        own = self.topic_prefix
        entries = {own if each.topic_prefix is None else each.topic_prefix for each in self.foundations}
        return sorted(entries or {own})

    def resolved(self, feeds: tuple[Feed, ...] = ()) -> list[Foundation]:
        """Return the foundations to read, each with credentials. Raise UsageError with one line.

        ``feeds`` from the command line, else all.
        """
        entries = [self._entry(entry, feeds) for entry in self.foundations]
        found = entries or [self._single(feeds)]
        _refuse_doubles(found)
        return found

    def _credentials(self, name: str) -> Credentials:
        secret = _Kept(_plain(self.cf_client_secret), self.secret_file("cf_client_secret"))
        password = _Kept(_plain(self.cf_password), self.secret_file("cf_password"))
        return _credentials(self.cf_client_id, secret, self.cf_username, password, name)

    def _single(self, feeds: tuple[Feed, ...]) -> Foundation:
        if self.cf_api is None:
            raise UsageError(f"CFSTREAM_CF_API is not set: {type(self).model_fields['cf_api'].description}")
        return Foundation(
            name=self.foundation,
            api=self.cf_api,
            credentials=self._credentials(self.foundation),
            version=self.cf_api_version,
            ca_file=self.cf_ca_file,
            topic_prefix=self.topic_prefix,
            feeds=feeds or FEEDS,
            start=self.start,
            audit_types=_words(self.audit_types),
            filters=Filters(frozenset(_words(self.orgs)), frozenset(_words(self.spaces))),
        )

    def _entry(self, entry: FoundationSettings, feeds: tuple[Feed, ...]) -> Foundation:
        if entry.cf_client_id or entry.cf_username:
            secret = _Kept.of(entry.cf_client_secret, entry.cf_client_secret_file)
            password = _Kept.of(entry.cf_password, entry.cf_password_file)
            credentials = _credentials(entry.cf_client_id, secret, entry.cf_username, password, entry.name)
        else:
            credentials = self._credentials(entry.name)
        return Foundation(
            name=entry.name,
            api=entry.cf_api,
            credentials=credentials,
            version=entry.cf_api_version or self.cf_api_version,
            ca_file=entry.cf_ca_file or self.cf_ca_file,
            topic_prefix=self.topic_prefix if entry.topic_prefix is None else entry.topic_prefix,
            feeds=tuple(feed for feed in entry.feeds or FEEDS if not feeds or feed in feeds),
            start=entry.start or self.start,
            audit_types=entry.audit_types or _words(self.audit_types),
            filters=Filters(frozenset(entry.orgs or _words(self.orgs)), frozenset(entry.spaces or _words(self.spaces))),
        )


class _Kept(NamedTuple):
    """A secret, and the file that holds it, where one does."""

    text: str | None
    file: Path | None

    @classmethod
    def of(cls, secret: SecretStr | None, path: Path | None) -> Self:
        """Return the secret as given, else from its file. Raise UsageError for a file that cannot be read."""
        return cls(_from_file(path), path) if secret is None else cls(_plain(secret), None)


def _credentials(client_id: str | None, secret: _Kept, username: str | None, password: _Kept, name: str) -> Credentials:
    if username is not None:
        if password.text is None:
            raise UsageError(f"foundation {name}: CFSTREAM_CF_PASSWORD is not set, and there is a user name")
        return Credentials(client_id or "cf", secret.text or "", username, password.text, secret.file, password.file)
    if client_id is None or secret.text is None:
        raise UsageError(
            f"foundation {name}: no credentials; set CFSTREAM_CF_CLIENT_ID and CFSTREAM_CF_CLIENT_SECRET "
            "(a UAA client with cloud_controller.global_auditor), or CFSTREAM_CF_USERNAME and CFSTREAM_CF_PASSWORD"
        )
    return Credentials(client_id, secret.text, client_secret_file=secret.file)


def _refuse_doubles(foundations: list[Foundation]) -> None:
    """Refuse two tails that would have one identity, or that would send the same rows to the same topics."""
    names: set[tuple[str, str]] = set()
    sources: set[tuple[str, str]] = set()
    for each in foundations:
        if (each.topic_prefix, each.name) in names:
            raise UsageError(f"foundations: the name {each.name} is given twice; the tails would fence each other")
        if (each.topic_prefix, each.api.rstrip("/").lower()) in sources:
            raise UsageError(
                f"foundations: {each.api} is read twice into the same topics; each row would be sent twice"
            )
        names.add((each.topic_prefix, each.name))
        sources.add((each.topic_prefix, each.api.rstrip("/").lower()))


def _words(text: str) -> tuple[str, ...]:
    return tuple(word for word in (part.strip() for part in text.split(",")) if word)


def _plain(secret: SecretStr | None) -> str | None:
    return None if secret is None else secret.get_secret_value()


def _from_file(path: Path | None) -> str | None:
    if path is None:
        return None
    try:
        return path.read_text("utf-8").rstrip("\r\n")
    except OSError as error:
        raise UsageError(f"foundations: cannot read {path}: {error.strerror}; name a readable file") from error
    except UnicodeDecodeError:
        raise UsageError(f"foundations: {path} is not UTF-8 text") from None
