"""Kafka credentials in the form that Faust takes, from the settings that librdkafka gets too."""

import ssl
from typing import Any

import faust
from aiokafka.helpers import create_ssl_context

from plumbing.clock import SystemClock
from plumbing.errors import UsageError
from plumbing.settings import CommonSettings
from processors.tokens import Tokens, endpoint


def credentials(settings: CommonSettings) -> Any:
    """Return what Faust's ``broker_credentials`` wants, None for a plain connection. Raise UsageError."""
    protocol, mechanism = settings.kafka_security_protocol, settings.kafka_sasl_mechanism
    context = _ssl_context(settings) if protocol.endswith("SSL") else None
    if not protocol.startswith("SASL"):
        return context
    if mechanism == "OAUTHBEARER":
        return faust.OAuthCredentials(oauth_cb=Tokens(endpoint(settings), SystemClock()), ssl_context=context)
    password = settings.kafka_sasl_password
    return faust.SASLCredentials(
        username=settings.kafka_sasl_username,
        password=password.get_secret_value() if password else None,
        mechanism=mechanism,
        ssl_context=context,
    )


def _ssl_context(settings: CommonSettings) -> ssl.SSLContext:
    def path(name: str) -> str | None:
        value = getattr(settings, name)
        return None if value is None else str(value)

    secret = settings.kafka_ssl_key_password
    try:
        context: ssl.SSLContext = create_ssl_context(
            cafile=path("kafka_ssl_ca_file"),
            certfile=path("kafka_ssl_certificate_file"),
            keyfile=path("kafka_ssl_key_file"),
            # Without any, OpenSSL would ask the terminal for the password of a locked key.
            password=secret.get_secret_value() if secret else "",
        )
    except (OSError, ssl.SSLError) as error:
        raise UsageError(f"the Kafka certificates cannot be used: {error}; see CFSTREAM_KAFKA_SSL_*") from error
    return context
