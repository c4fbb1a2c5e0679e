"""What is told where no broker lets us in. The texts are librdkafka 2.16's, as heard from a real broker."""

from typing import Any

import pytest
from confluent_kafka import KafkaError

from plumbing.refusals import verdict
from plumbing.settings import CommonSettings

NOWHERE: dict[str, Any] = {"kafka_bootstrap_servers": "127.0.0.1:9"}
SCRAM = NOWHERE | {
    "kafka_security_protocol": "SASL_SSL",
    "kafka_sasl_mechanism": "SCRAM-SHA-256",
    "kafka_sasl_username": "ann",
}
OAUTH = SCRAM | {"kafka_sasl_mechanism": "OAUTHBEARER"}
LOGIN, TRANSPORT, DOWN = KafkaError._AUTHENTICATION, KafkaError._TRANSPORT, KafkaError._ALL_BROKERS_DOWN
PLACE = "sasl_ssl://kafka:9093/bootstrap: "


@pytest.mark.parametrize(
    ("settings", "heard", "reason", "mend", "final"),
    [
        (
            SCRAM,
            "SASL authentication error: Authentication failed: invalid credentials (after 315ms in state AUTH_REQ)",
            "the brokers refuse user ann (SCRAM-SHA-256)",
            "check CFSTREAM_KAFKA_SASL_USERNAME and CFSTREAM_KAFKA_SASL_PASSWORD",
            True,
        ),
        (
            SCRAM,
            "mechanism handshake failed: broker's supported mechanisms: PLAIN,SCRAM-SHA-512 (after 3ms in state X_Y)",
            "the brokers do not offer SCRAM-SHA-256, but PLAIN,SCRAM-SHA-512",
            "set CFSTREAM_KAFKA_SASL_MECHANISM to one of them",
            True,
        ),
        (
            OAUTH,
            'Failed to acquire SASL OAUTHBEARER token: {"error":"invalid_client"}',
            'there is no token for Kafka ({"error":"invalid_client"})',
            "CFSTREAM_KAFKA_OAUTH_CLIENT_SECRET",
            True,
        ),
        (
            OAUTH,
            "Failed to acquire SASL OAUTHBEARER token: Failed to connect to 127.0.0.1:9",
            "there is no token for Kafka (Failed to connect to 127.0.0.1:9)",
            "CFSTREAM_KAFKA_OAUTH_TOKEN_URL",
            False,
        ),
        (
            OAUTH,
            'SASL authentication error: {"status":"invalid_token"} (after 5ms in state AUTH_REQ)',
            'the brokers refuse the token ({"status":"invalid_token"})',
            "check who issues it, and for which audience",
            True,
        ),
    ],
)
def test_a_login_that_is_refused_names_its_settings(
    settings: dict[str, Any], heard: str, reason: str, mend: str, *, final: bool
) -> None:
    place = "" if heard.startswith("Failed") else PLACE
    found = verdict(CommonSettings.load(**settings), [KafkaError(LOGIN, place + heard)])
    assert found is not None
    assert found.reason == reason
    assert mend in found.mend
    assert found.final is final


def test_a_broker_that_asks_for_a_certificate_is_told_from_one_that_is_away() -> None:
    settings = CommonSettings.load(kafka_security_protocol="SSL", **NOWHERE)
    alert = "Receive failed: error:0A00045C:SSL routines::tlsv13 alert certificate required: SSL alert number 116"
    found = verdict(settings, [KafkaError(TRANSPORT, PLACE + alert)])
    assert found is not None
    assert found.final
    assert "certificate required" in found.reason
    refused = "Connect to ipv4#127.0.0.1:9 failed: Connection refused (after 0ms in state CONNECT)"
    assert verdict(settings, [KafkaError(TRANSPORT, PLACE + refused), KafkaError(DOWN, "1/1 brokers are down")]) is None
