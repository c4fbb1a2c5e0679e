"""Settings: environment ``CFSTREAM_*``, a YAML file, and secrets from files.

Order, the first found wins: environment, ``CFSTREAM_<SECRET>_FILE``, YAML file, default. A wrong value ends the
command before anything is started, with one line that names the setting, what is wrong and what it takes.
"""

import contextlib
import difflib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, Self, get_args

import yaml
from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic.fields import FieldInfo
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
)
from pydantic_settings.sources import InitSettingsSource

from plumbing.errors import UsageError

PREFIX = "CFSTREAM_"


class Settings(BaseSettings):
    """Base of the settings classes. Subclasses declare fields with a description and bounds."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_ignore_empty=True, frozen=True, extra="ignore", validate_default=True
    )

    @classmethod
    def load(cls, config: Path | None = None, **given: Any) -> Self:
        """Read and check everything. ``given`` (command line) comes first. Raise UsageError with one line."""
        try:
            return cls(_config=_read_yaml(config), **{k: v for k, v in given.items() if v is not None})
        except ValidationError as error:
            raise UsageError(_sentence(cls, error)) from None
        except SettingsError as error:
            if isinstance(error.__cause__, UsageError):
                raise error.__cause__ from None
            raise UsageError(f"{error}: {error.__cause__}") from error

    def __init__(self, _config: dict[str, Any] | None = None, **given: Any) -> None:
        """Use ``load``, which gives readable errors."""
        super().__init__(**given, _cfstream_config=_config or {})

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - pydantic-settings calls it so
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - as above
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Order the sources as the module says."""
        assert isinstance(init_settings, InitSettingsSource)  # noqa: S101 - what pydantic-settings passes
        config = init_settings.init_kwargs.pop("_cfstream_config", {})
        return (
            init_settings,
            env_settings,
            SecretFiles(settings_cls),
            InitSettingsSource(settings_cls, config),
        )

    @classmethod
    def variable(cls, name: str) -> str:
        """Return the environment variable of a field."""
        return PREFIX + name.upper()

    def secret_file(self, name: str) -> Path | None:
        """Return the file that a secret was read from, to be read again when it is rotated; None for any other way."""
        path = os.environ.get(f"{self.variable(name)}_FILE")
        secret = getattr(self, name)
        if path is None or os.environ.get(self.variable(name)) or not isinstance(secret, SecretStr):
            return None
        with contextlib.suppress(OSError, ValueError):
            if Path(path).read_text("utf-8").rstrip("\r\n") == secret.get_secret_value():
                return Path(path)
        return None


class SecretFiles(EnvSettingsSource):
    """Reads ``CFSTREAM_<NAME>_FILE`` for each secret field: the file's text without the trailing newline."""

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        """Return the secret, or None where no file is set."""
        path = os.environ.get(f"{PREFIX}{field_name.upper()}_FILE")
        if path is None or not is_secret(field):
            return None, field_name, False
        try:
            return Path(path).read_text("utf-8").rstrip("\r\n"), field_name, False
        except OSError as error:
            name = f"{PREFIX}{field_name.upper()}_FILE"
            raise UsageError(f"{name}: cannot read {path}: {error.strerror}; name a readable file") from error
        except UnicodeDecodeError:
            raise UsageError(f"{PREFIX}{field_name.upper()}_FILE: {path} is not UTF-8 text") from None


def is_secret(field: FieldInfo) -> bool:
    """Say whether a field holds a secret."""
    return field.annotation is SecretStr or SecretStr in get_args(field.annotation)


def check_names(config: Path | None, known: set[str]) -> None:
    """Raise UsageError for a key of the YAML file that no part of the product knows, with the nearest name."""
    for key in _read_yaml(config):
        if key not in known:
            near = difflib.get_close_matches(str(key), known, n=1)
            hint = f"did you mean {near[0]}?" if near else "docs/settings.md lists them all"
            raise UsageError(f"{config}: unknown setting {key}; {hint}")


def masked(settings: Settings) -> dict[str, object]:
    """Return the settings for the log at the start; secrets show as stars."""
    return {
        name: "********" if is_secret(field) and getattr(settings, name) is not None else getattr(settings, name)
        for name, field in type(settings).model_fields.items()
    }


def _read_yaml(path: Path | None) -> dict[str, Any]:
    if path is None:
        return {}
    try:
        content = yaml.safe_load(path.read_text("utf-8"))
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}; give --config a readable YAML file") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"{path}: not UTF-8 text") from error
    except yaml.YAMLError as error:
        raise UsageError(f"{path}: not YAML: {' '.join(str(error).split())}") from error
    if content is None:
        return {}
    if not isinstance(content, dict):
        raise UsageError(f"{path}: must be a mapping of settings, such as 'kafka_bootstrap_servers: kafka:9092'")
    return content


def _sentence(cls: type[Settings], error: ValidationError) -> str:
    first = error.errors(include_url=False)[0]
    name = str(first["loc"][0]) if first["loc"] else ""
    field = cls.model_fields.get(name)
    secret = field is not None and is_secret(field)
    where = ".".join([cls.variable(name), *(str(part) for part in first["loc"][1:])]) if name else "settings"
    message = _words(first["type"], first.get("ctx", {})) or first["msg"].removeprefix("Value error, ")
    if first["type"] == "missing":
        return f"{where} is not set: {field.description if field else message}"
    value = "" if secret or not name else f"={first['input']!r}"
    more = f" ({field.description})" if field and field.description else ""
    return f"{where}{value}: {message}{more}"


def _words(kind: str, context: Mapping[str, Any]) -> str | None:
    """Return pydantic's verdict in plain words; None where its own will do."""
    texts = {
        "greater_than_equal": "must be at least {ge}",
        "greater_than": "must be more than {gt}",
        "less_than_equal": "must be at most {le}",
        "less_than": "must be less than {lt}",
        "int_parsing": "must be a whole number",
        "int_from_float": "must be a whole number",
        "float_parsing": "must be a number",
        "bool_parsing": "must be true or false",
        "literal_error": "must be one of {expected}",
        "string_pattern_mismatch": "must look like {pattern}",
        "string_too_short": "must not be empty",
    }
    text = texts.get(kind)
    return None if text is None else text.format_map(context)


class CommonSettings(Settings):
    """What every process needs: Kafka, the registry, topics, logs."""

    kafka_bootstrap_servers: str = Field(
        default="localhost:9092", min_length=1, description="Kafka brokers as host:port, separated by commas."
    )
    kafka_security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = Field(
        default="PLAINTEXT",
        description="How to talk to Kafka; a network you do not own calls for SSL or SASL_SSL.",
    )
    kafka_ssl_ca_file: Path | None = Field(
        default=None, description="PEM file of the authority that signed the brokers' certificates."
    )
    kafka_ssl_certificate_file: Path | None = Field(
        default=None, description="PEM file of the client certificate (mTLS)."
    )
    kafka_ssl_key_file: Path | None = Field(default=None, description="PEM file of the client key (mTLS).")
    kafka_ssl_key_password: SecretStr | None = Field(default=None, description="Password of the client key.")
    kafka_sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "OAUTHBEARER"] | None = Field(
        default=None, description="SASL mechanism, with the SASL protocols."
    )
    kafka_sasl_username: str | None = Field(default=None, description="SASL user name.")
    kafka_sasl_password: SecretStr | None = Field(default=None, description="SASL password.")
    kafka_oauth_token_url: str | None = Field(default=None, description="OAUTHBEARER: the token endpoint.")
    kafka_oauth_client_id: str | None = Field(default=None, description="OAUTHBEARER: the client.")
    kafka_oauth_client_secret: SecretStr | None = Field(default=None, description="OAUTHBEARER: its secret.")
    kafka_oauth_scope: str | None = Field(default=None, description="OAUTHBEARER: scope to ask for.")
    kafka_oauth_ca_file: Path | None = Field(
        default=None, description="OAUTHBEARER: PEM file of the authority that signed the token endpoint's certificate."
    )
    schema_registry_url: str = Field(
        default="http://localhost:8081",
        pattern=r"^https?://",
        description="Schema registry with Confluent's API, as an http or https URL.",
    )
    schema_registry_username: str | None = Field(default=None, description="Registry user name (basic auth).")
    schema_registry_password: SecretStr | None = Field(default=None, description="Registry password.")
    schema_registry_ca_file: Path | None = Field(
        default=None, description="PEM file of the authority that signed the registry's certificate."
    )
    topic_prefix: str = Field(default="cf.", pattern=r"^[A-Za-z0-9._-]*$", description="Put before each topic's name.")
    partitions: int = Field(
        default=12,
        ge=1,
        le=1000,
        description="Partitions of the keyed topics; fixed once they exist. As many workers can share them.",
    )
    replication_factor: int = Field(
        default=-1, ge=-1, le=10, description="Copies of a new topic; -1 leaves it to the cluster's default."
    )
    create_topics: bool = Field(
        default=True,
        description="Create missing topics at the start; false where an operator or cfstream topics apply does.",
    )
    retention_days: int = Field(default=90, ge=1, le=3650, description="How long new event topics keep records.")
    data_dir: Path = Field(default=Path("~/.cache/cfstream"), description="Folder for downloads, logs and stores.")
    log_format: Literal["console", "json"] = Field(default="console", description="console or json, to stderr.")
    log_level: Literal["debug", "info", "warning", "error"] = Field(default="info", description="Least level logged.")
    http_host: str = Field(default="127.0.0.1", description="Address that health and metrics listen on.")
    http_port: int = Field(
        default=0,
        ge=0,
        le=65535,
        description="Port of /livez, /readyz and /metrics; 0 takes a free one and logs it.",
    )

    @field_validator("kafka_bootstrap_servers")
    @classmethod
    def _servers(cls, servers: str) -> str:
        parts = [part.strip() for part in servers.split(",")]
        if not all(parts):
            raise ValueError("must be host:port, or several of them separated by commas")
        return ",".join(parts)

    @property
    def data_folder(self) -> Path:
        """The data folder with ``~`` resolved."""
        return self.data_dir.expanduser()
