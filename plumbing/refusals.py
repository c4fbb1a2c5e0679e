"""Why no broker lets us in: what librdkafka has heard, and what a look of our own at the address says.

What is final only a person can mend (a password, a certificate), unlike a broker that is away.
"""

import re
import socket
import ssl
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from confluent_kafka import KafkaError

from plumbing.settings import CommonSettings

LOOK_S = 2.0

_PLACE = re.compile(r"^\S+: | \(after \d+ms in state \w+\)")
_ALERT = re.compile(r"alert ([^:]+): SSL alert number (\d+)")
_OF_CERTIFICATES = {*range(42, 47), 48, 116}
"""TLS alerts by which a server refuses the client's certificate, or that there is none (RFC 8446, section 6.2)."""

_CREDENTIALS = "check CFSTREAM_KAFKA_SASL_USERNAME and CFSTREAM_KAFKA_SASL_PASSWORD"
_OAUTH = "check CFSTREAM_KAFKA_OAUTH_TOKEN_URL, CFSTREAM_KAFKA_OAUTH_CLIENT_ID and CFSTREAM_KAFKA_OAUTH_CLIENT_SECRET"
_CERTIFICATE = "check CFSTREAM_KAFKA_SSL_CERTIFICATE_FILE and CFSTREAM_KAFKA_SSL_KEY_FILE"
_PROTOCOL = "set CFSTREAM_KAFKA_SECURITY_PROTOCOL to what this listener speaks"


class Verdict(NamedTuple):
    """What is wrong, and what to do. ``final``: waiting will not help."""

    reason: str
    mend: str
    final: bool = True


def verdict(settings: CommonSettings, heard: Sequence[KafkaError]) -> Verdict | None:
    """Say why no broker lets us in; None where it is just away. Blocks for seconds: it may look at the address.

    ``heard``: what the client reported while it tried.
    """
    texts = [_PLACE.sub("", error.str()) for error in heard]
    for error, text in zip(heard, texts, strict=True):
        if error.code() == KafkaError._AUTHENTICATION:
            return _login(settings, text)
        alert = _ALERT.search(text)
        if alert is not None and int(alert[2]) in _OF_CERTIFICATES:
            return Verdict(
                f"the brokers do not accept our client certificate, or ask for one ({alert[1]})", _CERTIFICATE
            )
    if any(error.code() in _CLOSED for error in heard):
        return _looked_at(settings)
    return None


_CLOSED = {KafkaError._SSL, KafkaError._ALL_BROKERS_DOWN}


def _login(settings: CommonSettings, text: str) -> Verdict:
    mechanism = settings.kafka_sasl_mechanism
    if "handshake failed" in text:
        offered = text.partition("supported mechanisms: ")[2].strip()
        if not offered:
            return Verdict("the brokers want no login at this listener", _PROTOCOL)
        mend = "set CFSTREAM_KAFKA_SASL_MECHANISM to one of them"
        return Verdict(f"the brokers do not offer {mechanism}, but {offered}", mend)
    if "OAUTHBEARER token" in text:
        reason = text.partition("token: ")[2]
        # A token endpoint that is away may come back; one that answers with an error will say it again.
        return Verdict(f"there is no token for Kafka ({reason})", _OAUTH, final='"error"' in reason)
    if mechanism == "OAUTHBEARER":
        reason = text.partition("error: ")[2] or text
        return Verdict(f"the brokers refuse the token ({reason})", "check who issues it, and for which audience")
    return Verdict(f"the brokers refuse user {settings.kafka_sasl_username} ({mechanism})", _CREDENTIALS)


def _looked_at(settings: CommonSettings) -> Verdict | None:
    """Look at the first broker that accepts a connection: its certificate, or that it speaks something else.

    Only a certificate is final: a proxy, too, accepts connections while the broker behind it is away.
    """
    protocol = settings.kafka_security_protocol
    for host, port in _addresses(settings.kafka_bootstrap_servers):
        closes = f"{host}:{port} accepts connections and closes them again when spoken to in {protocol}"
        try:
            with socket.create_connection((host, port), timeout=LOOK_S) as plain:
                if protocol.endswith("SSL"):
                    _context(settings).wrap_socket(plain, server_hostname=host).close()
            return Verdict(closes, _PROTOCOL, final=False)
        except ssl.SSLCertVerificationError as error:
            return _certificate(host, port, error)
        except ssl.SSLError:
            return Verdict(closes, _PROTOCOL, final=False)
        except OSError:
            continue
    return None


def _certificate(host: str, port: int, error: ssl.SSLCertVerificationError) -> Verdict:
    if error.verify_code in _WRONG_NAME:
        mend = "name the brokers in CFSTREAM_KAFKA_BOOTSTRAP_SERVERS as their certificates do, or have them renewed"
    elif error.verify_code in _WRONG_TIME:
        mend = "have it renewed, or set this machine's clock"
    else:
        mend = "set CFSTREAM_KAFKA_SSL_CA_FILE to the PEM file of the authority that signed it"
    return Verdict(f"the certificate of {host}:{port} is not trusted ({error.verify_message.rstrip('.')})", mend)


_WRONG_NAME = {62, 64}
"""X509_V_ERR_HOSTNAME_MISMATCH, X509_V_ERR_IP_ADDRESS_MISMATCH (openssl/x509_vfy.h)."""

_WRONG_TIME = {9, 10}
"""X509_V_ERR_CERT_NOT_YET_VALID, X509_V_ERR_CERT_HAS_EXPIRED."""


def _context(settings: CommonSettings) -> ssl.SSLContext:
    ca = settings.kafka_ssl_ca_file
    return ssl.create_default_context(cafile=None if ca is None else str(ca))


def _addresses(servers: str) -> Iterable[tuple[str, int]]:
    for server in servers.split(","):
        host, _, port = server.strip().rpartition("://")[2].rpartition(":")
        if host and port.isdecimal():
            yield host.strip("[]"), int(port)
