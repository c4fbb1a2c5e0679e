"""Client settings for librdkafka from ours, and the two checks that every process makes at its start."""

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from plumbing.errors import UsageError
from plumbing.settings import CommonSettings

Value = str | int | float | bool
ClientConfig = dict[str, Value]

PARTITIONER = "murmur2_random"
"""Java's partitioner. librdkafka's default is another one, and keys must land where Java clients expect them."""


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


def admin_client(settings: CommonSettings) -> AdminClient:
    """Return an admin client; it connects when first used. Raise UsageError for settings Kafka's client refuses."""
    try:
        return AdminClient(client_config(settings))
    except (KafkaException, ValueError) as error:
        raise UsageError(f"Kafka's client refuses the settings: {error}") from error


def require_broker(settings: CommonSettings, *, timeout_s: float = 10) -> AdminClient:
    """Return an admin client whose broker has answered. Raise UsageError with one line when none does."""
    admin = admin_client(settings)
    try:
        admin.list_topics(timeout=timeout_s)
    except KafkaException as error:
        raise UsageError(
            f"no Kafka broker answers at {settings.kafka_bootstrap_servers} ({error.args[0].str()}): "
            "set CFSTREAM_KAFKA_BOOTSTRAP_SERVERS to a running one, or start the stand-in with: cfstream stack up"
        ) from error
    return admin
