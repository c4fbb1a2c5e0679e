"""Client settings for librdkafka from ours, and the two checks that every process makes at its start."""

import time
from collections import deque
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient

from plumbing.errors import AwayError, UsageError
from plumbing.refusals import Verdict, verdict
from plumbing.settings import CommonSettings

Value = str | int | float | bool
ClientConfig = dict[str, Value]

_TRY_S = 1.0
_SILENT = "set CFSTREAM_KAFKA_BOOTSTRAP_SERVERS to a running one, or start the stand-in with: cfstream stack up"
_HEARD = 20
"""Errors kept: the newest say what is wrong now."""

PARTITIONER = "murmur2_random"
"""Java's partitioner. librdkafka's default is another one, and keys must land where Java clients expect them."""


class NoBrokerError(AwayError):
    """No broker lets us in, and that may heal by itself."""


def client_config(settings: CommonSettings, **more: Value) -> ClientConfig:
    """Return librdkafka's settings to reach the cluster. Raise UsageError where options contradict."""
    config: ClientConfig = {
        "bootstrap.servers": settings.kafka_bootstrap_servers,
        "security.protocol": settings.kafka_security_protocol,
        "client.id": "cfstream",
        # Ours logs the state; librdkafka's lines to stderr would only repeat it.
        "log_level": 2,
    }
    if settings.kafka_ssl_ca_file:
        config["ssl.ca.location"] = str(settings.kafka_ssl_ca_file)
    if settings.kafka_ssl_certificate_file:
        config["ssl.certificate.location"] = str(settings.kafka_ssl_certificate_file)
    if settings.kafka_ssl_key_file:
        config["ssl.key.location"] = str(settings.kafka_ssl_key_file)
    if settings.kafka_ssl_key_password:
        config["ssl.key.password"] = settings.kafka_ssl_key_password.get_secret_value()
    return config | _sasl(settings) | more


def _sasl(settings: CommonSettings) -> ClientConfig:
    if not settings.kafka_security_protocol.startswith("SASL"):
        if settings.kafka_sasl_mechanism:
            raise UsageError(
                "CFSTREAM_KAFKA_SASL_MECHANISM is set but CFSTREAM_KAFKA_SECURITY_PROTOCOL is "
                f"{settings.kafka_security_protocol}: set it to SASL_SSL"
            )
        return {}
    mechanism = settings.kafka_sasl_mechanism
    if mechanism is None:
        raise UsageError("CFSTREAM_KAFKA_SASL_MECHANISM is not set: SASL needs PLAIN, SCRAM-SHA-512 or OAUTHBEARER")
    if mechanism == "OAUTHBEARER":
        if not (
            settings.kafka_oauth_token_url and settings.kafka_oauth_client_id and settings.kafka_oauth_client_secret
        ):
            raise UsageError("OAUTHBEARER needs CFSTREAM_KAFKA_OAUTH_TOKEN_URL, _CLIENT_ID and _CLIENT_SECRET")
        config: ClientConfig = {
            "sasl.mechanism": mechanism,
            "sasl.oauthbearer.method": "oidc",
            "sasl.oauthbearer.token.endpoint.url": settings.kafka_oauth_token_url,
            "sasl.oauthbearer.client.id": settings.kafka_oauth_client_id,
            "sasl.oauthbearer.client.secret": settings.kafka_oauth_client_secret.get_secret_value(),
        }
        if settings.kafka_oauth_scope:
            config["sasl.oauthbearer.scope"] = settings.kafka_oauth_scope
        if settings.kafka_oauth_ca_file:
            config["https.ca.location"] = str(settings.kafka_oauth_ca_file)
        return config
    if not settings.kafka_sasl_username or not settings.kafka_sasl_password:
        raise UsageError(f"{mechanism} needs CFSTREAM_KAFKA_SASL_USERNAME and CFSTREAM_KAFKA_SASL_PASSWORD")
    return {
        "sasl.mechanism": mechanism,
        "sasl.username": settings.kafka_sasl_username,
        "sasl.password": settings.kafka_sasl_password.get_secret_value(),
    }


def registry_options(settings: CommonSettings) -> dict[str, str | float]:
    """Return the options of the registry's client."""
    options: dict[str, str | float] = {}
    if settings.schema_registry_username:
        password = settings.schema_registry_password
        secret = password.get_secret_value() if password else ""
        options["basic.auth.user.info"] = f"{settings.schema_registry_username}:{secret}"
    if settings.schema_registry_ca_file:
        options["ssl.ca.location"] = str(settings.schema_registry_ca_file)
    return options


def admin_client(settings: CommonSettings, heard: Callable[[KafkaError], object] | None = None) -> AdminClient:
    """Return an admin client; it connects when first used. Raise UsageError for settings Kafka's client refuses.

    ``heard`` is told of each error, in a call of the client's.
    """
    config: dict[str, Any] = {**client_config(settings)} | ({} if heard is None else {"error_cb": heard})
    try:
        return AdminClient(config)
    except (KafkaException, ValueError) as error:
        raise UsageError(_unusable_file(settings) or f"Kafka's client refuses the settings: {error}") from None


def require_broker(
    settings: CommonSettings, *, timeout_s: float = 10, given_up: Callable[[], bool] = lambda: False
) -> AdminClient:
    """Return an admin client whose broker has answered. Raise UsageError with one line when none does.

    It is a NoBrokerError where waiting may help. What will not heal is told at once. ``given_up`` is asked each second
    or so, and ends the waiting.
    """
    heard: deque[KafkaError] = deque(maxlen=_HEARD)
    admin = admin_client(settings, heard.append)
    servers = settings.kafka_bootstrap_servers
    # Of several brokers one may refuse while another is just about to answer.
    try_s = _TRY_S * min(3, servers.count(",") + 1)
    deadline = time.monotonic() + timeout_s
    while True:
        try:
            admin.list_topics(timeout=max(0.1, min(try_s, deadline - time.monotonic())))
        except KafkaException as error:
            admin.poll(0)
            late = given_up() or time.monotonic() >= deadline
            found = verdict(settings, list(heard))
            if found is not None and found.final:
                raise UsageError(f"{found.reason}: {found.mend}") from error
            if late:
                silent = Verdict(f"no Kafka broker answers at {servers} ({_reason(error, heard)})", _SILENT)
                raise NoBrokerError(*(found or silent)[:2]) from error
        else:
            return admin


def _reason(error: KafkaException, heard: Iterable[KafkaError]) -> str:
    """Return what the client has heard first; that it got no metadata, where it heard nothing."""
    told = (each.str() for each in heard if each.code() != KafkaError._ALL_BROKERS_DOWN)
    return str(next(told, error.args[0].str()))


def _unusable_file(settings: CommonSettings) -> str | None:
    """Return which of the PEM files cannot be used."""
    for name in ("kafka_ssl_ca_file", "kafka_ssl_certificate_file", "kafka_ssl_key_file"):
        path: Path | None = getattr(settings, name)
        variable = settings.variable(name)
        try:
            text = "-----BEGIN" if path is None else path.read_text("utf-8", "replace")
        except OSError as error:
            return f"{variable}: cannot read {path}: {error.strerror}; name a readable PEM file"
        if "-----BEGIN" not in text:
            return f"{variable}: {path} is no PEM file; name one"
        if "ENCRYPTED" in text:
            return f"{variable}: {path} is locked by a password: check CFSTREAM_KAFKA_SSL_KEY_PASSWORD"
    return None
